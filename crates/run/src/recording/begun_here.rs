//! Runs that this user has begun and not finished.
//!
//! A run's folder may have come from anywhere, and its header names servers and instruments. They are asked, with the
//! keys of this environment, only by whoever named them: this user began the run and the header still says the same, or
//! says so now. What was begun is noted in the user's own cache, where no folder that was received can write.

use std::fs;
use std::path::PathBuf;

use infercost_core::RunSpec;
use infercost_core::run::RunHeader;
use infercost_served::ServedAddress;
use sha2::{Digest, Sha256};

use crate::models;
use crate::usage::usage;

/// Notes that this user begins the run. Where the cache cannot be written, whoever resumes the run has to say that its
/// addresses may be asked.
pub(super) fn note(header: &RunHeader) {
    let Some(file) = file(header) else { return };
    let addresses = header.spec.as_ref().map(addresses).unwrap_or_default();
    if addresses.is_empty() {
        return;
    }

    let folder = file.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = folder.and_then(|()| fs::write(&file, digest(&addresses))) {
        tracing::debug!("{} cannot be written: {error}", file.display());
    }
}

/// Forgets a run that is finished.
pub(super) fn forget(header: &RunHeader) {
    if let Some(file) = file(header) {
        // most runs ask nobody, and have no note
        let _ = fs::remove_file(file);
    }
}

/// Checks before anybody is asked that a run which goes on asks whom this user named.
///
/// # Errors
/// A usage error with the addresses that the run names.
pub(super) fn check(header: &RunHeader, spec: &RunSpec, is_trusted: bool) -> anyhow::Result<()> {
    let addresses = addresses(spec);
    if addresses.is_empty() || is_trusted {
        return Ok(());
    }
    let noted = file(header).and_then(|file| infercost_text::read(&file, 1024, "note").ok());
    if noted.is_some_and(|noted| noted == digest(&addresses)) {
        return Ok(());
    }

    let (id, addresses) = (&header.id, addresses.join(", "));
    Err(usage(format!(
        "run {id} was not begun here, or was changed, and asks {}; --resume={id} --trust asks, with the keys of this \
         environment",
        addresses.escape_debug()
    )))
}

/// Whom a run asks: servers, hosted models and instruments with an address.
fn addresses(spec: &RunSpec) -> Vec<&str> {
    let models = spec.models.iter().chain(&spec.hosted).map(String::as_str);
    let mut addresses: Vec<&str> = models.filter(|model| ServedAddress::is_meant(model)).collect();

    // `rapl` is of this machine, `shelly:192.168.1.20` is not
    if let Some((_, address)) = spec.meter.instrument.split_once(':') {
        addresses.push(address);
    }
    addresses
}

/// Where a run is noted: by its name and its salt, since runs of two folders may share a name.
fn file(header: &RunHeader) -> Option<PathBuf> {
    let salt = header.salt.as_deref().unwrap_or_default();
    let name = hex(&Sha256::digest(format!("{}\n{salt}", header.id)));
    Some(models::cache_root().ok()?.join("begun").join(name))
}

/// What tells these addresses from others.
fn digest(addresses: &[&str]) -> String {
    hex(&Sha256::digest(addresses.join("\n")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
