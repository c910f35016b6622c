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

use import_circles::circles;
use source_text::{SourceFile, find_word};

/// The arrows between crates: crate → what it is built on. Exactly these. The empty name is the command line.
/// No arrow leads to a stand-in: only tests and benchmarks use them.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("engine", &["core", "kernels"]),
    ("kernels", &[]),
    ("models", &["core"]),
    (
        "run",
        &[
            "analyzer",
            "core",
            "economics",
            "energy",
            "engine",
            "export",
            "harness",
            "models",
            "prices",
            "prompts",
            "served",
            "text",
            "trace",
        ],
    ),
    ("energy", &["core"]),
    ("harness", &["core"]),
    ("trace", &["core", "text"]),
    ("export", &["core", "trace"]),
    ("stats", &["core"]),
    ("cost", &["core"]),
    ("analyzer", &["core", "cost", "stats"]),
    ("prices", &["core", "text"]),
    ("economics", &["core", "cost", "stats"]),
    ("prompts", &["core", "text"]),
    ("text", &[]),
    ("nvml-mock", &[]),
    ("served", &["core"]),
    ("openai-mock", &[]),
    ("page", &["core"]),
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
            "harness",
            "models",
            "monitor",
            "page",
            "prices",
            "run",
            "stats",
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
    ("statrs", &["stats"]),
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
    ("prices", "measures nothing", &["EnergyReading", "InferenceRecord", "RunRecord", "Instant::now"]),
];

/// Licenses that set no terms for the rest of the program.
const PERMISSIVE: [&str; 14] = [
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
];

/// Keys of GGUF metadata that infercost adds to the files it writes; not attributes, whatever they are called.
const GGUF_KEYS: [(&str, &str); 1] = [("models", "infercost.provenance")];

const LONGEST_FILE: usize = 600;

/// Crates whose files still import one another in a circle. A crate leaves the list for good.
const WITH_CIRCLES: &[&str] = &["export", "kernels"];

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

/// The name of one of our crates without `infercost-`; `None` for the benchmarks and for others' crates.
fn short_name(package: &str) -> Option<&str> {
    match package {
        "infercost" => Some(""),
        "infercost-benches" => None,
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

/// True where an SPDX expression leaves a choice that is permissive. `/` is the old way to write `OR`.
fn is_permissive(expression: &str) -> bool {
    let mut flat = expression.replace('/', " OR ");
    while let Some((before, rest)) = flat.split_once('(') {
        let Some((inside, after)) = rest.split_once(')') else { return false };
        let stands_for = if is_permissive(inside) { "MIT" } else { "other" };
        flat = format!("{before}{stands_for}{after}");
    }
    flat.split(" OR ").any(|choice| choice.split(" AND ").all(|one| PERMISSIVE.contains(&one.trim())))
}

/// Packages that building `root` builds: its dependencies and theirs, those of build scripts and tests left out.
fn linked<'m>(metadata: &'m Value, root: &str) -> Vec<&'m Value> {
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
fn built_implementations(metadata: &Value, root: &str) -> Vec<String> {
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
fn copyleft(metadata: &Value, root: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in linked(metadata, root) {
        let license = package["license"].as_str().unwrap_or("none given");
        if !is_permissive(license) {
            breaches.push(format!("{}: {license}", text(&package["name"])));
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
    let found = copyleft(&metadata(&["--filter-platform", host]), "infercost");
    none(&found);
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
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/invariants.md"] {
        none(&missing_tests(&read(document), &exists));
    }
}

/// Who wants to know what happens to a prompt reads these functions, in this order.
#[test]
fn the_way_of_a_prompt_is_a_dozen_functions() {
    let architecture = read("ARCHITECTURE.md");
    let functions = named_functions(&architecture, "## The line that data takes");
    assert!((6..=12).contains(&functions.len()), "{functions:?}");
}

/// Each rule sees a breach that is planted for it.
mod planted {
    use super::*;

    #[track_caller]
    fn one(breaches: &[String], part: &str) {
        assert!(breaches.len() == 1 && breaches[0].contains(part), "{breaches:?}");
    }

    fn sound() -> Dependencies {
        let full = |to: &[&str]| to.iter().map(|short| full_name(short)).collect();
        ARROWS.iter().map(|(from, to)| ((*from).to_owned(), full(to))).collect()
    }

    fn with(from: &str, to: &str) -> Dependencies {
        let mut dependencies = sound();
        dependencies.get_mut(from).unwrap().insert(to.to_owned());
        dependencies
    }

    fn file(short: &'static str, text: &str) -> [SourceFile; 1] {
        [SourceFile::new(short, format!("crates/{short}/src/planted.rs"), text)]
    }

    #[test]
    fn arrows() {
        none(&wrong_arrows(&sound()));
        one(&wrong_arrows(&with("core", "infercost-trace")), "infercost-core must not depend on");
        one(&wrong_arrows(&with("energy", "infercost-engine")), "infercost-energy must not depend on");
        one(&wrong_arrows(&with("trace", "infercost")), "must not depend on infercost");
        let mut changed = sound();
        changed.insert("energy".to_owned(), BTreeSet::new());
        one(&wrong_arrows(&changed), "infercost-energy no longer depends on infercost-core");
        let mut changed = sound();
        changed.insert("telepathy".to_owned(), BTreeSet::new());
        one(&wrong_arrows(&changed), "infercost-telepathy is not in the list");
        let mut changed = sound();
        changed.remove("trace");
        one(&wrong_arrows(&changed), "infercost-trace is missing");
    }

    #[test]
    fn libraries() {
        none(&misplaced_libraries(&sound()));
        one(
            &misplaced_libraries(&with("energy", "candle-nn")),
            "infercost-energy must not depend on candle-nn",
        );
        one(&misplaced_libraries(&with("engine", "hf-hub")), "infercost-engine must not depend on hf-hub");
        one(&misplaced_libraries(&with("core", "opentelemetry-proto")), "infercost-core must not");
    }

    #[test]
    fn words() {
        for (short, rule, words) in NEVER.iter().copied() {
            for word in words {
                let source = format!("/// {word}\nfn f() {{\n    {}();\n}}\n", word.trim_end_matches('*'));
                one(&forbidden_words(&file(short, &source), &[word], rule), ":3: ");
            }
        }
        let found = |source: &str| forbidden_words(&file("core", source), &IMPURE, "is pure");
        one(&found("use std::{collections::HashMap, fs};\n"), "`std::fs`");
        one(&found("use std::{\n    io::{self, Read},\n    fs::{self, File},\n};\n"), "`std::fs`");
        none(&found("use std::collections::HashMap;\nfn fs() {}\n"));
        none(&found("fn f() -> &'static str { \"std::fs\" } // std::fs\n/* std::fs /* */ std::fs */\n"));
    }

    #[test]
    fn prints() {
        let found = |source: &str| forbidden_words(&file("trace", source), &PRINTING, "must not print");
        for print in ["println!(\"x\")", "eprint!(\"x\")", "std::io::stderr().flush()", "dbg!(1)"] {
            one(&found(&format!("fn f() {{ {print}; }}")), "must not print");
        }
        none(&found("fn f() { writeln!(out, \"println!\") }"));
        let tests = "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() { println!(\"{}\", '}'); }\n}\n";
        none(&found(tests));
        one(&found(&format!("{tests}fn h() {{ println!(); }}\n")), ":6: ");
        one(&found("#[cfg(test)]\nmod tests;\nfn h() { println!(); }\n"), ":3: ");
        one(&found("fn f<'a>(x: &'a str, c: char) { if c == '\"' { println!(); } }"), "println!");
    }

    #[test]
    fn attributes() {
        let defined = BTreeSet::from(["infercost.window".to_owned()]);
        let found = |short, source| named_attributes(&file(short, source), &defined);
        one(&found("harness", "const A: &str = \"gen_ai.request.model\";"), "gen_ai.request.model");
        one(&found("", "\nfn f() { g(r#\"infercost.window\"#) }"), ":2: ");
        none(&found("harness", "// \"gen_ai.request.model\""));
        none(&found("", "const A: &str = \"infercost.windows\";"));
        none(&found("trace", "const A: &str = \"llm.provider\";"));
        let (short, key) = GGUF_KEYS[0];
        none(&found(short, &format!("const A: &str = \"{key}\";")));
    }

    #[test]
    fn shapes() {
        one(&misshapen(&file("trace", &"\n".repeat(LONGEST_FILE + 1))), "601 lines");
        none(&misshapen(&file("trace", &"\n".repeat(LONGEST_FILE))));
        let badly_named = [SourceFile::new("trace", "crates/trace/src/utils.rs".to_owned(), "")];
        one(&misshapen(&badly_named), "name it by what it does");
    }

    #[test]
    fn import_circles() {
        let file =
            |path: &str, text: &str| SourceFile::new("trace", format!("crates/trace/src/{path}"), text);
        let root = || file("lib.rs", "mod a;\nmod b;\nmod c;\npub use b::{B, Other};\n");
        let found = |a: &str, b: &str, c: &str| {
            let files = [root(), file("a.rs", a), file("b/mod.rs", b), file("b/c.rs", c)];
            misplaced_circles(&[("trace", &files)], &[])
        };
        none(&found("use crate::b::B;", "use std::fs;", "use super::B;"));
        one(&found("use crate::b::B;", "use crate::{fs, a::{A, C}};", ""), "a.rs, crates/trace/src/b/mod.rs");
        one(&found("fn f() { crate::b::g() }", "use super::a::A;", ""), "a.rs, ");
        // by a name that the root passes on, and by way of a submodule
        one(&found("use crate::B;", "use crate::a::A;", ""), "a.rs, ");
        one(&found("use crate::b::c::C;", "", "use crate::a::A;"), "b/c.rs");
        // a module and what it takes from below it are one room
        none(&found("", "mod c;\nuse c::C;\nuse self::c::D;", "use super::B;"));
        // tests and comments do not count
        none(&found(
            "use crate::b::B;",
            "// crate::a\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}",
            "",
        ));

        let files = [root(), file("a.rs", "use crate::b::B;"), file("b.rs", "use crate::a::A;")];
        none(&misplaced_circles(&[("trace", &files)], &["trace"]));
        one(&misplaced_circles(&[("trace", &[root()])], &["trace"]), "take it off the list");
    }

    #[test]
    fn licenses() {
        for good in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            assert!(is_permissive(good), "{good}");
        }
        for bad in ["MPL-2.0", "MIT AND GPL-3.0", "", "LGPL-2.1-or-later", "(GPL-2.0 OR MPL-2.0) AND MIT"] {
            assert!(!is_permissive(bad), "{bad}");
        }
        let package =
            |name: &str, license: &str| serde_json::json!({"id": name, "name": name, "license": license});
        let link =
            |to: &str, kind: Option<&str>| serde_json::json!({"pkg": to, "dep_kinds": [{"kind": kind}]});
        let (free, bound) = ("MIT", "GPL-3.0");
        let metadata = serde_json::json!({
            "packages": [package("root", free), package("a", free), package("b", bound), package("c", bound)],
            "resolve": {"nodes": [
                {"id": "root", "deps": [link("a", None), link("c", Some("dev"))]},
                {"id": "a", "deps": [link("b", None)]},
                {"id": "b", "deps": []},
                {"id": "c", "deps": []}
            ]}
        });
        one(&copyleft(&metadata, "root"), "b: GPL-3.0");
    }

    #[test]
    fn implementations() {
        let package = |name: &str| serde_json::json!({"id": name, "name": name});
        let link = |to: &str| serde_json::json!({"pkg": to, "dep_kinds": [{"kind": null}]});
        let metadata = serde_json::json!({
            "packages": [package("root"), package("a"), package("candle-core")],
            "resolve": {"nodes": [
                {"id": "root", "deps": [link("a")]},
                {"id": "a", "deps": [link("candle-core")]},
                {"id": "candle-core", "deps": []}
            ]}
        });
        one(&built_implementations(&metadata, "root"), "root builds candle-core");
    }

    #[test]
    fn documents() {
        let read = |file: &str| (file == "a/b.rs").then(|| "#[test]\nfn works() {}\n".to_owned());
        none(&missing_tests("see `a/b.rs::works`", &read));
        one(&missing_tests("see `a/b.rs::work`", &read), "a/b.rs::work");
        one(&missing_tests("see `a/c.rs::works`", &read), "a/c.rs::works");
        one(&missing_rows("| `serde` | data |\n", ["serde", "toml"]), "toml");
    }
}
