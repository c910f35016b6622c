//! Each rule sees a breach that is planted for it.

use super::licenses::is_permissive;
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
    one(&misplaced_libraries(&with("energy", "candle-nn")), "infercost-energy must not depend on candle-nn");
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
    let file = |path: &str, text: &str| SourceFile::new("trace", format!("crates/trace/src/{path}"), text);
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
    none(&found("use crate::b::B;", "// crate::a\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}", ""));

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
    let link = |to: &str, kind: Option<&str>| serde_json::json!({"pkg": to, "dep_kinds": [{"kind": kind}]});
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
