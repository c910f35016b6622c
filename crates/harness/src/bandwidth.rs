//! Memory bandwidth, measured: what decode could reach if nothing but memory held it back.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::thread;
use std::time::Instant;

/// Smaller buffers are read too quickly to be timed well.
const SMALLEST_BUFFER: u64 = 64 << 20;
/// Where caches cannot be emptied, the buffer is this many times as large as the last-level ones, so that little of it
/// stays in them.
const CACHES: u64 = 2;
/// Larger buffers would take memory that models need.
const LARGEST_BUFFER: u64 = 512 << 20;
/// What caches are taken to hold where the system does not tell.
const USUAL_CACHES: u64 = 64 << 20;
const PASSES: usize = 8;
/// More processors than a machine has.
const MAX_PROCESSORS: usize = 8192;

/// Takes what a slice holds out of all caches; false where the machine has no instruction for that.
pub type Evict = fn(&[u64]) -> bool;

/// Reads a buffer from memory with `threads` threads and returns the best pass, in bytes per second.
///
/// `evict` empties the caches of it before each pass, so that 64 MiB are enough. Where it cannot, the buffer is larger than
/// the last-level caches instead, which takes up to 512 MiB: a virtual machine of two processors may see the 480 MiB of
/// cache of its host. The best of a few passes is taken, as STREAM does (McCalpin 1995): disturbances only ever slow a pass
/// down. The buffer is given back before this returns. `None` where no thread could be started.
pub fn read_bandwidth(threads: usize, sys_root: &Path, evict: Evict) -> Option<f64> {
    let bytes = if evict(&[0]) { SMALLEST_BUFFER } else { beyond_caches(sys_root) };
    let words = usize::try_from(bytes / 8).ok()?;

    let threads = threads.max(1);
    let buffer = vec![1_u64; words];
    let share = buffer.len().div_ceil(threads);
    let mut best: Option<f64> = None;
    for _ in 0..PASSES {
        evict(&buffer);
        let clock = Instant::now();
        thread::scope(|scope| {
            for part in buffer.chunks(share) {
                scope.spawn(move || black_box(sum(part)));
            }
        });
        let rate = bytes as f64 / clock.elapsed().as_secs_f64();
        best = Some(best.map_or(rate, |best| best.max(rate)));
    }

    best
}

/// The bytes of a buffer that the last-level caches do not hold.
fn beyond_caches(sys_root: &Path) -> u64 {
    let caches = last_level_caches(sys_root).unwrap_or(USUAL_CACHES);
    caches.saturating_mul(CACHES).clamp(SMALLEST_BUFFER, LARGEST_BUFFER)
}

/// One plain fold: the compiler turns it into wide loads and enough sums side by side to keep memory busy.
fn sum(part: &[u64]) -> u64 {
    part.iter().fold(0, |total, value| total.wrapping_add(*value))
}

/// The bytes of all caches of the highest level, each once; `None` where the system does not tell.
fn last_level_caches(sys_root: &Path) -> Option<u64> {
    let folder = sys_root.join("devices/system/cpu");
    let mut highest = 0_u32;
    let mut caches: BTreeMap<String, u64> = BTreeMap::new();
    for processor in fs::read_dir(folder).ok()?.take(MAX_PROCESSORS).flatten() {
        let Ok(levels) = fs::read_dir(processor.path().join("cache")) else { continue };
        for cache in levels.flatten() {
            let Some(Cache { level, bytes, shared }) = Cache::at(&cache.path()) else { continue };
            if level > highest {
                highest = level;
                caches.clear();
            }
            if level == highest {
                caches.insert(shared, bytes);
            }
        }
    }
    (!caches.is_empty()).then(|| caches.values().fold(0, |sum: u64, bytes| sum.saturating_add(*bytes)))
}

/// One cache as one of its processors shows it.
struct Cache {
    level: u32,
    bytes: u64,
    /// The processors that share it, which tells it from others of its level.
    shared: String,
}

impl Cache {
    fn at(folder: &Path) -> Option<Self> {
        let size = text(folder, "size")?;
        let bytes = match size.strip_suffix('K') {
            Some(kibibytes) => kibibytes.parse::<u64>().ok()?.checked_mul(1 << 10)?,
            None => size.strip_suffix('M')?.parse::<u64>().ok()?.checked_mul(1 << 20)?,
        };
        let level = text(folder, "level")?.parse().ok()?;
        Some(Self { level, bytes, shared: text(folder, "shared_cpu_list")? })
    }
}

/// What a file of a folder says; `None` where it cannot be read.
fn text(folder: &Path, name: &str) -> Option<String> {
    fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_cache_of_the_highest_level_counts_once() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(last_level_caches(root.path()), None);
        assert_eq!(beyond_caches(root.path()), 128 << 20);
        for (processor, index, level, size, shared) in [
            ("cpu0", "index2", "2", "1024K", "0"),
            ("cpu0", "index3", "3", "32768K", "0-1"),
            ("cpu1", "index3", "3", "32768K", "0-1"),
            ("cpu2", "index3", "3", "16M", "2-3"),
        ] {
            let folder = root.path().join("devices/system/cpu").join(processor).join("cache").join(index);
            fs::create_dir_all(&folder).unwrap();
            for (file, text) in [("level", level), ("size", size), ("shared_cpu_list", shared)] {
                fs::write(folder.join(file), format!("{text}\n")).unwrap();
            }
        }
        assert_eq!(last_level_caches(root.path()), Some(48 << 20));
        assert_eq!(beyond_caches(root.path()), 96 << 20);
    }

    /// The largest slice that was to be evicted, in bytes.
    static LARGEST: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn where_caches_can_be_emptied_64_mib_are_enough() {
        let evict = |numbers: &[u64]| {
            LARGEST.fetch_max(size_of_val(numbers), Ordering::Relaxed);
            true
        };
        // caches of a host, as a virtual machine may see them
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("devices/system/cpu/cpu0/cache/index3");
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in [("level", "3"), ("size", "491520K"), ("shared_cpu_list", "0-1")] {
            fs::write(folder.join(file), text).unwrap();
        }

        assert!(read_bandwidth(2, root.path(), evict).is_some_and(|rate| rate > 1e6));
        assert_eq!(LARGEST.load(Ordering::Relaxed), 64 << 20);
        assert_eq!(beyond_caches(root.path()), 512 << 20);
    }
}
