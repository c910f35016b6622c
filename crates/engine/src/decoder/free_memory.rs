//! How much memory the system can still give, so that a model that does not fit is refused before it is loaded.

use std::fs;
use std::path::Path;

/// Bytes that can be allocated without swapping, as far as the system tells: the least of what the machine has free and
/// what the control group of this process may still take. `None` where nothing is known.
pub(crate) fn free_memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    let group = group_memory(Path::new("/sys/fs/cgroup"));
    machine.into_iter().chain(group).min()
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What a control group (version 2) may still take; `None` where it has no limit.
fn group_memory(folder: &Path) -> Option<u64> {
    let left = number(&folder.join("memory.max"))?.saturating_sub(number(&folder.join("memory.current"))?);

    // Cached files count as taken, and are given back when they are in the way.
    let statistics = fs::read_to_string(folder.join("memory.stat")).unwrap_or_default();
    let cached = statistics.lines().find_map(|line| line.strip_prefix("inactive_file "));
    Some(left.saturating_add(cached.and_then(|bytes| bytes.trim().parse().ok()).unwrap_or(0)))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read() {
        let check = |text: &str, wanted: Option<u64>| assert_eq!(available(text), wanted, "{text:?}");
        check("MemTotal: 100 kB\nMemAvailable:    2048 kB\n", Some(2 << 20));
        check("MemTotal: 100 kB\n", None);
        check("MemAvailable: lots\n", None);
        check("MemAvailable: 18446744073709551615 kB\n", None);
    }

    #[test]
    fn a_group_leaves_its_limit_minus_what_is_taken() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        assert_eq!(group_memory(folder.path()), None);
        write("memory.max", "max\n")?;
        write("memory.current", "300\n")?;
        assert_eq!(group_memory(folder.path()), None, "no limit");
        write("memory.max", "1000\n")?;
        assert_eq!(group_memory(folder.path()), Some(700));
        write("memory.stat", "anon 5\ninactive_file 200\nactive_file 7\n")?;
        assert_eq!(group_memory(folder.path()), Some(900));
        write("memory.current", "3000\n")?;
        assert_eq!(group_memory(folder.path()), Some(200));
        Ok(())
    }
}
