//! Facts about this machine, read from the operating system.

use std::fs;
use std::path::Path;
use std::thread;

use infercost_core::{Bytes, MachineFacts};

use crate::virtualization;

/// Reads what `proc` and `sys` tell; what they do not tell stays unknown. Memory bandwidth is not measured here.
pub fn facts(proc_root: &Path, sys_root: &Path) -> MachineFacts {
    let cpuinfo = read(&proc_root.join("cpuinfo"));
    let flags = cpuinfo.as_deref().and_then(|text| field(text, "flags"));
    let virtualization = virtualization::detect(flags, proc_root, sys_root);

    MachineFacts {
        id: None,
        label: None,
        host: None,
        cpu: cpuinfo.as_deref().and_then(|text| field(text, "model name")).map(str::to_owned),
        cores: thread::available_parallelism().ok().and_then(|cores| u32::try_from(cores.get()).ok()),
        memory: read(&proc_root.join("meminfo")).as_deref().and_then(memory),
        memory_bandwidth: None,
        gpus: Vec::new(),
        os: read(&proc_root.join("sys/kernel/osrelease"))
            .map(|release| format!("{} {}", std::env::consts::OS, version(&release))),
        virtualization,
        governor: read(&sys_root.join("devices/system/cpu/cpu0/cpufreq/scaling_governor"))
            .map(|governor| governor.trim().to_owned()),
        load_average: read(&proc_root.join("loadavg"))
            .and_then(|text| text.split(' ').next().and_then(|load| load.parse().ok())),
        steal_share: None,
        wall_factor: None,
    }
}

/// The machine's host name, which is private: it is no part of its facts unless somebody adds it.
pub fn host_name(proc_root: &Path) -> Option<String> {
    let name = read(&proc_root.join("sys/kernel/hostname"))?.trim().to_owned();
    (!name.is_empty()).then_some(name)
}

/// CPU time of the whole machine since it started: idle ticks, those stolen by the hypervisor, and all ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuTicks {
    idle: u64,
    stolen: u64,
    all: u64,
}

impl CpuTicks {
    /// Reads the counters now; `None` where the system has none.
    pub fn now(proc_root: &Path) -> Option<Self> {
        let text = read(&proc_root.join("stat"))?;
        let line = text.lines().next()?.strip_prefix("cpu ")?;
        // user nice system idle iowait irq softirq steal (guest times are inside user and nice: proc(5))
        let ticks: Vec<u64> = line.split_whitespace().take(8).map_while(|tick| tick.parse().ok()).collect();
        Some(Self {
            idle: ticks.get(3)?.saturating_add(*ticks.get(4)?),
            stolen: *ticks.get(7)?,
            all: ticks.iter().fold(0, |sum, tick| sum.saturating_add(*tick)),
        })
    }

    /// Share of CPU time stolen since `earlier`; `None` where no time has passed.
    pub fn steal_share_since(self, earlier: Self) -> Option<f64> {
        let all = self.all.checked_sub(earlier.all).filter(|ticks| *ticks > 0)?;
        Some(self.stolen.checked_sub(earlier.stolen)? as f64 / all as f64)
    }

    /// Share of CPU time in which programs of this machine ran since `earlier`; `None` where no time has passed.
    pub fn busy_share_since(self, earlier: Self) -> Option<f64> {
        let all = self.all.checked_sub(earlier.all).filter(|ticks| *ticks > 0)?;
        let idle = self.idle.checked_sub(earlier.idle)?;
        let stolen = self.stolen.checked_sub(earlier.stolen)?;
        Some(all.checked_sub(idle)?.checked_sub(stolen)? as f64 / all as f64)
    }
}

fn read(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

/// The version of a kernel release. What its builder appends names a distribution, or a host that made it.
fn version(release: &str) -> &str {
    let end = release.find(|character: char| !(character.is_ascii_digit() || character == '.'));
    release.get(..end.unwrap_or(release.len())).unwrap_or_default()
}

fn memory(meminfo: &str) -> Option<Bytes> {
    let kibibytes: u64 = field(meminfo, "MemTotal")?.strip_suffix(" kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024).map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_fields() {
        assert_eq!(memory("MemTotal:       24576 kB\nMemFree: 1 kB\n"), Some(Bytes(24576 * 1024)));
        assert_eq!(memory("MemTotal: many kB\n"), None);
        assert_eq!(field("model name\t: Some CPU\nflags : a b\n", "model name"), Some("Some CPU"));
        assert_eq!(field("", "model name"), None);
        for (release, number) in
            [("6.8.0-45-generic\n", "6.8.0"), ("6.1.0", "6.1.0"), ("5.4+host", "5.4"), ("é", "")]
        {
            assert_eq!(version(release), number);
        }
    }

    #[test]
    fn missing_files_stay_unknown() {
        let facts = facts(Path::new("/nonexistent"), Path::new("/nonexistent"));
        assert_eq!((facts.cpu, facts.memory, facts.governor), (None, None, None));
        assert_eq!(host_name(Path::new("/nonexistent")), None);
    }

    #[test]
    fn stolen_and_busy_time_are_shares() {
        let earlier = CpuTicks { idle: 50, stolen: 10, all: 100 };
        let later = CpuTicks { idle: 120, stolen: 15, all: 200 };
        assert_eq!(
            (later.steal_share_since(earlier), later.busy_share_since(earlier)),
            (Some(0.05), Some(0.25))
        );
        assert_eq!((earlier.steal_share_since(earlier), earlier.busy_share_since(earlier)), (None, None));
    }
}
