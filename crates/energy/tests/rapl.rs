//! RAPL against a tree whose joules are known, in real time.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_core::{EnergyDomain, EnergyReading, EnergyScope, Joules, MeterError, MeterKind, Watts};
use infercost_energy::sysfs_twin::{Load, Mishap, Playing, SysfsTwin, USUAL_RANGE_MICROJOULES};
use infercost_energy::{Discovery, MeterChoice, MeterOptions, discover};

const MILLISECOND: Duration = Duration::from_millis(1);

fn watts(watts: f64) -> Load {
    Load::Constant(Watts::new(watts))
}

fn options(root: &Path, choice: MeterChoice) -> MeterOptions {
    let nvml_library = Some(root.join("no-such-library.so"));
    MeterOptions { sysfs_root: root.to_owned(), nvml_library, choice, ..MeterOptions::default() }
}

fn found(root: &Path) -> Discovery {
    discover(&options(root, MeterChoice::Auto)).unwrap()
}

/// Meters `length` and gives the reading and the time that it really took.
fn metered(discovery: &mut Discovery, length: Duration) -> (EnergyReading, Duration) {
    let open = discovery.meter.start().unwrap();
    let begun = Instant::now();
    sleep(length);
    let reading = discovery.meter.stop(open).unwrap();
    (reading, begun.elapsed())
}

/// Tests in real time that run beside each other would be each other's noise.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Three attempts: on a busy machine the thread that drives the tree can be held up at a window's edge.
fn attempt(check: impl Fn() -> Result<(), String>) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let failures: Vec<String> = (0..3).map_while(|_| check().err()).collect();
    assert!(failures.len() < 3, "{failures:#?}");
}

/// The known watts of what is in scope, against what the meter says.
fn check_watts(build: impl Fn(&mut SysfsTwin), length: Duration, expected: f64, scope: EnergyScope) {
    attempt(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut twin = SysfsTwin::new(folder.path());
        build(&mut twin);
        let _playing: Playing = twin.play().unwrap();
        let mut discovery = found(folder.path());
        let (reading, elapsed) = metered(&mut discovery, length);
        let EnergyReading::Measured { energy, scope: covered, source, updates } = &reading else {
            return Err(format!("{reading:?}"));
        };
        let right = expected * elapsed.as_secs_f64();
        if (energy.get() / right - 1.0).abs() > 0.01 {
            return Err(format!("{energy:?} instead of {right} J in {elapsed:?}"));
        }
        assert_eq!(covered, &scope);
        assert_eq!(source.kind, MeterKind::Counter);
        assert!(*updates > 1, "{updates}");
        Ok(())
    });
}

fn package() -> EnergyScope {
    EnergyScope::of([EnergyDomain::CpuPackage])
}

fn package_and_dram() -> EnergyScope {
    EnergyScope::of([EnergyDomain::CpuPackage, EnergyDomain::Dram])
}

#[test]
fn one_package() {
    let build = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl:0", "package-0", watts(35.0));
    };
    check_watts(build, 2000 * MILLISECOND, 35.0, package());
}

#[test]
fn wraps() {
    // At 60 W a range of 12 J wraps about every 0.2 s.
    let often = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl:0", "package-0", watts(60.0)).wraps_after(12_000_000);
    };
    check_watts(often, 2000 * MILLISECOND, 60.0, package());
    let once = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl:0", "package-0", watts(60.0))
            .begins_at(USUAL_RANGE_MICROJOULES - 60_000_000);
    };
    check_watts(once, 2000 * MILLISECOND, 60.0, package());
}

#[test]
fn nothing_is_counted_twice() {
    let build = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl:0", "package-0", watts(40.0));
        twin.rapl_zone("intel-rapl:0:0", "core", watts(30.0));
        twin.rapl_zone("intel-rapl:0:1", "uncore", watts(3.0));
        twin.rapl_zone("intel-rapl:0:2", "dram", watts(6.0));
        twin.rapl_zone("intel-rapl:1", "package-1", watts(50.0));
        twin.rapl_zone("intel-rapl:1:0", "dram", watts(7.0));
        twin.rapl_zone("intel-rapl:2", "psys", watts(200.0));
        twin.rapl_zone("intel-rapl-mmio:0", "package-0", watts(40.0));
    };
    check_watts(build, 2000 * MILLISECOND, 40.0 + 50.0 + 6.0 + 7.0, package_and_dram());
}

#[test]
fn dies_are_summed_and_psys_stands_alone() {
    let dies = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl:0", "package-0-die-0", watts(20.0));
        twin.rapl_zone("intel-rapl:1", "package-0-die-1", watts(25.0));
    };
    check_watts(dies, 1500 * MILLISECOND, 45.0, package());
    let psys = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl:1", "psys", watts(90.0));
    };
    check_watts(psys, 1500 * MILLISECOND, 90.0, EnergyScope::of([EnergyDomain::Platform]));
    let mmio = |twin: &mut SysfsTwin| {
        twin.rapl_zone("intel-rapl-mmio:0", "package-0", watts(15.0));
    };
    check_watts(mmio, 1500 * MILLISECOND, 15.0, package());
}

#[test]
fn ramps_and_steps() {
    let seconds = Duration::from_secs;
    for load in [
        Load::Ramp { from: Watts::new(10.0), to: Watts::new(90.0), over: seconds(2) },
        Load::Steps(vec![(seconds(1), Watts::new(20.0)), (seconds(9), Watts::new(80.0))]),
    ] {
        attempt(|| {
            let folder = tempfile::tempdir().unwrap();
            let mut twin = SysfsTwin::new(folder.path());
            twin.rapl_zone("intel-rapl:0", "package-0", load.clone());
            let playing = twin.play().unwrap();
            let mut discovery = found(folder.path());
            let open = discovery.meter.start().unwrap();
            let from = load.drawn_until(playing.elapsed());
            sleep(seconds(2));
            let reading = discovery.meter.stop(open).unwrap();
            let right = load.drawn_until(playing.elapsed()) - from;
            let joules = reading.joules().ok_or_else(|| format!("{reading:?}"))?;
            let error = joules.get() / right.get() - 1.0;
            if error.abs() < 0.01 { Ok(()) } else { Err(format!("{load:?}: {joules:?}, not {right:?}")) }
        });
    }
}

#[test]
fn nested_windows_share_one_meter() {
    attempts(nested_windows_share_one_meter_once);
}

fn nested_windows_share_one_meter_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path());
    twin.rapl_zone("intel-rapl:0", "package-0", watts(50.0));
    let _playing = twin.play().unwrap();
    let mut meter = found(folder.path()).meter;
    let outer = meter.start().unwrap();
    let mut inside = Joules::ZERO;
    for _ in 0..4 {
        let inner = meter.start().unwrap();
        sleep(200 * MILLISECOND);
        inside += meter.stop(inner).unwrap().joules().unwrap();
    }
    let outside = meter.stop(outer).unwrap().joules().unwrap();
    assert!((inside.get() / outside.get() - 1.0).abs() < 0.02, "{inside:?} {outside:?}");
    let overhead = meter.sampler_overhead();
    // only Linux tells a thread's time
    assert!(overhead.map_or(!cfg!(target_os = "linux"), |share| share < 0.005), "{overhead:?}");
}

#[test]
fn a_mishap_makes_its_window_unavailable() {
    attempts(a_mishap_makes_its_window_unavailable_once);
}

fn a_mishap_makes_its_window_unavailable_once() {
    let soon = 900 * MILLISECOND;
    for (mishap, part) in [
        (Mishap::Vanish, "no such file"),
        (Mishap::Unreadable, "it is a folder"),
        (Mishap::Garbage, "instead of a whole number"),
        (Mishap::JumpBack(50_000_000), "went back"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut twin = SysfsTwin::new(folder.path());
        twin.rapl_zone("intel-rapl:0", "package-0", watts(30.0)).begins_at(100_000_000).then(soon, mishap);
        let _playing = twin.play().unwrap();
        let mut discovery = found(folder.path());
        let (before, _) = metered(&mut discovery, 50 * MILLISECOND);
        assert!(before.joules().is_some(), "{mishap:?}: {before:?}");
        let (during, _) = metered(&mut discovery, 1200 * MILLISECOND);
        let EnergyReading::Unavailable { reason } = &during else { panic!("{mishap:?}: {during:?}") };
        assert!(reason.contains(part) && reason.contains("package-0"), "{mishap:?}: {reason}");
        assert!(!reason.contains('\u{1b}'), "{reason:?}");
        let (after, _) = metered(&mut discovery, 50 * MILLISECOND);
        let recovers = matches!(mishap, Mishap::JumpBack(_));
        assert_eq!(after.joules().is_some(), recovers, "{mishap:?}: {after:?}");
    }
}

#[test]
fn a_counter_that_stands_still_is_not_zero_joules() {
    attempts(a_counter_that_stands_still_is_not_zero_joules_once);
}

fn a_counter_that_stands_still_is_not_zero_joules_once() {
    let dram = |freeze: Duration| {
        let folder = tempfile::tempdir().unwrap();
        let mut twin = SysfsTwin::new(folder.path());
        twin.rapl_zone("intel-rapl:0", "package-0", watts(30.0));
        twin.rapl_zone("intel-rapl:0:0", "dram", watts(3.0)).then(freeze, Mishap::Freeze);
        let playing = twin.play().unwrap();
        (folder, playing)
    };
    // Dead from the beginning: left out of the boundary, and said so.
    let (folder, _playing) = dram(Duration::ZERO);
    sleep(20 * MILLISECOND);
    let mut discovery = found(folder.path());
    let (reading, _) = metered(&mut discovery, 100 * MILLISECOND);
    assert!(reading.joules().is_some());
    assert_eq!(reading.scope(), package());
    assert!(discovery.missing.iter().any(|missing| missing.reason.contains("dram-0 stands still")));
    // Dead later: the window is lost, not counted as zero.
    let (folder, playing) = dram(900 * MILLISECOND);
    let mut discovery = found(folder.path());
    assert_eq!(discovery.meter.scope(), package_and_dram());
    sleep((950 * MILLISECOND).saturating_sub(playing.elapsed()));
    let (reading, _) = metered(&mut discovery, 100 * MILLISECOND);
    assert!(
        matches!(&reading, EnergyReading::Unavailable { reason } if reason.contains("did not move")),
        "{reading:?}"
    );
}

#[test]
fn one_closed_package_closes_both() {
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path());
    twin.rapl_zone("intel-rapl:0", "package-0", watts(30.0));
    twin.rapl_zone("intel-rapl:1", "package-1", watts(30.0)).then(Duration::ZERO, Mishap::Unreadable);
    let _playing = twin.play().unwrap();
    sleep(50 * MILLISECOND);
    let mut discovery = found(folder.path());
    assert_eq!(discovery.meter.scope(), EnergyScope::default());
    assert!(discovery.missing.iter().any(|missing| missing.name == "rapl package-1"), "{discovery:?}");
    let (reading, _) = metered(&mut discovery, 10 * MILLISECOND);
    assert!(
        matches!(&reading, EnergyReading::Unavailable { reason } if reason.contains("intel-rapl:1/energy_uj")),
        "{reading:?}"
    );
}

/// Ranges that cannot be right are no ranges: the counter is read all the same, and going back is then a fault.
#[test]
fn odd_ranges() {
    for range in ["0", "-1", "n/a", "", "1000", "50000000"] {
        attempts_of(&|| {
            let folder = tempfile::tempdir().unwrap();
            let mut twin = SysfsTwin::new(folder.path());
            twin.rapl_zone("intel-rapl:0", "package-0", watts(40.0)).begins_at(100_000_000);
            let _playing = twin.play().unwrap();
            let stated = folder.path().join("class/powercap/intel-rapl:0/max_energy_range_uj");
            std::fs::write(&stated, range).unwrap();
            let mut discovery = found(folder.path());
            let (reading, elapsed) = metered(&mut discovery, 500 * MILLISECOND);
            let right = 40.0 * elapsed.as_secs_f64();
            let joules = reading.joules().map(|joules| joules.get());
            assert!(joules.is_some_and(|joules| (joules / right - 1.0).abs() < 0.02), "{range}: {reading:?}");
        });
    }
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path());
    twin.rapl_zone("intel-rapl:0", "package-0", watts(40.0)).begins_at(100_000_000);
    let _playing = twin.play().unwrap();
    std::fs::remove_file(folder.path().join("class/powercap/intel-rapl:0/max_energy_range_uj")).unwrap();
    assert_eq!(found(folder.path()).meter.scope(), package());
}

/// Two zones of one name may be one energy shown twice, or two sockets: neither is guessed.
#[test]
fn zones_of_one_name_are_not_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path());
    twin.rapl_zone("intel-rapl:0", "package-0", watts(30.0));
    twin.rapl_zone("intel-rapl:2", "package-0", watts(30.0));
    let _playing = twin.play().unwrap();
    let discovery = found(folder.path());
    assert_eq!(discovery.meter.scope(), EnergyScope::default());
    assert!(discovery.meter.describe().contains("two zones are called package-0"), "{discovery:?}");
}

#[test]
fn a_machine_without_sensors() {
    let folder = tempfile::tempdir().unwrap();
    let mut discovery = found(folder.path());
    assert!(discovery.found.is_empty());
    assert_eq!(discovery.meter.update_period(), Duration::ZERO);
    let described = discovery.meter.describe();
    assert!(described.starts_with("no energy meter: this machine shows no energy sensor"), "{described}");
    assert!(!described.contains('\n'));
    let (reading, _) = metered(&mut discovery, MILLISECOND);
    assert_eq!(reading.joules(), None);

    for name in ["rapl", "hwmon"] {
        let choice: MeterChoice = name.parse().unwrap();
        let error = discover(&options(folder.path(), choice)).unwrap_err();
        assert!(matches!(&error, MeterError::RequiredMeterMissing { meter, .. } if meter == name), "{error}");
    }
    let none = discover(&options(folder.path(), MeterChoice::None)).unwrap();
    assert!(none.meter.describe().contains("no meter was asked for"));
}

/// These tests run in real time, and a busy machine can hold up the scripted sensor itself: each has three attempts,
/// one after the other and none beside another's.
fn attempts(check: fn()) {
    attempts_of(&check);
}

fn attempts_of(check: &(dyn Fn() + std::panic::RefUnwindSafe)) {
    for left in (0..3).rev() {
        let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match std::panic::catch_unwind(check) {
            Ok(()) => return,
            Err(failure) if left == 0 => std::panic::resume_unwind(failure),
            Err(_) => {}
        }
    }
}
