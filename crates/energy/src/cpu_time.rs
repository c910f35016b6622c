//! CPU time of this process, of servers it asks, and of everything they started (proc_pid_stat(5)).

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use crate::sysfs_file;

/// Linux gives CPU times to programs in hundredths of a second, whatever the kernel's own tick.
const TICK: Duration = Duration::from_millis(10);
/// Longer than any real line of `stat`.
const MAX_BYTES: u64 = 4096;

struct Process {
    parent: u32,
    /// Own time and that of children that have ended and been waited for.
    ticks: u64,
}

/// CPU time that the process trees below `self` and `others` have used so far, each process once.
///
/// A child's time moves to its parent when it ends, so that the sum does not go back.
///
/// # Errors
/// A root that cannot be read: what it had used would be missing from a later sum.
pub(crate) fn of_trees(proc_root: &Path, others: &[u32]) -> Result<Duration, String> {
    let own_file = proc_root.join("self/stat");
    let own = stat(&own_file).ok_or_else(|| format!("cannot read CPU time from {}", own_file.display()))?;
    let mut all: HashMap<u32, Process> = sysfs_file::entries(proc_root)
        .iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|name| stat(&proc_root.join(name).join("stat")))
        .collect();

    let (root, process) = own;
    all.insert(root, process);
    if let Some(gone) = others.iter().find(|pid| !all.contains_key(pid)) {
        return Err(format!(
            "the server's process {gone} is gone, and the CPU time that it had used with it"
        ));
    }

    let roots: Vec<u32> = others.iter().copied().chain([root]).collect();
    let counted = all.iter().filter(|(pid, _)| roots.iter().any(|root| descends(**pid, *root, &all)));
    let ticks: u64 = counted.map(|(_, process)| process.ticks).sum();
    Ok(TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX)))
}

fn descends(mut pid: u32, root: u32, all: &HashMap<u32, Process>) -> bool {
    // A process that ends while the table is read can leave a loop behind; no real tree is deeper.
    for _ in 0..64 {
        if pid == root {
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
    let mut text = String::new();
    File::open(file).ok()?.take(MAX_BYTES).read_to_string(&mut text).ok()?;
    let (pid, rest) = text.split_once(' ')?;
    // The second field is a name in parentheses, which may hold spaces and parentheses of its own.
    let (_, fields) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // Counted from the state, the third field of the line: ppid is 1; utime, stime, cutime, cstime 11 to 14.
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let ticks =
        number(11)?.saturating_add(number(12)?).saturating_add(number(13)?).saturating_add(number(14)?);
    Some((pid.parse().ok()?, Process { parent: u32::try_from(number(1)?).ok()?, ticks }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;
    use std::fs;

    fn write(root: &Path, folder: &str, pid: u32, parent: u32, ticks: [u64; 4]) {
        let [user, system, child_user, child_system] = ticks;
        let folder = root.join(folder);
        fs::create_dir_all(&folder).unwrap();
        let line = format!(
            "{pid} (a (b) c) R {parent} 1 1 0 -1 4194304 90 0 0 0 {user} {system} {child_user} {child_system} 20 0 1\n"
        );
        fs::write(folder.join("stat"), line).unwrap();
    }

    #[test]
    fn sums_the_tree_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert!(of_trees(root, &[]).unwrap_err().contains("self/stat"));
        write(root, "self", 100, 1, [10, 5, 3, 2]);
        write(root, "100", 100, 1, [10, 5, 3, 2]);
        write(root, "101", 101, 100, [40, 0, 0, 0]);
        write(root, "102", 102, 101, [0, 40, 0, 0]);
        write(root, "200", 200, 1, [999, 0, 0, 0]);
        // Two that name each other as parents must not hang the walk.
        write(root, "300", 300, 301, [1, 0, 0, 0]);
        write(root, "301", 301, 300, [1, 0, 0, 0]);
        fs::create_dir_all(root.join("400")).unwrap();
        fs::write(root.join("400/stat"), "garbage").unwrap();
        assert_eq!(of_trees(root, &[]).unwrap(), Duration::from_secs(1));
        // A server with a worker; one that is below this process already counts once.
        write(root, "500", 500, 1, [50, 0, 0, 0]);
        write(root, "501", 501, 500, [50, 0, 0, 0]);
        assert_eq!(of_trees(root, &[500, 101]).unwrap(), Duration::from_secs(2));
        assert!(of_trees(root, &[600]).unwrap_err().contains("600"));
    }

    #[test]
    fn this_process_has_used_time() {
        assert!(of_trees(Path::new("/proc"), &[]).is_ok());
    }
}
