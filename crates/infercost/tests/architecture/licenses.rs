//! Licenses of what is linked, and what is built with a crate.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{IMPLEMENTATIONS, is_named, list, text};

/// Licenses that set no terms for the rest of the program.
const PERMISSIVE: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// True where an SPDX expression leaves a choice that is permissive. `/` is the old way to write `OR`.
pub(crate) fn is_permissive(expression: &str) -> bool {
    let mut flat = expression.replace('/', " OR ");
    while let Some((before, rest)) = flat.split_once('(') {
        let Some((inside, after)) = rest.split_once(')') else { return false };
        let stands_for = if is_permissive(inside) { "MIT" } else { "other" };
        flat = format!("{before}{stands_for}{after}");
    }
    flat.split(" OR ").any(|choice| choice.split(" AND ").all(|one| PERMISSIVE.contains(&one.trim())))
}

/// Packages that building `root` builds: its dependencies and theirs, those of build scripts and tests left out.
pub(crate) fn linked<'m>(metadata: &'m Value, root: &str) -> Vec<&'m Value> {
    let by_id = |items| list(items).map(|one| (text(&one["id"]), one)).collect::<BTreeMap<&str, &Value>>();
    let packages = by_id(&metadata["packages"]);
    let nodes = by_id(&metadata["resolve"]["nodes"]);

    let mut waiting: Vec<&str> =
        packages.iter().filter(|(_, package)| package["name"] == root).map(|(id, _)| *id).collect();
    let mut linked = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if linked.insert(id) {
            let is_linked = |to: &&Value| list(&to["dep_kinds"]).any(|kind| kind["kind"].is_null());
            waiting.extend(list(&nodes[id]["deps"]).filter(is_linked).map(|to| text(&to["pkg"])));
        }
    }

    linked.into_iter().map(|id| packages[id]).collect()
}

/// Implementations that building `root` builds, although it only knows ports.
pub(crate) fn built_implementations(metadata: &Value, root: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in linked(metadata, root) {
        let name = text(&package["name"]);
        if IMPLEMENTATIONS.iter().any(|pattern| is_named(name, pattern)) {
            breaches.push(format!("{root} builds {name}"));
        }
    }
    breaches
}

/// What `root` links under terms that are not permissive.
pub(crate) fn copyleft(metadata: &Value, root: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in linked(metadata, root) {
        let license = package["license"].as_str().unwrap_or("none given");
        if !is_permissive(license) {
            breaches.push(format!("{}: {license}", text(&package["name"])));
        }
    }
    breaches
}
