//! Crates can be published: each says what it is, asks for its own kind by version, and holds all that it is built from.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::{list, metadata, none, text};

#[test]
fn crates_can_be_published() {
    let metadata = metadata(&["--no-deps"]);
    let packages = || list(&metadata["packages"]);
    let private: BTreeSet<&str> =
        packages().filter(|one| is_private(one)).map(|one| text(&one["name"])).collect();
    assert!(private.contains("infercost-openai-mock") && packages().count() > private.len() + 10);

    for package in packages().filter(|one| !is_private(one)) {
        none(&unpublishable(package, &private));
        let folder = Path::new(text(&package["manifest_path"])).parent().unwrap();
        none(&included_from_outside(folder, &folder.join("src")));
    }
}

/// `publish = false` reads as a list of no registries.
fn is_private(package: &Value) -> bool {
    package["publish"].as_array().is_some_and(Vec::is_empty)
}

fn unpublishable(package: &Value, private: &BTreeSet<&str>) -> Vec<String> {
    let name = text(&package["name"]);
    let mut breaches = Vec::new();
    if package["description"].is_null() {
        breaches.push(format!("{name} has no description"));
    }

    for dependency in list(&package["dependencies"]).filter(|one| !one["path"].is_null()) {
        let (on, has_version) = (text(&dependency["name"]), dependency["req"] != "*");
        let is_dev = dependency["kind"] == "dev";

        // without a version a dependency of tests is left out of what is published, and any other forbids publishing
        match (private.contains(on), is_dev) {
            (true, true) if has_version => {
                breaches.push(format!("{name}: {on} is not published and has a version"))
            }
            (true, false) => breaches.push(format!("{name} is built on {on}, which is not published")),
            (false, false) if !has_version => breaches.push(format!("{name}: {on} has no version")),
            _ => {}
        }
    }

    breaches
}

/// Files that a crate's source includes from outside its folder, where a published crate has nothing.
fn included_from_outside(root: &Path, folder: &Path) -> Vec<String> {
    let mut breaches = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            breaches.extend(included_from_outside(root, &path));
            continue;
        }
        let source = fs::read_to_string(&path).unwrap_or_default();
        for marker in ["include_str!(\"", "include_bytes!(\""] {
            for part in source.split(marker).skip(1) {
                let file = part.split('"').next().unwrap_or_default();
                if !resolved(&path.parent().unwrap().join(file)).starts_with(root) {
                    breaches.push(format!("{} includes {file}", path.display()));
                }
            }
        }
    }
    breaches
}

/// The path without `..`, links not followed: a link within the crate is packed as what it leads to.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            resolved.pop();
        } else {
            resolved.push(part);
        }
    }
    resolved
}

#[test]
fn breaches_are_seen() {
    let private = BTreeSet::from(["mock"]);
    let package = |dependency: Value| json!({"name": "a", "description": "A.", "dependencies": [dependency]});
    for (kind, name, requirement, expected) in [
        (json!(null), "core", "*", Some("core has no version")),
        (json!(null), "core", "^0.1.0", None),
        (json!(null), "mock", "*", Some("is built on mock")),
        (json!("dev"), "mock", "^0.1.0", Some("has a version")),
        (json!("dev"), "mock", "*", None),
    ] {
        let dependency = json!({"name": name, "req": requirement, "kind": kind, "path": "/x"});
        let breaches = unpublishable(&package(dependency), &private);
        match expected {
            None => assert!(breaches.is_empty(), "{breaches:?}"),
            Some(part) => assert!(breaches.len() == 1 && breaches[0].contains(part), "{breaches:?}"),
        }
    }

    let bare = json!({"name": "a", "description": null, "dependencies": []});
    assert_eq!(unpublishable(&bare, &private), ["a has no description"]);
    assert_eq!(resolved(Path::new("/a/b/../../c")), Path::new("/c"));
}
