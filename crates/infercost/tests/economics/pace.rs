//! How soon an answer is there, and that no endless file keeps it away.

use std::fs;
use std::time::{Duration, Instant};

use super::program::run;
use super::{CURVE, check, sample, text};

/// Of an unoptimized build beside other tests: an optimized one is to take less than a second.
const MOST: Duration = Duration::from_secs(10);

#[test]
fn every_answer_about_the_sample_run_comes_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample();
    fs::write(folder.path().join("curve.csv"), CURVE).unwrap();
    for arguments in [
        "audit RUN --chart tornado.svg",
        "host RUN --chart map.svg",
        "replace RUN RUN --new-variant q8_0 --new-price 900",
        "schedule RUN --inferences 3600 --deadline 2026-11-23T04:00Z --now 2026-11-23T00:00Z --curve curve.csv \
         --time-zone UTC --interruptible",
        "optimize RUN",
    ] {
        let arguments: Vec<&str> =
            arguments.split_whitespace().map(|word| if word == "RUN" { &sample } else { word }).collect();
        let begun = Instant::now();
        let output = run(folder.path(), &arguments);
        let took = begun.elapsed();
        assert!(matches!(output.status.code(), Some(0 | 3)), "{arguments:?}: {}", text(&output.stderr));
        assert!(took < MOST, "{arguments:?} took {took:?}");
    }
}

#[cfg(unix)]
#[test]
fn files_without_an_end_are_left() {
    let folder = tempfile::tempdir().unwrap();
    let sample = sample();
    let begun = Instant::now();
    check(
        folder.path(),
        &["audit", &sample, "--config", "/dev/zero"],
        2,
        &["/dev/zero: it cannot be used as a settings file: it is a binary file"],
    );
    check(
        folder.path(),
        &["audit", "--inferences", "/dev/zero"],
        2,
        &["/dev/zero: it cannot be used as a file of inferences: it is a binary file"],
    );
    assert!(begun.elapsed() < MOST);
}
