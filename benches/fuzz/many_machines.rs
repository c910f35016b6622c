//! Parsers of what many machines share: stores, and the tables that go with tables.

use infercost_fleet::question::prices::DatedPrices;
use infercost_fleet::question::revenue::Revenue;
use infercost_store::Manifest;
use infercost_store::tables::entry::LogEntry;

use crate::texts::text;

/// A table of dated prices, as `fleet --prices` takes it.
pub fn fuzz_dated_prices(data: &[u8]) {
    if let Some(text) = text(data) {
        let _ = DatedPrices::parse(text);
    }
}

/// A table of revenue, as `fleet --revenue` takes it.
pub fn fuzz_revenue(data: &[u8]) {
    if let Some(text) = text(data) {
        let _ = Revenue::parse(text);
    }
}

/// The manifest of a run in a store.
pub fn fuzz_store_manifest(data: &[u8]) {
    let _ = Manifest::read(data, "20261129-101500-ab12");
}

/// An entry of the log of tables in a store. What is read can lead nowhere else.
pub fn fuzz_tables_log(data: &[u8]) {
    let Ok(entry) = LogEntry::read(data, 7) else { return };
    for file in &entry.files {
        let leads_out = file.object.split('/').any(|part| part.is_empty() || part.starts_with('.'));
        assert!(!leads_out && !file.object.contains('\\'), "{}", file.object);
    }
}
