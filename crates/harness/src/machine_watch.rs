//! Watches what else a machine does while a window is measured.
//!
//! Everything is read at a window's two edges and outside of it, so that watching costs a window nothing.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infercost_core::{BoardState, Interference, VariantId};

use crate::process_times::{ProcessTimes, TICK};

/// Most processors whose clocks are read.
const MOST_CLOCKS: usize = 1024;

/// Reads a machine below roots that can be set, so that a test can script one.
#[derive(Debug, Clone)]
pub struct MachineWatch {
    proc_root: PathBuf,
    sys_root: PathBuf,
    /// Processes of the server that a variant is measured on, beside this program's own.
    servers: HashMap<VariantId, Vec<u32>>,
}

impl Default for MachineWatch {
    /// This machine.
    fn default() -> Self {
        Self::new("/proc".into(), "/sys".into())
    }
}

/// What a machine had counted at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    machine: Option<MachineTicks>,
    processes: Option<ProcessTimes>,
    throttles: Option<u64>,
    frequency: Option<f64>,
    servers: Vec<u32>,
}

/// Processor time of the whole machine, in hundredths of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct MachineTicks {
    busy: u64,
    stolen: u64,
    processors: u32,
}

impl MachineWatch {
    /// A machine whose `proc` and `sys` lie below these roots.
    pub fn new(proc_root: PathBuf, sys_root: PathBuf) -> Self {
        Self { proc_root, sys_root, servers: HashMap::new() }
    }

    /// Counts these processes, and what they start, as the measured ones while this variant is at work.
    pub fn add_server(&mut self, variant: VariantId, processes: Vec<u32>) {
        self.servers.insert(variant, processes);
    }

    /// Reads the machine before a window of this variant.
    pub(crate) fn before(&self, variant: &VariantId) -> Snapshot {
        let servers = self.servers.get(variant).cloned().unwrap_or_default();
        self.snapshot(servers)
    }

    /// What the machine did since `before`. `boards` are as they were at the window's end.
    pub(crate) fn since(&self, before: &Snapshot, boards: &[BoardState]) -> Interference {
        let after = self.snapshot(before.servers.clone());
        let own = after.processes.as_ref().zip(before.processes.as_ref());
        let ran = own.map(|(after, before)| after.ran_since(before));
        let machine = after.machine.zip(before.machine);
        let busy = machine.map(|(after, before)| ticks(after.busy.saturating_sub(before.busy)));
        let frequencies: Vec<f64> = [before.frequency, after.frequency].into_iter().flatten().collect();

        let mut board_throttles: Vec<String> =
            boards.iter().flat_map(|board| &board.throttle_reasons).cloned().collect();
        board_throttles.sort_unstable();
        board_throttles.dedup();
        Interference {
            processors: after.machine.map(|machine| machine.processors),
            own: ran,
            others: busy.zip(ran).map(|(busy, own)| busy.saturating_sub(own)),
            stolen: machine.map(|(after, before)| ticks(after.stolen.saturating_sub(before.stolen))),
            queued: own.and_then(|(after, before)| after.waited_since(before)),
            frequency_share: (!frequencies.is_empty())
                .then(|| frequencies.iter().sum::<f64>() / frequencies.len() as f64),
            thermal_throttles: after
                .throttles
                .zip(before.throttles)
                .map(|(after, before)| after.saturating_sub(before)),
            board_throttles,
        }
    }

    fn snapshot(&self, servers: Vec<u32>) -> Snapshot {
        Snapshot {
            machine: machine_ticks(&self.proc_root.join("stat")),
            processes: ProcessTimes::of(&self.proc_root, &servers),
            throttles: self.throttles(),
            frequency: self.frequency_share(),
            servers,
        }
    }

    /// Times that heat has slowed processors down since the machine started.
    fn throttles(&self) -> Option<u64> {
        let counts = self.cpu_files("thermal_throttle/core_throttle_count");
        let counts: Vec<u64> = counts.filter_map(|text| text.trim().parse().ok()).collect();
        (!counts.is_empty()).then(|| counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)))
    }

    /// The mean of the processors' frequencies, each as a share of its highest.
    fn frequency_share(&self) -> Option<f64> {
        let now = self.cpu_files("cpufreq/scaling_cur_freq").map(|text| text.trim().parse::<f64>().ok());
        let most = self.cpu_files("cpufreq/cpuinfo_max_freq").map(|text| text.trim().parse::<f64>().ok());
        let shares: Vec<f64> = now
            .zip(most)
            .filter_map(|(now, most)| now.zip(most.filter(|most| *most > 0.0)))
            .map(|(now, most)| (now / most).clamp(0.0, 1.0))
            .collect();
        (!shares.is_empty()).then(|| shares.iter().sum::<f64>() / shares.len() as f64)
    }

    /// The texts of one file of each processor, in order, as far as there are such files.
    fn cpu_files<'a>(&'a self, file: &'a str) -> impl Iterator<Item = String> + 'a {
        let folder = self.sys_root.join("devices/system/cpu");
        let texts = (0..MOST_CLOCKS).map(move |cpu| folder.join(format!("cpu{cpu}")).join(file));
        texts.map_while(|path| fs::read_to_string(path).ok())
    }
}

fn ticks(number: u64) -> Duration {
    TICK.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The machine's own line of `stat`, and how many processors have one (proc_stat(5)).
fn machine_ticks(file: &Path) -> Option<MachineTicks> {
    let text = fs::read_to_string(file).ok()?;
    let mut lines = text.lines();
    // user nice system idle iowait irq softirq steal (guest times are inside user and nice)
    let line = lines.next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().map_while(|tick| tick.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, stolen, ..] = ticks.as_slice() else {
        return None;
    };

    let busy =
        [user, nice, system, irq, softirq].into_iter().fold(0, |sum: u64, tick| sum.saturating_add(*tick));

    // A line of its own for each processor: `cpu0 …`.
    let mut processors = 0;
    for line in lines {
        let number = line.strip_prefix("cpu").unwrap_or_default();
        processors += u32::from(number.starts_with(|digit: char| digit.is_ascii_digit()));
    }
    Some(MachineTicks { busy, stolen: *stolen, processors })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]
    use super::*;

    /// A machine of two processors: hundredths of a second of the whole, of this program, of a server, and stolen.
    fn machine(root: &Path, busy: u64, own: u64, server: u64, stolen: u64, waited_ms: u64) {
        let stat = format!(
            "cpu  {busy} 0 0 1000 0 0 0 {stolen} 0 0\ncpu0 1 0 0 1 0 0 0 0 0 0\ncpu1 1 0 0 1 0 0 0 0 0 0\nintr 5\n"
        );
        fs::create_dir_all(root.join("proc")).unwrap();
        fs::write(root.join("proc/stat"), stat).unwrap();
        for (folder, pid, ticks) in [("self", 10, own), ("10", 10, own), ("20", 20, server)] {
            let task = root.join("proc").join(folder).join("task").join(pid.to_string());
            fs::create_dir_all(&task).unwrap();
            let line = format!("{pid} (x) R 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1\n");
            fs::write(root.join("proc").join(folder).join("stat"), line).unwrap();
            fs::write(task.join("schedstat"), format!("0 {} 0", waited_ms * 1_000_000)).unwrap();
        }
    }

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join("sys/devices/system/cpu").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn watch(root: &Path) -> MachineWatch {
        MachineWatch::new(root.join("proc"), root.join("sys"))
    }

    #[test]
    fn the_time_of_others_is_what_is_neither_ours_nor_our_servers() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let mut watch = watch(root);
        let variant = VariantId::from("m");
        watch.add_server(variant.clone(), vec![20]);

        machine(root, 100, 10, 20, 5, 0);
        let before = watch.before(&variant);
        machine(root, 300, 60, 70, 15, 40);
        let found = watch.since(&before, &[]);
        assert_eq!(found.processors, Some(2));
        assert_eq!((found.own, found.others), (Some(Duration::from_secs(1)), Some(Duration::from_secs(1))));
        assert_eq!(
            (found.stolen, found.queued),
            (Some(Duration::from_millis(100)), Some(Duration::from_millis(80)))
        );
        assert_eq!((found.frequency_share, found.thermal_throttles), (None, None));

        // To a variant in process, that server is a neighbor.
        machine(root, 100, 10, 20, 5, 0);
        let before = watch.before(&VariantId::from("other"));
        machine(root, 300, 60, 70, 15, 40);
        assert_eq!(watch.since(&before, &[]).others, Some(Duration::from_millis(1500)));
    }

    #[test]
    fn clocks_and_heat_are_read_where_the_system_tells() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        machine(root, 0, 0, 0, 0, 0);
        for cpu in ["cpu0", "cpu1"] {
            write(root, &format!("{cpu}/cpufreq/scaling_cur_freq"), "2000000\n");
            write(root, &format!("{cpu}/cpufreq/cpuinfo_max_freq"), "4000000\n");
            write(root, &format!("{cpu}/thermal_throttle/core_throttle_count"), "7\n");
        }
        let watch = watch(root);
        let before = watch.before(&VariantId::from("m"));
        write(root, "cpu1/thermal_throttle/core_throttle_count", "9\n");
        write(root, "cpu0/cpufreq/scaling_cur_freq", "4000000\n");
        let hot = BoardState { throttle_reasons: vec!["sw thermal".into()], ..BoardState::default() };
        let found = watch.since(&before, &[hot.clone(), hot]);
        assert_eq!(found.thermal_throttles, Some(2));
        assert!(found.frequency_share.is_some_and(|share| (share - 0.625).abs() < 1e-12));
        assert_eq!(found.board_throttles, ["sw thermal"]);
    }

    #[test]
    fn a_machine_that_tells_nothing_is_unknown() {
        let watch = MachineWatch::new("/nonexistent".into(), "/nonexistent".into());
        let before = watch.before(&VariantId::from("m"));
        assert_eq!(watch.since(&before, &[]), Interference::default());
    }
}
