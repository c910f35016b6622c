//! NVIDIA GPUs against a stand-in library whose joules are known, in real time.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_core::{BoardState, EnergyDomain, EnergyReading, EnergyScope, MeterKind, Watts};
use infercost_energy::sysfs_twin::{Load, SysfsTwin};
use infercost_energy::{Discovery, MeterChoice, MeterOptions, VisibleGpus, discover, gpu_facts};
use infercost_nvml_mock::{Board, Script, install};
use tempfile::TempDir;

const MILLISECOND: Duration = Duration::from_millis(1);

struct Machine {
    folder: TempDir,
    library: PathBuf,
}

fn machine(script: &Script) -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let library = install(folder.path(), script).unwrap();
    Machine { folder, library }
}

fn boards(boards: impl IntoIterator<Item = Board>) -> Machine {
    machine(&Script { init_error: 0, boards: boards.into_iter().collect() })
}

fn board(number: u8, watts: f64) -> Board {
    Board { uuid: format!("GPU-{number}"), watts, ..Board::default() }
}

impl Machine {
    fn options(&self) -> MeterOptions {
        MeterOptions {
            sysfs_root: self.folder.path().to_owned(),
            nvml_library: Some(self.library.clone()),
            ..MeterOptions::default()
        }
    }

    fn discover(&self) -> Discovery {
        discover(&self.options()).unwrap()
    }
}

fn metered(discovery: &mut Discovery, length: Duration) -> (EnergyReading, f64) {
    let begun = Instant::now();
    let open = discovery.meter.start().unwrap();
    sleep(length);
    let reading = discovery.meter.stop(open).unwrap();
    (reading, begun.elapsed().as_secs_f64())
}

fn check_watts(machine: &Machine, expected: f64, kind: MeterKind, scope: &[EnergyDomain]) -> Discovery {
    let mut discovery = machine.discover();
    let (reading, elapsed) = metered(&mut discovery, 2000 * MILLISECOND);
    let EnergyReading::Measured { energy, scope: covered, source, .. } = &reading else {
        panic!("{reading:?}, {discovery:?}")
    };
    // A counter that refreshes every 20 ms is off by as much as one step in 2 s at each edge.
    assert!((energy.get() / (expected * elapsed) - 1.0).abs() < 0.02, "{energy:?} in {elapsed} s");
    assert_eq!(source.kind, kind);
    assert_eq!(covered, &EnergyScope::of(scope.iter().cloned()));
    discovery
}

fn unavailable(discovery: &mut Discovery, length: Duration, part: &str) {
    let (reading, _) = metered(discovery, length);
    assert!(
        matches!(&reading, EnergyReading::Unavailable { reason } if reason.contains(part)),
        "{reading:?}"
    );
}

#[test]
fn two_boards_are_summed_by_their_counters() {
    let machine = boards([board(1, 300.0), board(2, 80.0)]);
    let discovery = check_watts(&machine, 380.0, MeterKind::Counter, &[EnergyDomain::Gpu]);
    let checks = discovery.meter.cross_checks();
    assert_eq!(checks.len(), 2);
    assert!(checks.iter().all(|check| check.agrees()), "{checks:?}");
    assert!(discovery.meter.describe().contains("GPU-2"), "{}", discovery.meter.describe());
}

/// Another user's 300 W are not this process's.
#[test]
fn only_boards_that_the_process_may_use_are_billed() {
    let machine = boards([board(1, 300.0), board(2, 80.0)]);
    for visible in ["1", "GPU-2", "1,5,0"] {
        let visible_gpus = VisibleGpus::of(Some(visible), None);
        let mut discovery = discover(&MeterOptions { visible_gpus, ..machine.options() }).unwrap();
        let (reading, elapsed) = metered(&mut discovery, 1500 * MILLISECOND);
        let joules = reading.joules().unwrap().get();
        assert!((joules / (80.0 * elapsed) - 1.0).abs() < 0.05, "{visible}: {joules} J in {elapsed} s");
        let described = discovery.meter.describe();
        assert!(described.contains(&format!("1 of 2 GPUs left out by CUDA_VISIBLE_DEVICES={visible}")));
        let other = discovery.found.iter().find(|meter| meter.name.contains("GPU-1")).unwrap();
        assert!(!other.used && other.note.contains("leaves it to others"), "{other:?}");
        assert_eq!(discovery.meter.boards().len(), 1);
    }
    for (visible, part) in [("-1", "leaves this process no GPU"), ("MIG-12", "names a MIG instance")] {
        let visible_gpus = VisibleGpus::of(Some(visible), None);
        let mut discovery = discover(&MeterOptions { visible_gpus, ..machine.options() }).unwrap();
        unavailable(&mut discovery, MILLISECOND, part);
    }
    // What is cut up by MIG and left to others does not matter.
    let machine = boards([board(1, 100.0), Board { mig: true, ..board(2, 100.0) }]);
    let visible_gpus = VisibleGpus::of(Some("GPU-1"), None);
    let discovery = discover(&MeterOptions { visible_gpus, ..machine.options() }).unwrap();
    assert_eq!(discovery.meter.scope(), EnergyScope::of([EnergyDomain::Gpu]));
}

#[test]
fn a_board_without_a_counter_is_integrated() {
    let machine = boards([Board { counter: false, ..board(1, 150.0) }]);
    check_watts(&machine, 150.0, MeterKind::Integrated, &[EnergyDomain::Gpu]);
}

#[test]
fn a_counter_that_disagrees_is_noticed() {
    let machine = boards([Board { shown_watts: Some(175.0), ..board(1, 100.0) }]);
    let discovery = check_watts(&machine, 100.0, MeterKind::Counter, &[EnergyDomain::Gpu]);
    let checks = discovery.meter.cross_checks();
    assert!(checks.iter().any(|check| !check.agrees() && check.difference() > 0.6), "{checks:?}");
}

#[test]
fn cross_checks_add_up_over_windows() {
    let machine = boards([Board { shown_watts: Some(175.0), ..board(1, 100.0) }]);
    let mut discovery = machine.discover();
    let mut counted = 0.0;
    for windows in 1..=2 {
        let (reading, _) = metered(&mut discovery, 1100 * MILLISECOND);
        counted += reading.joules().unwrap().get();
        let [check] = discovery.meter.cross_checks() else { panic!("{:?}", discovery.meter.cross_checks()) };
        assert_eq!(check.windows, windows);
        assert!((check.counted.get() - counted).abs() < 1e-6, "{check:?} against {counted}");
        assert!((0.5..1.0).contains(&check.difference()), "{check:?}");
    }
    // too short to tell: what is known stays
    metered(&mut discovery, 100 * MILLISECOND);
    assert_eq!(discovery.meter.cross_checks()[0].windows, 2);
}

#[test]
fn boards_are_asked_anew_each_time() {
    let machine =
        boards([Board { hot_after_ms: Some(600), processes: vec![1], ..board(1, 100.0) }, board(2, 50.0)]);
    let meter = machine.discover().meter;
    let show = |states: &[BoardState]| {
        let show =
            |one: &BoardState| (one.temperature_c, one.graphics_clock_mhz, one.throttle_reasons.clone());
        states.iter().map(show).collect::<Vec<_>>()
    };
    let cool = || (Some(45), Some(1980), Vec::new());
    let before = meter.boards();
    assert_eq!(show(&before), [cool(), cool()]);
    assert_eq!((before[0].uuid.as_str(), before[0].other_processes), ("GPU-1", Some(1)));
    assert_eq!(before[0].memory_clock_mhz, Some(2619));
    sleep(700 * MILLISECOND);
    let hot = (Some(80), Some(1200), vec!["sw thermal slowdown".to_owned()]);
    assert_eq!(show(&meter.boards()), [hot, cool()]);
}

#[test]
fn processor_and_board_are_added() {
    let machine = boards([board(1, 200.0)]);
    let mut twin = SysfsTwin::new(machine.folder.path());
    twin.rapl_zone("intel-rapl:0", "package-0", Load::Constant(Watts::new(60.0)));
    let _playing = twin.play().unwrap();
    check_watts(&machine, 260.0, MeterKind::Counter, &[EnergyDomain::Gpu, EnergyDomain::CpuPackage]);
}

#[test]
fn a_counter_that_has_not_refreshed_is_waited_for() {
    let machine = boards([Board { refresh_ms: 80, ..board(1, 100.0) }]);
    let mut discovery = machine.discover();
    for _ in 0..5 {
        let (reading, _) = metered(&mut discovery, MILLISECOND);
        assert!(reading.joules().is_some_and(|joules| joules.get() > 0.0), "{reading:?}");
    }
    let slow = boards([Board { refresh_ms: 60_000, gauge: false, ..board(1, 100.0) }]);
    unavailable(&mut slow.discover(), 50 * MILLISECOND, "did not move");
}

#[test]
fn a_lost_board_loses_its_window() {
    let machine = boards([board(1, 100.0), Board { lost_after_ms: Some(700), ..board(2, 100.0) }]);
    let mut discovery = machine.discover();
    let (before, _) = metered(&mut discovery, 200 * MILLISECOND);
    assert!(before.joules().is_some(), "{before:?}");
    unavailable(&mut discovery, 800 * MILLISECOND, "GPU-2");
}

#[test]
fn what_cannot_be_metered_says_why() {
    let mig = boards([board(1, 100.0), Board { mig: true, ..board(2, 100.0) }]);
    unavailable(&mut mig.discover(), MILLISECOND, "MIG");
    let neither = boards([Board { counter: false, gauge: false, ..board(1, 100.0) }]);
    unavailable(&mut neither.discover(), MILLISECOND, "GPU-1");
    unavailable(&mut boards([]).discover(), MILLISECOND, "NVML shows no GPU");
    let unloaded = machine(&Script { init_error: 9, boards: vec![board(1, 1.0)] });
    unavailable(&mut unloaded.discover(), MILLISECOND, "driver is not loaded");

    let required = MeterOptions { choice: "nvml".parse::<MeterChoice>().unwrap(), ..mig.options() };
    let message = discover(&required).unwrap_err().to_string();
    assert!(message.contains("nvml") && message.contains("nvidia-smi -mig 0"), "{message}");
}

#[test]
fn facts_for_the_doctor() {
    let hot = Board { throttle: 0x20 | 0x1, processes: vec![1, std::process::id()], ..board(1, 100.0) };
    let machine = boards([hot, Board { counter: false, mig: true, ..board(2, 50.0) }]);
    let facts = gpu_facts(Some(&machine.library)).unwrap();
    let [first, second] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(first.temperature, Some(45));
    assert_eq!(first.other_processes, Some(1));
    assert_eq!(first.throttle_reasons, ["sw thermal slowdown"]);
    assert_eq!(first.mig, Some(false));
    assert!(first.has_energy_counter);
    assert_eq!((first.graphics_clock, first.memory_clock), (Some(1980), Some(2619)));
    assert_eq!(second.mig, Some(true));
    assert!(!second.has_energy_counter);
    assert!(gpu_facts(Some(&machine.folder.path().join("none.so"))).is_err());
}
