//! The files of a table as the query engine knows them: each by its own address, and none that was not checked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result as EngineResult};

use crate::tables::schema::Table;

/// A table of these files.
pub(crate) fn listing(table: Table, files: &[PathBuf]) -> EngineResult<ListingTable> {
    let mut urls = Vec::with_capacity(files.len());
    for file in files {
        urls.push(ListingTableUrl::parse(file_url(file)?)?);
    }

    // each file is named, whatever it is called
    let options = ListingOptions::new(Arc::new(ParquetFormat::new())).with_file_extension("");
    let config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    ListingTable::try_new(config.with_schema(table.schema()))
}

/// The address of a file, in which nothing but letters, digits and a few marks stand for themselves: no name is taken for
/// a pattern.
fn file_url(path: &Path) -> EngineResult<String> {
    let not_text = || DataFusionError::Plan(format!("the path {} is not UTF-8", path.display()));
    let text = path.to_str().ok_or_else(not_text)?;
    let mut url = String::from("file://");
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(url)
}
