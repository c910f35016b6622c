//! The crontab that `schedule` prints, run by a shell as cron does.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::program::{json, run};
use super::{CURVE, bench};

fn shell(home: &Path, line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .stderr(Stdio::null())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", home)
        .args(["-c", line]);
    command
}

/// Until it is so, for ten seconds.
#[track_caller]
fn await_that(what: &str, so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never: {what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_pausing_job_is_stopped_resumed_and_forgotten() {
    let folder = bench();
    // two hours of work: 100, −50 and, after a dear hour, 20 EUR/MWh
    let curve = CURVE.to_owned() + "2026-11-23T04:00Z,2026-11-23T05:00Z,20,EUR,MWh\n";
    fs::write(folder.path().join("curve.csv"), curve).unwrap();
    let plan = "schedule --inferences 7200 --deadline 2026-11-23T05:00Z --now 2026-11-23T00:00Z --curve curve.csv \
                --start-seconds 0 --time-zone UTC --interruptible --json -- sleep 600";
    let found = json(&run(folder.path(), &plan.split_whitespace().collect::<Vec<_>>()));
    let cron = found["timers"]["cron"].as_array().unwrap();
    let lines: Vec<String> = cron
        .iter()
        .map(|line| line.as_str().unwrap().splitn(6, ' ').last().unwrap().replace("\\%", "%"))
        .collect();
    let [start, pause, resume] = lines.as_slice() else { panic!("{lines:?}") };

    let home = folder.path();
    let mut job = shell(home, start).spawn().unwrap();
    let kept = home.join(".infercost-job-1");
    await_that("the job is written down", || {
        fs::read_to_string(&kept).is_ok_and(|text| text.ends_with('\n'))
    });
    let process = fs::read_to_string(&kept).unwrap().trim().to_owned();
    let state = || {
        let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        text.rsplit(") ").next().and_then(|rest| rest.chars().next())
    };
    await_that("it sleeps", || state() == Some('S'));
    assert!(shell(home, pause).status().unwrap().success());
    await_that("it is stopped", || state() == Some('T'));
    assert!(shell(home, resume).status().unwrap().success());
    await_that("it goes on", || state() == Some('S'));
    // a plan that ends it sends this
    assert!(shell(home, &format!("kill -s TERM {process}")).status().unwrap().success());
    assert!(job.wait().unwrap().success());
    assert!(!kept.exists());
    assert!(!shell(home, pause).output().unwrap().status.success(), "nothing is there to be stopped");
}
