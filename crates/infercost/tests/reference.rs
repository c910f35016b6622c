//! The whole command line as its users read it: `--help` of every command, and rules that its flags keep.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

#[expect(dead_code, reason = "other tests read JSON")]
mod program;

#[cfg(feature = "fleet")]
use std::fmt::Write as _;

use program::run;

/// What `--help` says of a command, and of each below it.
fn reference(path: &[&str], all: &mut Vec<(String, String)>) {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &[path, &["--help"]].concat());
    assert!(output.status.success(), "{path:?}");
    let help = String::from_utf8(output.stdout).unwrap();
    all.push((["infercost"].iter().chain(path).copied().collect::<Vec<_>>().join(" "), help.clone()));

    let commands = help.split_once("\nCommands:\n").map_or("", |(_, rest)| rest);
    for line in commands.lines().take_while(|line| !line.trim().is_empty()) {
        let name = line.trim_start().split(' ').next().unwrap();
        // a description that goes on in the next line begins further right
        let is_command = line.starts_with("  ") && !line.starts_with("   ");
        if is_command && name != "help" {
            reference(&[path, &[name]].concat(), all);
        }
    }
}

fn whole() -> Vec<(String, String)> {
    let mut all = Vec::new();
    reference(&[], &mut all);
    all
}

/// With every feature that adds commands: without it there are fewer.
#[cfg(feature = "fleet")]
#[test]
fn every_command_and_flag() {
    let mut text = String::new();
    for (command, help) in whole() {
        let help = help.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        writeln!(text, "$ {command} --help\n{help}\n").unwrap();
    }
    insta::assert_snapshot!(text);
}

/// `compare` has many options; each stands under what it is about.
#[test]
fn options_of_compare_have_headings() {
    let all = whole();
    let (_, help) = all.iter().find(|(command, _)| command == "infercost compare").unwrap();
    for heading in [
        "Models and prompts",
        "Measurement",
        "Sampling",
        "Energy",
        "Verdict",
        "Servers and load",
        "Export",
        "Output",
        "Advanced",
        "Global options",
    ] {
        assert!(help.contains(&format!("\n{heading}:\n")), "no heading {heading}:\n{help}");
    }
    let unsorted = help.split_once("\nOptions:\n").map_or("", |(_, rest)| rest);
    let unsorted: Vec<&str> = unsorted
        .lines()
        .take_while(|line| line.starts_with(' ') || line.is_empty())
        .filter(|line| line.trim_start().starts_with('-'))
        .collect();
    assert!(
        unsorted.iter().all(|line| line.contains("--help") || line.contains("--version")),
        "{unsorted:?}"
    );
}

/// One thing has one name: no flag of these is left, but as an alias that no help shows.
#[test]
fn old_names_are_hidden_and_understood() {
    let all: String = whole().into_iter().map(|(_, help)| help).collect();
    for old in ["--protocol", "--header", "--utilisation", "--window-seconds", "--start-seconds"] {
        let shown = all.split_whitespace().any(|word| word == old);
        assert!(!shown, "{old} is shown");
    }
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        vec!["export", "--protocol", "http/json", "--header", "a=b", "--otlp", "http://127.0.0.1:1"],
        vec!["host", "--utilisation", "0.5"],
        vec!["schedule", "--inferences", "1", "--deadline", "+1h", "--start-seconds", "0", "--step", "60"],
    ] {
        let output = run(folder.path(), &arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains("no run below"), "{arguments:?}: {error}");
    }
}

/// The network is left alone by every command that would use it, by flag and by variable, before and behind its name.
#[test]
fn offline_is_understood_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let commands: [&[&str]; 7] = [
        &["models", "pull", "hf:a/b"],
        &["models", "inspect", "hf:a/b:c.gguf"],
        &["quantize", "hf:a/b:c.gguf", "q8_0"],
        &["tokenize", "hf:a/b:c.gguf"],
        &["bench", "hf:a/b:c.gguf"],
        &["compare", "hf:a/b:c.gguf"],
        &["prices", "fetch", "ecb"],
    ];
    for command in commands {
        let before = run(folder.path(), &[&["--offline"], command].concat());
        let behind = run(folder.path(), &[command, &["--offline"]].concat());
        let variable =
            program::infercost(folder.path(), command).env("INFERCOST_OFFLINE", "1").output().unwrap();
        for output in [before, behind, variable] {
            let error = String::from_utf8_lossy(&output.stderr).to_lowercase();
            assert!(!output.status.success(), "{command:?}");
            assert!(error.contains("offline"), "{command:?}: {error}");
        }
    }
}

/// Help has the words of STYLE.md.
#[test]
fn help_says_next_to_and_after() {
    for (command, help) in whole() {
        let mut words = help.split(|c: char| !c.is_ascii_alphabetic());
        let replaced = words.find(|word| ["beside", "behind", "dearer"].contains(word));
        assert_eq!(replaced, None, "{command}");
    }
}

/// Every code that the program gives has a row, and every command that explains its own codes has one too.
#[test]
fn exit_codes_stand_in_one_document() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/exit-codes.md")).unwrap();
    for code in ["0", "1", "2", "3", "4", "5", "130"] {
        assert!(page.contains(&format!("\n| {code} |")), "no row for {code}");
    }

    for (command, help) in whole() {
        if !help.contains("Exit codes: 0") || command == "infercost" || command == "infercost init" {
            continue;
        }
        let name = command.trim_start_matches("infercost ");
        assert!(page.contains(&format!("`{name}`")), "{command} has exit codes of its own and no row");
    }
}

/// `--version` says what was built and what runs; pages are there for every command.
#[test]
fn version_and_manual_pages() {
    let folder = tempfile::tempdir().unwrap();
    let version = String::from_utf8(run(folder.path(), &["--version"]).stdout).unwrap();
    assert!(version.starts_with(&format!("infercost {} (", env!("CARGO_PKG_VERSION"))), "{version}");
    assert!(version.contains("\nkernels: "), "{version}");

    let page = String::from_utf8(run(folder.path(), &["man"]).stdout).unwrap();
    assert!(page.to_lowercase().contains(".th infercost 1") && page.contains("compare"), "{page}");

    let output = run(folder.path(), &["man", "--dir", "pages"]);
    assert!(output.status.success());
    for (command, _) in whole() {
        let page = folder.path().join("pages").join(format!("{}.1", command.replace(' ', "-")));
        let text =
            std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        assert!(text.contains(".SH NAME"), "{text}");
    }
}
