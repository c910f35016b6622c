//! Estimates: they are called so, and they are never zero.
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_core::{EnergyDomain, EnergyReading, EnergyScope, EstimationMethod, MeterError, Watts};
use infercost_energy::sysfs_twin::{Load, SysfsTwin};
use infercost_energy::{Discovery, EstimateChoice, MeterBasis, MeterChoice, MeterOptions, discover};

fn options(root: &Path, estimate: EstimateChoice) -> MeterOptions {
    MeterOptions {
        sysfs_root: root.to_owned(),
        proc_root: root.join("proc"),
        nvml_library: Some(root.join("no-such-library.so")),
        choice: MeterChoice::Auto,
        estimate,
        ..MeterOptions::default()
    }
}

/// Writes a process table in which this process has used `ticks` hundredths of a second.
fn write_proc(root: &Path, model: &str, ticks: u64) {
    let proc = root.join("proc/self");
    std::fs::create_dir_all(&proc).unwrap();
    std::fs::write(root.join("proc/cpuinfo"), format!("processor\t: 0\nmodel name\t: {model}\n")).unwrap();
    let line = format!("7 (infercost) R 1 1 1 0 -1 0 0 0 0 0 {ticks} 0 0 0 20 0 1\n");
    std::fs::write(proc.join("stat"), line).unwrap();
}

#[test]
fn design_power_times_cpu_time() {
    let folder = tempfile::tempdir().unwrap();
    let model = "Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz";
    write_proc(folder.path(), model, 1000);
    let mut meter = discover(&options(folder.path(), EstimateChoice::FromTable)).unwrap().meter;
    assert!(meter.describe().starts_with("estimated: "), "{}", meter.describe());
    let open = meter.start().unwrap();
    write_proc(folder.path(), model, 2600);
    // 16 s of one thread; 270 W are shared by 80 threads.
    let EnergyReading::Estimated { energy, method, .. } = meter.stop(open).unwrap() else { panic!() };
    assert!((energy.get() - 54.0).abs() < 1e-9, "{energy:?}");
    assert!(matches!(method, EstimationMethod::CpuTdp { model: named, .. } if named == model));

    let open = meter.start().unwrap();
    let idle = meter.stop(open).unwrap();
    assert!(matches!(&idle, EnergyReading::Unavailable { reason } if reason.contains("no CPU time")));
}

#[test]
fn an_unknown_processor_is_not_guessed() {
    let folder = tempfile::tempdir().unwrap();
    write_proc(folder.path(), "Some CPU\u{1b}[2J", 10);
    let Discovery { meter, basis, .. } =
        discover(&options(folder.path(), EstimateChoice::FromTable)).unwrap();
    assert_eq!(basis, MeterBasis::Nothing);
    let described = meter.describe();
    assert!(described.starts_with("no energy meter") && described.contains("Some CPU"), "{described}");
    assert!(!described.contains('\u{1b}'));
}

#[test]
fn given_watts() {
    let folder = tempfile::tempdir().unwrap();
    let given = EstimateChoice::Watts(Watts::new(65.0));
    let Discovery { mut meter, basis, .. } = discover(&options(folder.path(), given)).unwrap();
    assert_eq!(basis, MeterBasis::Estimated);
    let begun = Instant::now();
    let open = meter.start().unwrap();
    sleep(Duration::from_millis(200));
    let reading = meter.stop(open).unwrap();
    let right = 65.0 * begun.elapsed().as_secs_f64();
    assert!((reading.joules().unwrap().get() / right - 1.0).abs() < 0.01);
    assert_eq!(reading.source_name(), "estimated");
    for watts in [0.0, -5.0, f64::NAN, f64::INFINITY] {
        let refused = discover(&options(folder.path(), EstimateChoice::Watts(Watts::new(watts))));
        assert!(matches!(refused, Err(MeterError::NoEstimate { .. })), "{watts}");
    }
}

#[test]
fn measured_gpu_and_estimated_rest_are_an_estimate() {
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path());
    twin.hwmon_gauge("hwmon0", "amdgpu", "power1_average", Load::Constant(Watts::new(100.0)));
    let _playing = twin.play().unwrap();
    let mut meter = discover(&options(folder.path(), EstimateChoice::Watts(Watts::new(50.0)))).unwrap().meter;
    let begun = Instant::now();
    let open = meter.start().unwrap();
    sleep(Duration::from_millis(400));
    let reading = meter.stop(open).unwrap();
    let right = 150.0 * begun.elapsed().as_secs_f64();
    let EnergyReading::Estimated { energy, scope, method } = &reading else { panic!("{reading:?}") };
    assert!((energy.get() / right - 1.0).abs() < 0.02, "{energy:?} instead of {right}");
    assert_eq!(scope, &meter.scope());
    assert!(matches!(method, EstimationMethod::Mixed { parts } if parts.contains("amdgpu")));
}

#[test]
fn a_measured_processor_needs_no_estimate() {
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path());
    twin.rapl_zone("intel-rapl:0", "package-0", Load::Constant(Watts::new(20.0)));
    let _playing = twin.play().unwrap();
    let mut meter = discover(&options(folder.path(), EstimateChoice::Watts(Watts::new(50.0)))).unwrap().meter;
    let open = meter.start().unwrap();
    sleep(Duration::from_millis(100));
    assert_eq!(meter.stop(open).unwrap().source_name(), "counter");
    assert_eq!(meter.scope(), EnergyScope::of([EnergyDomain::CpuPackage]));
}
