//! What ARCHITECTURE.md says about the crates, as tests: who may depend on whom, what each must never do, and
//! that the documents name what is there.
//!
//! Every rule is a function from what it looks at to a list of breaches, and is tried on a planted breach as
//! well, so that it cannot pass by seeing nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the workspace has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[path = "architecture/source_text.rs"]
mod source_text;

#[path = "architecture/import_circles.rs"]
mod import_circles;

#[path = "architecture/licenses.rs"]
mod licenses;

#[path = "architecture/planted.rs"]
mod planted;

#[path = "architecture/promises.rs"]
mod promises;

#[path = "architecture/published.rs"]
mod published;

#[path = "architecture/scripts.rs"]
mod scripts;

use import_circles::circles;
use licenses::{built_implementations, copyleft, linked};
use source_text::{SourceFile, find_word};

/// The arrows between crates: crate → what it is built on. Exactly these. The empty name is the command line.
/// No arrow leads to a stand-in: only tests and benchmarks use them.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("engine", &["core", "kernels", "weights"]),
    ("kernels", &[]),
    ("models", &["core", "weights"]),
    ("weights", &["core"]),
    (
        "run",
        &[
            "analyzer",
            "core",
            "cost",
            "economics",
            "energy",
            "engine",
            "export",
            "harness",
            "models",
            "prices",
            "prompts",
            "served",
            "sprint",
            "stats",
            "text",
            "trace",
        ],
    ),
    ("sprint", &["core", "stats", "text"]),
    ("energy", &["core"]),
    ("harness", &["core"]),
    ("trace", &["core", "text"]),
    ("export", &["core", "trace"]),
    ("fleet", &["analyzer", "core", "prices", "trace"]),
    ("stats", &["core"]),
    ("cost", &["core"]),
    ("analyzer", &["core", "cost", "stats"]),
    ("prices", &["core", "text"]),
    ("economics", &["core", "cost", "stats"]),
    ("prompts", &["core", "text"]),
    ("text", &["core"]),
    ("nvml-mock", &[]),
    ("served", &["core"]),
    ("openai-mock", &[]),
    ("page", &["core"]),
    ("ingest", &["core", "export", "fleet", "store", "trace"]),
    ("store", &["core", "trace"]),
    ("monitor", &["core", "cost", "energy", "export", "trace"]),
    (
        "",
        &[
            "analyzer",
            "core",
            "economics",
            "energy",
            "engine",
            "export",
            "fleet",
            "harness",
            "ingest",
            "models",
            "monitor",
            "page",
            "prices",
            "run",
            "sprint",
            "stats",
            "store",
            "text",
            "trace",
        ],
    ),
];

/// Libraries that only some crates may know: name, or its beginning with `*` → crates.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("reqwest", &["served"]),
    ("candle-*", &["engine", "models"]),
    ("tokenizers", &["engine"]),
    ("minijinja*", &["engine", "page"]),
    ("hf-hub", &["models"]),
    ("nvml-wrapper", &["energy"]),
    ("opentelemetry*", &["export", "monitor", "trace"]),
    ("prost", &["export", "trace"]),
    ("tonic", &["export"]),
    ("object_store", &["store"]),
    ("statrs", &["stats"]),
    ("datafusion*", &["fleet"]),
    ("ballista*", &["fleet"]),
    ("clap*", &[""]),
    ("indicatif", &[""]),
    ("ratatui*", &[""]),
    ("anyhow", &["", "run"]),
];

/// Crates that know only the ports, and the libraries behind the ports that building them must not build.
const WITHOUT_IMPLEMENTATIONS: [&str; 2] = ["infercost-harness", "infercost-served"];
const IMPLEMENTATIONS: [&str; 5] = ["candle-*", "minijinja*", "nvml-wrapper*", "tokenizers", "hf-hub"];

/// What makes a function depend on more than its arguments: clock, files, network, surroundings, chance.
const IMPURE: [&str; 15] = [
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "File::open",
    "File::create",
    "thread_rng",
    "rand::rng",
    "from_os_rng",
    "from_entropy",
];

const PRINTING: [&str; 7] = ["println!", "print!", "eprintln!", "eprint!", "dbg!", "stdout()", "stderr()"];

/// Words that must not occur in a crate's code: crate, the rule, words. A final `*` stands for the rest of a
/// name. Comments, strings and test modules do not count.
const NEVER: &[(&str, &str, &[&str])] = &[
    ("core", "does no I/O and reads no clock", &IMPURE),
    ("analyzer", "does no I/O, reads no clock and leaves nothing to chance", &IMPURE),
    ("economics", "does no I/O, reads no clock and leaves nothing to chance", &IMPURE),
    (
        "engine",
        "reads no meter, knows no price and fetches nothing",
        &["EnergyMeter", "EnergyReading", "Joules", "Watts", "Price*", "Money", "std::net", "hf_hub"],
    ),
    (
        "served",
        "reads no meter, knows no price and stamps no time on an answer",
        &["EnergyMeter", "EnergyReading", "Joules", "Watts", "Price*", "Money", "ChunkArrival", "SystemTime"],
    ),
    (
        "energy",
        "does not know what a model is",
        &["Prompt*", "VariantId", "EngineIdentity", "InferenceRecord", "Price*", "Money", "candle*"],
    ),
    (
        "harness",
        "knows neither cost nor quality",
        &["Price*", "Money", "Policy", "Verdict", "Recommendation", "TaskScore", "Divergence"],
    ),
    ("trace", "computes no metric", &["Estimate", "Verdict", "Recommendation", "Report"]),
    (
        "export",
        "computes no number and names no price",
        &["Estimate", "Verdict", "Policy", "Report", "PriceBook"],
    ),
    ("prompts", "does no I/O, reads no clock and leaves nothing to chance", &IMPURE),
    (
        "monitor",
        "prints nothing and changes nothing that it watches",
        &["ratatui*", "std::process", "stdout()", "stderr()"],
    ),
    ("sprint", "does no I/O, reads no clock and leaves nothing to chance", &IMPURE),
    (
        "fleet",
        "measures nothing, judges nothing and computes no cost of its own",
        &["EnergyMeter", "Policy", "Instant::now", "SystemTime::now", "infercost_cost", "std::net"],
    ),
    ("weights", "opens no file and fetches nothing", &["std::fs", "File::open", "std::net", "std::env"]),
    ("prices", "measures nothing", &["EnergyReading", "InferenceRecord", "RunRecord", "Instant::now"]),
];

/// Keys of GGUF metadata that infercost adds to the files it writes; not attributes, whatever they are called.
const GGUF_KEYS: [(&str, &str); 1] = [("models", "infercost.provenance")];

const LONGEST_FILE: usize = 600;

/// Crates whose files still import one another in a circle. A crate leaves the list for good.
const WITH_CIRCLES: &[&str] = &[];

type Dependencies = BTreeMap<String, BTreeSet<String>>;

#[track_caller]
fn none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}\n", breaches.join("\n"));
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(arguments)
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The name of one of our crates without `infercost-`; `None` for the benchmarks, the entries of the fuzz targets and others'
/// crates.
fn short_name(package: &str) -> Option<&str> {
    match package {
        "infercost" => Some(""),
        "infercost-benches" | "infercost-fuzz-entries" => None,
        _ => package.strip_prefix("infercost-"), // also leaves out `dirs`, which stands in for a library
    }
}

fn full_name(short: &str) -> String {
    if short.is_empty() { "infercost".to_owned() } else { format!("infercost-{short}") }
}

/// What each of our crates is built on; what only its tests use does not count.
fn dependencies(metadata: &Value) -> Dependencies {
    let mut all = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        let Some(short) = short_name(text(&package["name"])) else { continue };
        let built = list(&package["dependencies"]).filter(|one| one["kind"] != "dev");
        all.insert(short.to_owned(), built.map(|one| text(&one["name"]).to_owned()).collect());
    }
    all
}

fn wrong_arrows(dependencies: &Dependencies) -> Vec<String> {
    let mut breaches = Vec::new();
    for short in dependencies.keys().filter(|short| !ARROWS.iter().any(|(known, _)| known == short)) {
        breaches.push(format!("{} is not in the list of crates", full_name(short)));
    }
    for &(short, allowed) in ARROWS {
        let name = full_name(short);
        let Some(found) = dependencies.get(short) else {
            breaches.push(format!("{name} is missing"));
            continue;
        };
        let found: BTreeSet<&str> = found.iter().filter_map(|name| short_name(name)).collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let more =
            found.difference(&allowed).map(|to| format!("{name} must not depend on {}", full_name(to)));
        breaches.extend(more);
        let less = allowed.difference(&found);
        breaches.extend(less.map(|to| format!("{name} no longer depends on {}", full_name(to))));
    }
    breaches
}

fn misplaced_libraries(dependencies: &Dependencies) -> Vec<String> {
    let mut breaches = Vec::new();
    for &(library, allowed) in LIBRARIES {
        for (short, names) in dependencies.iter().filter(|(short, _)| !allowed.contains(&short.as_str())) {
            let found = names.iter().filter(|name| is_named(name, library));
            breaches.extend(found.map(|name| format!("{} must not depend on {name}", full_name(short))));
        }
    }
    breaches
}

/// True where `pattern` is the name, or its beginning followed by `*`.
fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

/// Sources of one crate, or of all where `only` is `None`.
fn sources(only: Option<&str>) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for (short, _) in ARROWS.iter().filter(|(short, _)| only.is_none_or(|only| only == *short)) {
        let folder = if short.is_empty() { "infercost" } else { short };
        let before = files.len();
        let mut folders = vec![workspace().join("crates").join(folder).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs") {
                    let name = path.strip_prefix(workspace()).unwrap().to_string_lossy().into_owned();
                    files.push(SourceFile::new(short, name, &fs::read_to_string(&path).unwrap()));
                }
            }
        }
        assert!(files.len() > before, "no sources of {}", full_name(short));
    }
    files
}

fn forbidden_words(files: &[SourceFile], words: &[&str], rule: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| !file.is_test) {
        for word in words {
            let lines = find_word(&file.code, word).into_iter();
            breaches
                .extend(lines.map(|line| format!("{}:{line}: `{word}`, but this crate {rule}", file.path)));
        }
    }
    breaches
}

/// Attribute names outside infercost-trace: those it defines, and whatever begins as the conventions' names do.
fn named_attributes(files: &[SourceFile], defined: &BTreeSet<String>) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files.iter().filter(|file| !file.is_test && file.short != "trace") {
        for (line, name) in &file.strings {
            let conventional =
                ["gen_ai.", "llm.", "openinference."].iter().any(|start| name.starts_with(start));
            let is_gguf_key = GGUF_KEYS.contains(&(file.short, name.as_str()));
            if (conventional || defined.contains(name)) && !is_gguf_key {
                breaches
                    .push(format!("{}:{line}: only infercost-trace names attributes: {name:?}", file.path));
            }
        }
    }
    breaches
}

fn misshapen(files: &[SourceFile]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in files {
        let stem = Path::new(&file.path).file_stem().unwrap().to_string_lossy().into_owned();
        if ["utils", "util", "common", "helpers", "misc"].contains(&stem.as_str()) {
            breaches.push(format!("{}: name it by what it does", file.path));
        }
        if file.lines > LONGEST_FILE {
            let (path, lines) = (&file.path, file.lines);
            breaches.push(format!("{path}: {lines} lines; split it by noun at {LONGEST_FILE}"));
        }
    }
    breaches
}

/// Circles of files in crates that are not excepted, and exceptions that are none any more.
fn misplaced_circles(crates: &[(&str, &[SourceFile])], excepted: &[&str]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (short, files) in crates {
        let found = circles(files);
        let is_excepted = excepted.contains(short);
        if is_excepted && found.is_empty() {
            breaches.push(format!("{} has no circle any more: take it off the list", full_name(short)));
        }
        for circle in found.iter().filter(|_| !is_excepted) {
            breaches.push(format!("these import one another: {}", circle.join(", ")));
        }
    }
    breaches
}

/// Tests that a document names as `path/to/file.rs::test` and that are not there.
fn missing_tests(document: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut breaches = Vec::new();
    for (file, test) in document.split('`').filter_map(|word| word.split_once(".rs::")) {
        let file = format!("{file}.rs");
        let there = read(&file).is_some_and(|source| !find_word(&source, &format!("fn {test}")).is_empty());
        if !there {
            breaches.push(format!("there is no test `{file}::{test}`"));
        }
    }
    breaches
}

/// The documents of the top folder and of `docs`.
fn documents() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "docs/"] {
        for entry in fs::read_dir(workspace().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                found.push(format!("{folder}{name}"));
            }
        }
    }
    assert!(found.iter().any(|document| document == "docs/energy.md"), "{found:?}");
    found
}

/// Functions that a document names as `path/to/file.rs::function`, in the section under a heading.
fn named_functions<'d>(document: &'d str, heading: &str) -> Vec<&'d str> {
    let section = document.split_once(heading).map_or("", |(_, rest)| rest);
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    section.split('`').filter(|word| word.contains(".rs::")).collect()
}

/// Names without a row of their own in the document's tables.
fn missing_rows<'a>(document: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let has_row = |name: &str| document.lines().any(|line| line.starts_with(&format!("| `{name}` |")));
    names.into_iter().filter(|name| !has_row(name)).map(|name| format!("no row for `{name}`")).collect()
}

#[test]
fn arrows_point_one_way() {
    none(&wrong_arrows(&dependencies(&metadata(&["--no-deps"]))));
}

#[test]
fn libraries_stay_in_their_crates() {
    none(&misplaced_libraries(&dependencies(&metadata(&["--no-deps"]))));
}

#[test]
fn each_must_never_holds() {
    for (short, rule, words) in NEVER.iter().copied() {
        none(&forbidden_words(&sources(Some(short)), words, rule));
    }
}

#[test]
fn only_the_command_line_prints() {
    let mut files = sources(None);
    files.retain(|file| !file.short.is_empty());
    none(&forbidden_words(&files, &PRINTING, "must not print"));
}

#[test]
fn only_trace_names_span_attributes() {
    let mut trace = sources(Some("trace"));
    trace.retain(|file| file.path.ends_with("/attributes.rs"));
    let strings = trace.into_iter().flat_map(|file| file.strings);
    let defined: BTreeSet<String> = strings.map(|(_, name)| name).filter(|name| name.contains('.')).collect();
    assert!(defined.len() > 10, "only {defined:?}");
    none(&named_attributes(&sources(None), &defined));
}

#[test]
fn files_are_short_and_named_by_their_job() {
    none(&misshapen(&sources(None)));
}

#[test]
fn files_import_one_another_in_no_circle() {
    let mut breaches = Vec::new();
    for (short, _) in ARROWS {
        breaches.extend(misplaced_circles(&[(short, &sources(Some(short)))], WITH_CIRCLES));
    }
    none(&breaches);
}

#[test]
fn nothing_copyleft_is_linked() {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(rustc.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let everything = metadata(&["--filter-platform", host, "--features", "infercost/cluster"]);
    assert!(
        linked(&everything, "infercost").iter().any(|one| one["name"] == "ballista-core"),
        "not everything"
    );
    let found = copyleft(&everything, "infercost");
    none(&found);

    // a registry knows nothing of what stands in for `dirs` here: without hf-hub nothing asks for it
    let asks = |metadata: &Value| linked(metadata, "infercost").iter().any(|one| one["name"] == "dirs");
    let without_hub = ["--no-default-features", "--features", "infercost/cluster"];
    assert!(asks(&everything), "the rule sees nothing");
    assert!(!asks(&metadata(&[&["--filter-platform", host], &without_hub[..]].concat())));
}

#[test]
fn ports_are_seen_without_their_implementations() {
    let metadata = metadata(&[]);
    for root in WITHOUT_IMPLEMENTATIONS {
        assert!(linked(&metadata, root).len() > 10, "{root} is not there");
        none(&built_implementations(&metadata, root));
    }
    assert!(!built_implementations(&metadata, "infercost").is_empty(), "the rule sees nothing");
}

#[test]
fn models_holds_manifests_and_no_weights() {
    for entry in fs::read_dir(workspace().join("models")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(name.ends_with(".toml") || name == "README.md", "models/{name} is no manifest");
    }
}

#[test]
fn documents_name_every_crate_and_library() {
    let metadata = metadata(&["--no-deps"]);
    let mut libraries = BTreeSet::new();
    let mut crates = BTreeSet::new();
    for package in list(&metadata["packages"]) {
        crates.extend(short_name(text(&package["name"])).map(full_name));
        let names = list(&package["dependencies"]).map(|one| text(&one["name"]));
        libraries.extend(names.filter(|name| !name.starts_with("infercost")));
    }
    let architecture = read("ARCHITECTURE.md");
    let crates = || crates.iter().map(String::as_str);
    none(&missing_rows(&architecture, crates()));
    none(&missing_rows(&architecture, libraries));
    none(&missing_rows(&read("crates/README.md"), crates()));
}

#[test]
fn documents_name_tests_that_exist() {
    let invariants = read("docs/invariants.md");
    assert!(invariants.contains(".rs::"), "no invariant names its test");
    let exists = |file: &str| fs::read_to_string(workspace().join(file)).ok();
    let mut breaches = Vec::new();
    for document in documents() {
        let missing = missing_tests(&read(&document), &exists).into_iter();
        breaches.extend(missing.map(|breach| format!("{document}: {breach}")));
    }
    none(&breaches);
}

/// Who wants to know what happens to a prompt reads these functions, in this order.
#[test]
fn the_way_of_a_prompt_is_a_dozen_functions() {
    let architecture = read("ARCHITECTURE.md");
    let functions = named_functions(&architecture, "## The line that data takes");
    assert!((6..=12).contains(&functions.len()), "{functions:?}");
}
