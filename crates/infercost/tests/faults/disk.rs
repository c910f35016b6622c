//! Disks that fill up, cannot be written, have no locks or lose what was not synced, and clocks that step.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use super::shim::worsen;
use super::{
    COMPARE, Moments, Undisturbed, alone, assert_answered, bench, bytes_of_records, inputs, kill_at, rounds,
    runs, strays, tell,
};
use crate::program::{infercost, run};
use crate::run_on_disk::{only_run, spans};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A small disk at a path, for as long as this lives; `None` where this user may mount none.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: &Path, kilobytes: u64) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let size = format!("size={kilobytes}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(path.to_owned()))
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let output = Command::new("mount").args(["-o", &options]).arg(&self.0).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// The same command where no file may become longer than so many kilobytes: what a full disk does to a file that grows.
fn limited(command: &Command, kilobytes: u64) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh"]);
    // in blocks of 512 bytes
    limited.arg((kilobytes * 2).to_string()).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

#[test]
fn a_full_disk_is_said_and_the_run_goes_on_when_there_is_room() {
    let _alone = alone();
    let whole = bench();
    assert_answered(&run(whole.path(), &COMPARE), "undisturbed");
    let run_whole = only_run(whole.path());
    let wanted = inputs(&run_whole);
    let size = |file: &str| fs::metadata(run_whole.join(file)).unwrap().len() / 1024;
    // so much less than the run takes that it cannot end, whatever blocks the disk has
    let (least, most) = (size("run.json") + 4, size("spans.jsonl") * 3 / 4);
    let mut moments = Moments::seeded();
    let mut disks = 0;

    for round in 0..rounds() {
        let folder = bench();
        let kilobytes = least + (moments.next() * (most - least) as f64) as u64;
        let disk = SmallDisk::mount(&folder.path().join("traces"), size("run.json") + kilobytes + 8);
        let command = infercost(folder.path(), &COMPARE);
        let output = match &disk {
            Some(_) => infercost(folder.path(), &COMPARE).output().unwrap(),
            None => limited(&command, kilobytes).output().unwrap(),
        };
        disks += u32::from(disk.is_some());
        let told = said(&output);
        assert_eq!(output.status.code(), Some(1), "round {round}, {kilobytes} kB: {told}");
        let is_named = told.contains("disk is full") || told.contains("ulimit -f");
        assert!(is_named && told.contains("spans.jsonl"), "round {round}: {told}");

        if let Some(disk) = &disk {
            disk.remount("size=16m");
        }
        assert_answered(&run(folder.path(), &["compare", "--resume"]), &format!("round {round}"));
        assert_eq!(inputs(&only_run(folder.path())), wanted, "round {round}");
        assert_eq!(strays(folder.path()), [] as [&Path; 0], "round {round}");
    }

    let tried =
        format!("{} disks full at a random size, {disks} of them a tmpfs, else a limit on files", rounds());
    tell(
        "`compare` on a full disk",
        &tried,
        "exit 1 with the file and what to do; resumed, the run it would have been",
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_refused_before_anything_is_measured() {
    let _alone = alone();
    let folder = bench();
    let traces = folder.path().join("traces");
    let Some(disk) = SmallDisk::mount(&traces, 1 << 14) else {
        // permissions mean nothing to root; a file in the way does
        fs::remove_dir(&traces).unwrap();
        fs::write(&traces, "").unwrap();
        let output = run(folder.path(), &COMPARE);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("cannot write into traces"), "{}", said(&output));
        return;
    };

    disk.remount("ro");
    let output = run(folder.path(), &COMPARE);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("cannot write into traces"), "{}", said(&output));

    disk.remount("rw");
    assert_answered(&run(folder.path(), &COMPARE), "writable again");

    // read-only again, what is there can be reported on
    disk.remount("ro");
    assert_answered(&run(folder.path(), &["report"]), "read-only");
    tell(
        "`compare` and `report` in a read-only folder",
        "once each way",
        "refused before a model is loaded; reports work",
    );
}

#[test]
fn a_clock_that_steps_changes_no_answer() {
    let _alone = alone();
    let whole = bench();
    let Undisturbed { until_begun, whole: length, .. } =
        Undisturbed::of(infercost(whole.path(), &COMPARE), whole.path());
    let wanted = inputs(&only_run(whole.path()));
    let mut moments = Moments::seeded();

    for seconds in [-3_600, 86_400] {
        for round in 0..rounds().div_ceil(2) {
            let folder = bench();
            let mut command = infercost(folder.path(), &COMPARE);
            // every other one while there is a run
            let earliest = if round.is_multiple_of(2) { until_begun } else { Duration::ZERO };
            let after = (earliest + moments.within(length.saturating_sub(earliest))).as_millis();
            worsen(&mut command, "SHIM_STEP", &format!("{seconds}@{after}"));
            let output = command.output().unwrap();
            let what = format!("a step of {seconds} s after {after} ms, round {round}");
            assert_answered(&output, &what);

            let run_folder = only_run(folder.path());
            assert_eq!(inputs(&run_folder), wanted, "{what}");
            for (span, _) in spans(&run_folder, "inference") {
                let at = |name: &str| span[name].as_str().unwrap().parse::<i128>().unwrap();
                let took = at("endTimeUnixNano") - at("startTimeUnixNano");
                assert!((0..120_000_000_000).contains(&took), "{what}: an answer took {took} ns");
            }
            assert_answered(&run(folder.path(), &["report"]), &what);
        }
    }

    let tried = format!("{} steps of −1 h and of +1 day at random moments", rounds().div_ceil(2) * 2);
    tell(
        "a clock that steps during `compare`",
        &tried,
        "the same inputs; durations are those of the monotonic clock",
    );
}

#[test]
fn a_file_system_without_locks_is_no_obstacle() {
    let _alone = alone();
    let whole = bench();
    assert_answered(&run(whole.path(), &COMPARE), "undisturbed");
    let wanted = inputs(&only_run(whole.path()));

    let folder = bench();
    let mut command = infercost(folder.path(), &COMPARE);
    worsen(&mut command, "SHIM_NO_LOCKS", "1");
    assert_answered(&command.output().unwrap(), "without locks");
    assert_eq!(inputs(&only_run(folder.path())), wanted);

    let mut quantize = infercost(folder.path(), &["quantize", "some.gguf", "Q8_0", "-o", "small.gguf"]);
    worsen(&mut quantize, "SHIM_NO_LOCKS", "1");
    let output = quantize.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    tell(
        "`compare`, `quantize` where `flock` is refused",
        "once each",
        "as with locks; two writers are the user's to avoid",
    );
}

/// Leaves of what is below a folder what a loss of power would leave: names that were synced with their folder, and of files
/// the bytes that were synced. What was there before anything was synced stays.
fn lose_power(folder: &Path, synced: &Path, before: &HashSet<PathBuf>) {
    let number = |path: &Path| fs::symlink_metadata(path).unwrap().ino().to_string();
    let names = fs::read_to_string(synced.join(number(folder))).unwrap_or_default();

    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if before.contains(&path) {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_kept = names.lines().any(|line| line == format!("{} {name}", number(&path)));
        match (is_kept, path.is_dir()) {
            (true, true) => lose_power(&path, synced, before),
            (false, true) => fs::remove_dir_all(&path).unwrap(),
            (true, false) => {
                let bytes = fs::read(synced.join(number(&path))).unwrap_or_default();
                fs::write(&path, bytes).unwrap();
            }
            (false, false) => fs::remove_file(&path).unwrap(),
        }
    }
}

#[test]
fn a_loss_of_power_takes_only_what_was_not_synced() {
    let _alone = alone();
    let whole = bench();
    let made = |folder: &Path| {
        let mut command = infercost(folder, &COMPARE);
        let synced = folder.join("synced");
        fs::create_dir(&synced).unwrap();
        worsen(&mut command, "SHIM_SYNCED", synced.to_str().unwrap());
        command
    };
    let undisturbed = Undisturbed::of(made(whole.path()), whole.path());
    let wanted = inputs(&only_run(whole.path()));
    let (mut moments, mut begun) = (Moments::seeded(), 0);

    for round in 0..rounds() {
        let folder = bench();
        let command = made(folder.path());
        let before = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        let was_running = kill_at(command, folder.path(), &moments.of(&undisturbed, round));

        // a run that has a record has begun, and one that has told its answer is whole
        let has_record = bytes_of_records(runs(folder.path()).pop().as_deref()) > 0;
        lose_power(folder.path(), &folder.path().join("synced"), &before);
        let run_folder = runs(folder.path()).pop();
        assert!(run_folder.is_some() || !has_record, "round {round}: a run that had begun is gone");
        if let (false, Some(run_folder)) = (was_running, &run_folder) {
            assert_eq!(inputs(run_folder), wanted, "round {round}: a finished run lost something");
        }
        begun += u32::from(run_folder.is_some());

        let start: &[&str] = if run_folder.is_some() { &["compare", "--resume"] } else { &COMPARE };
        assert_answered(&run(folder.path(), start), &format!("round {round}"));
        assert_eq!(inputs(&only_run(folder.path())), wanted, "round {round}");
    }
    assert!(begun > 0, "no run had begun: nothing was tried");

    let tried = format!(
        "{} times at a random moment, {begun} with a run begun; all that was not synced dropped, names of files included",
        rounds()
    );
    tell(
        "loss of power during `compare`",
        &tried,
        "finished runs whole; others resumed to the run they would have been",
    );
}
