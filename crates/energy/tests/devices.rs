//! Devices one by one: scripted counters, a scripted NVML, and a `/proc` that is made up.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use infercost_core::{Bytes, Watts};
use infercost_energy::devices::{DeviceKind, DeviceReading, Devices, DrawnEnergy};
use infercost_energy::sysfs_twin::{Load, SysfsTwin};
use infercost_energy::{EstimateChoice, MeterChoice, MeterOptions};
use infercost_nvml_mock::{Board, Script, install};

fn options(root: &Path) -> MeterOptions {
    MeterOptions {
        sysfs_root: root.join("sys"),
        proc_root: root.join("proc"),
        nvml_library: Some(root.join("no-such-library.so")),
        ..MeterOptions::default()
    }
}

#[track_caller]
fn device<'d>(devices: &'d [DeviceReading], id: &str) -> &'d DeviceReading {
    devices.iter().find(|device| device.id == id).unwrap_or_else(|| panic!("no {id}: {devices:#?}"))
}

/// Mean power of a step; `None` where there is none.
fn watts(device: &DeviceReading) -> Option<f64> {
    match &device.energy {
        DrawnEnergy::Drawn { joules, over, .. } => Some(joules.get() / over.as_secs_f64()),
        DrawnEnergy::Pending | DrawnEnergy::Missing(_) => None,
    }
}

fn proc_of(root: &Path, busy: u64, idle: u64) {
    let proc = root.join("proc");
    fs::create_dir_all(&proc).unwrap();
    let line = format!("{busy} 0 0 {idle} 0 0 0 0 0 0");
    fs::write(proc.join("stat"), format!("cpu  {line}\ncpu0 {line}\ncpu1 {line}\nintr 1 2 3\n")).unwrap();
    fs::write(proc.join("meminfo"), "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n").unwrap();
}

#[test]
fn packages_and_memory_by_their_own_counters() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let mut twin = SysfsTwin::new(root.join("sys"));
    twin.rapl_zone("intel-rapl:0", "package-0", Load::Constant(Watts::new(30.0)));
    twin.rapl_zone("intel-rapl:0:0", "dram", Load::Constant(Watts::new(5.0)));
    let _playing = twin.play().unwrap();
    proc_of(root, 100, 100);

    let mut devices = Devices::open(&options(root)).unwrap();
    devices.read();
    sleep(Duration::from_millis(800));
    proc_of(root, 130, 170);
    let readings = devices.read();
    let (package, memory) = (device(&readings, "package-0"), device(&readings, "memory"));
    assert_eq!((package.kind, memory.kind), (DeviceKind::Cpu, DeviceKind::Memory));
    for (found, wanted) in [(watts(package), 30.0), (watts(memory), 5.0)] {
        assert!(found.is_some_and(|found| (found / wanted - 1.0).abs() < 0.2), "{found:?}, not {wanted}");
    }
    assert!(package.utilization.as_ref().is_ok_and(|share| (share - 0.3).abs() < 1e-9), "{package:?}");
    assert_eq!(memory.memory_used, Ok(Bytes(600 * 1024)));
    // what the tree does not show says so, and nothing is zero
    assert!(package.temperature.as_ref().is_err_and(|why| why.contains("no sensor")), "{package:?}");
    assert!(package.clock.is_err() && package.throttling.is_err());
}

#[test]
fn a_machine_without_sensors_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let readings = Devices::open(&options(folder.path())).unwrap().read();
    let package = device(&readings, "package-0");
    assert!(matches!(&package.energy, DrawnEnergy::Missing(why) if why.contains("powercap")), "{package:?}");
    assert!(package.utilization.is_err());

    let mut assuming = options(folder.path());
    assuming.estimate = EstimateChoice::Watts(Watts::new(50.0));
    let mut devices = Devices::open(&assuming).unwrap();
    sleep(Duration::from_millis(50));
    let readings = devices.read();
    let estimated = device(&readings, "estimated");
    assert!(watts(estimated).is_some_and(|watts| (watts - 50.0).abs() < 5.0), "{estimated:?}");
    assert!(matches!(estimated.energy, DrawnEnergy::Drawn { estimated: true, .. }));

    let mut named = options(folder.path());
    named.choice = "rapl".parse::<MeterChoice>().unwrap();
    assert!(Devices::open(&named).is_err());
}

#[test]
fn a_board_that_falls_off_the_bus_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let lasting = Board {
        uuid: "GPU-1".to_owned(),
        watts: 120.0,
        processes: vec![std::process::id()],
        utilization: Some(37),
        memory_used: Some(5_000_000_000),
        ..Board::default()
    };
    let lost = Board { uuid: "GPU-2".to_owned(), lost_after_ms: Some(1_500), ..Board::default() };
    let library = install(root, &Script { init_error: 0, boards: vec![lasting, lost] }).unwrap();
    let mut options = options(root);
    options.nvml_library = Some(library);

    let mut devices = Devices::open(&options).unwrap();
    devices.read();
    sleep(Duration::from_millis(600));
    let readings = devices.read();
    let board = device(&readings, "GPU-1");
    assert!(watts(board).is_some_and(|watts| (watts / 120.0 - 1.0).abs() < 0.2), "{board:?}");
    assert_eq!(board.temperature, Ok(45.0));
    assert!(board.processes.as_ref().is_ok_and(|all| all.len() == 1), "{board:?}");
    assert_eq!(board.utilization, Ok(0.37));
    assert_eq!(board.memory_used, Ok(Bytes(5_000_000_000)));
    let silent = device(&readings, "GPU-2");
    assert!(silent.utilization.as_ref().is_err_and(|why| why.contains("NVML")), "{silent:?}");
    assert!(!device(&readings, "GPU-2").is_gone());

    sleep(Duration::from_millis(1_500));
    let readings = devices.read();
    assert!(device(&readings, "GPU-2").is_gone(), "{:?}", device(&readings, "GPU-2"));
    assert!(!device(&readings, "GPU-1").is_gone());
}
