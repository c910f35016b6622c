//! Processor time of process trees, and how long their threads waited for processors (proc_pid_stat(5); the kernel's
//! `Documentation/scheduler/sched-stats.rst`).

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Linux gives CPU times to programs in hundredths of a second, whatever the kernel's own tick.
pub(crate) const TICK: Duration = Duration::from_millis(10);
/// A process that ends while the table is read can leave a loop behind; no real tree is deeper.
const DEEPEST: usize = 64;

/// What the processes of some trees have used since they began.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessTimes {
    /// Time on processors by process; that of children that ended is their parent's.
    ran: HashMap<u32, Duration>,
    /// Time ready to run and not running, by thread.
    waited: HashMap<u32, Duration>,
}

/// The tree that a line of `stat` places a process in.
struct Process {
    parent: u32,
    ran: Duration,
}

impl ProcessTimes {
    /// Reads the trees below this program and below `roots`; `None` where the system shows not even this program.
    pub(crate) fn of(proc_root: &Path, roots: &[u32]) -> Option<Self> {
        let (own, process) = stat(&proc_root.join("self/stat"))?;
        let mut all: HashMap<u32, Process> = numbers_in(proc_root)
            .filter_map(|pid| stat(&proc_root.join(pid.to_string()).join("stat")))
            .collect();
        all.insert(own, process);

        let mut times = Self::default();
        let is_root = |pid: u32| pid == own || roots.contains(&pid);
        for (pid, process) in &all {
            if !descends(*pid, is_root, &all) {
                continue;
            }
            times.ran.insert(*pid, process.ran);
            let folder = if *pid == own { "self".to_owned() } else { pid.to_string() };
            times.waited.extend(threads(&proc_root.join(folder).join("task")));
        }
        Some(times)
    }

    /// Time on processors since `before`. A process that ended meanwhile has left its time to its parent, or is missing:
    /// then this is a lower bound.
    pub(crate) fn ran_since(&self, before: &Self) -> Duration {
        since(&self.ran, &before.ran)
    }

    /// Time that threads waited for a processor since `before`; `None` where the system does not tell. Threads that ended
    /// meanwhile are missing.
    pub(crate) fn waited_since(&self, before: &Self) -> Option<Duration> {
        (!self.waited.is_empty()).then(|| since(&self.waited, &before.waited))
    }
}

/// What was added to each count; one that is new began from zero.
fn since(now: &HashMap<u32, Duration>, before: &HashMap<u32, Duration>) -> Duration {
    let added = now.iter().map(|(id, time)| time.saturating_sub(before.get(id).copied().unwrap_or_default()));
    added.fold(Duration::ZERO, Duration::saturating_add)
}

/// True for a root, and for what descends from one.
fn descends(mut pid: u32, is_root: impl Fn(u32) -> bool, all: &HashMap<u32, Process>) -> bool {
    for _ in 0..DEEPEST {
        if is_root(pid) {
            return true;
        }
        match all.get(&pid) {
            Some(process) if process.parent != 0 => pid = process.parent,
            _ => return false,
        }
    }
    false
}

/// Process id, and what the line says of it; `None` for a process that has just ended.
fn stat(file: &Path) -> Option<(u32, Process)> {
    let text = fs::read_to_string(file).ok()?;
    let (pid, rest) = text.split_once(' ')?;
    // The second field is a name in parentheses, which may hold spaces and parentheses of its own.
    let (_, fields) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();

    // Counted from the state, the third field of the line: ppid is 1; utime, stime, cutime, cstime 11 to 14.
    let parent = fields.get(1)?.parse().ok()?;
    let times = fields.get(11..15)?.iter().map(|ticks| ticks.parse::<u64>().ok());
    let ticks = times.sum::<Option<u64>>()?;
    let ran = TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX));
    Some((pid.parse().ok()?, Process { parent, ran }))
}

/// How long each thread of a process has waited for a processor.
fn threads(task_folder: &Path) -> impl Iterator<Item = (u32, Duration)> + use<> {
    let folder = task_folder.to_owned();
    numbers_in(task_folder).filter_map(move |thread| {
        let text = fs::read_to_string(folder.join(thread.to_string()).join("schedstat")).ok()?;
        let waited = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some((thread, Duration::from_nanos(waited)))
    })
}

/// The entries of a folder that are numbers: processes, or threads.
fn numbers_in(folder: &Path) -> impl Iterator<Item = u32> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;

    /// Processor time in hundredths of a second, and waiting time of the only thread in milliseconds.
    fn write(root: &Path, folder: &str, pid: u32, parent: u32, ticks: u64, waited_ms: u64) {
        let folder = root.join(folder);
        let task = folder.join("task").join(pid.to_string());
        fs::create_dir_all(&task).unwrap();
        let line = format!("{pid} (a (b) c) R {parent} 1 1 0 -1 4194304 90 0 0 0 {ticks} 0 0 0 20 0 1\n");
        fs::write(folder.join("stat"), line).unwrap();
        fs::write(task.join("schedstat"), format!("1 {} 1\n", waited_ms * 1_000_000)).unwrap();
    }

    #[test]
    fn trees_are_added_up_and_others_are_not() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert!(ProcessTimes::of(root, &[]).is_none());
        let machine = |own: u64, server: u64, waited: u64| {
            write(root, "self", 100, 1, own, waited);
            write(root, "100", 100, 1, own, waited);
            write(root, "101", 101, 100, own, waited);
            write(root, "200", 200, 1, server, waited);
            write(root, "201", 201, 200, server, waited);
            write(root, "300", 300, 1, 9999, 9999);
        };
        machine(10, 20, 5);
        let before = ProcessTimes::of(root, &[200]).unwrap();
        machine(110, 220, 55);
        let after = ProcessTimes::of(root, &[200]).unwrap();
        assert_eq!(after.ran_since(&before), Duration::from_secs(6));
        assert_eq!(after.waited_since(&before), Some(Duration::from_millis(200)));
        let without_server = ProcessTimes::of(root, &[]).unwrap();
        assert_eq!(without_server.ran_since(&ProcessTimes::default()), Duration::from_millis(2200));
    }

    #[test]
    fn this_process_is_seen() {
        let times = ProcessTimes::of(Path::new("/proc"), &[]).unwrap();
        assert!(!times.ran.is_empty());
    }
}
