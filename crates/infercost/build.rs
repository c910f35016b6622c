//! Tells the program which commit a release build was made of.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=INFERCOST_COMMIT");

    // A build for tests need not be made again at each commit: it says that it is one.
    let is_release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let given = std::env::var("INFERCOST_COMMIT").ok().filter(|commit| !commit.trim().is_empty());
    let built_of = match given {
        Some(commit) => commit.trim().to_owned(),
        None if is_release => commit().unwrap_or_else(|| "commit unknown".to_owned()),
        None => "debug build".to_owned(),
    };
    println!("cargo::rustc-env=INFERCOST_BUILT_OF={built_of}");
}

/// The commit of the working tree with its day; marked where files differ from it. `None` outside a repository.
fn commit() -> Option<String> {
    for name in ["HEAD", "index"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }

    let commit = git(&["log", "-1", "--format=%h %cs"])?;
    let is_changed =
        git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
    Some(if is_changed { format!("{commit}, changed") } else { commit })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
