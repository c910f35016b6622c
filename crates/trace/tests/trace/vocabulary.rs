//! Only this crate names span attributes.

use std::path::Path;

const OURS: [&str; 5] =
    ["\"gen_ai.", "\"infercost.energy", "\"infercost.engine", "\"openinference.", "\"llm.token_count"];

fn offences(folder: &Path, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files += offences(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for (line, text) in (1..).zip(text.lines()) {
                if OURS.iter().any(|name| text.contains(name)) {
                    found.push(format!("{}:{line}: {}", path.display(), text.trim()));
                }
            }
        }
    }
    files
}

#[test]
fn no_other_crate_names_a_span_attribute() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(crates).unwrap() {
        let source = entry.unwrap().path().join("src");
        if source.is_dir() && !source.starts_with(env!("CARGO_MANIFEST_DIR")) {
            files += offences(&source, &mut found);
        }
    }
    assert!(files > 10, "the other crates were not found");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn this_crate_names_each_attribute_in_one_file() {
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    offences(&mapping, &mut found);
    found.retain(|place| !place.contains("attributes.rs:"));
    assert!(found.is_empty(), "{}", found.join("\n"));
    let mut named = Vec::new();
    offences(&mapping, &mut named);
    assert!(named.len() > 10, "the search finds nothing at all");
}
