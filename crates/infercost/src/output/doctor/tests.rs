//! How the diagnosis reads on four kinds of machines.

use infercost_core::{Bytes, MachineFacts};

use super::*;
use crate::output::answer::Detail;
use crate::output::answer::text::{Space, within};

/// All of it, as a person reads it who asks for all.
fn shown(diagnosis: &Diagnosis) -> String {
    let space = Space { width: usize::MAX, sentences: usize::MAX };
    within(&answer(diagnosis), Detail { wide: true, explain: true }, space)
}

/// As it is read on a terminal of so many columns.
fn at(diagnosis: &Diagnosis, columns: usize) -> String {
    within(&answer(diagnosis), Detail::default(), Space { width: columns, sentences: columns })
}

fn machine(cpu: &str, virtualization: Option<&str>) -> MachineFacts {
    MachineFacts {
        cpu: Some(cpu.into()),
        cores: Some(8),
        memory: Some(Bytes(16_500_000_000)),
        memory_bandwidth: Some(41.23e9),
        gpus: Vec::new(),
        os: Some("linux 6.8.0".into()),
        virtualization: virtualization.map(str::to_owned),
        governor: None,
        load_average: Some(0.25),
        steal_share: None,
        wall_factor: None,
        ..MachineFacts::default()
    }
}

/// A machine without sensors.
fn bare(machine: MachineFacts) -> Diagnosis {
    let missing = |name: &str, reason: &str, fix: &str| Missing {
        name: name.into(),
        reason: reason.into(),
        fix: fix.into(),
    };
    Diagnosis {
        schema: SCHEMA,
        machine,
        gpus: Vec::new(),
        build: Build { version: "0.1.0", flags: "release avx2 fma".into(), quantized_kernels: Some("avx2") },
        noise: Some(Noise { difference: 0.0041, spread: 0.031, runs: 24 }),
        meter: "no energy meter: this machine shows no energy sensor".into(),
        basis: "nothing",
        covers: EnergyScope::default(),
        update_period_s: None,
        rest_w: None,
        work_w: None,
        power_unknown: None,
        sampler_overhead: None,
        found: Vec::new(),
        missing: vec![missing("rapl", "there is no class/powercap", "load the module intel_rapl_msr")],
        doubts: Vec::new(),
    }
}

fn found(instrument: &str, name: &str, covers: &EnergyDomain, period: f64, note: &str) -> Found {
    Found {
        instrument: instrument.into(),
        name: name.into(),
        covers: covers.to_string(),
        kind: "counter",
        update_period_s: period,
        used: note == "used",
        note: note.into(),
    }
}

#[test]
fn a_laptop() {
    let laptop = Diagnosis {
        machine: MachineFacts { governor: Some("powersave".into()), ..machine("Some Laptop CPU", None) },
        meter: "rapl package-0, covers cpu package".into(),
        basis: "measured",
        covers: EnergyScope::of([EnergyDomain::CpuPackage]),
        update_period_s: Some(0.001),
        rest_w: Some(4.21),
        work_w: Some(27.9),
        sampler_overhead: Some(0.000_42),
        found: vec![
            found("rapl", "package-0", &EnergyDomain::CpuPackage, 0.001, "used"),
            found(
                "rapl",
                "psys",
                &EnergyDomain::Platform,
                0.001,
                "not used: rapl package-0 covers it already",
            ),
        ],
        missing: Vec::new(),
        doubts: vec!["the CPU governor is powersave".into()],
        ..bare(machine("", None))
    };
    insta::assert_snapshot!(shown(&laptop));
    insta::assert_snapshot!("a_laptop_at_80_columns", at(&laptop, 80));
    insta::assert_snapshot!("a_laptop_at_140_columns", at(&laptop, 140));
}

#[test]
fn a_server_with_a_gpu() {
    let board = Gpu {
        name: "Some GPU".into(),
        uuid: "GPU-1".into(),
        energy_counter: true,
        power_w: Some(71.2),
        power_limit_w: Some(700.0),
        temperature_c: Some(41),
        graphics_clock_mhz: Some(1980),
        memory_clock_mhz: Some(2619),
        mig: Some(false),
    };
    let domains = [EnergyDomain::CpuPackage, EnergyDomain::Dram, EnergyDomain::Gpu];
    let server = Diagnosis {
        gpus: vec![board.clone(), Gpu { mig: Some(true), power_w: None, energy_counter: false, ..board }],
        meter: "rapl package-0, package-1, dram-0, dram-1; nvml GPU-1, covers cpu package + dram + gpu"
            .into(),
        basis: "measured",
        covers: EnergyScope::of(domains.clone()),
        update_period_s: Some(0.1),
        rest_w: Some(181.0),
        work_w: Some(420.5),
        sampler_overhead: Some(0.021),
        found: vec![found("nvml", "Some GPU GPU-1", &EnergyDomain::Gpu, 0.1, "used")],
        missing: Vec::new(),
        ..bare(machine("Some Server CPU", None))
    };
    insta::assert_snapshot!(shown(&server));
}

#[test]
fn a_virtual_machine_without_sensors() {
    let facts =
        MachineFacts { steal_share: Some(0.034), ..machine("Some CPU", Some("virtual machine (KVM)")) };
    let doubts = vec!["the hypervisor gave 3.4 % of the CPU's time to others".to_owned()];
    let plain = Diagnosis { doubts, ..bare(facts) };
    insta::assert_snapshot!(shown(&plain));
    insta::assert_snapshot!("a_virtual_machine_at_80_columns", at(&plain, 80));
    insta::assert_snapshot!("a_virtual_machine_at_140_columns", at(&plain, 140));
}

#[test]
fn a_container_that_tells_little() {
    let unknown = MachineFacts {
        virtualization: Some("container (Docker) in a virtual machine".into()),
        ..MachineFacts::default()
    };
    let estimated = Diagnosis {
        noise: None,
        build: Build { version: "0.1.0", flags: "debug".into(), quantized_kernels: None },
        meter: "estimated: 40 W as given; nothing is measured\u{1b}[31m".into(),
        basis: "estimated",
        covers: EnergyScope::of([EnergyDomain::Platform]),
        rest_w: Some(40.0),
        work_w: Some(40.0),
        ..bare(unknown)
    };
    insta::assert_snapshot!(shown(&estimated));
}

#[test]
fn boundaries() {
    use EnergyDomain::{CpuPackage, Gpu, Other, Platform, Wall};
    for (covers, expected) in [
        (EnergyScope::of([Wall]), "everything behind the plug, power supply losses too"),
        (EnergyScope::of([Platform]), "platform; left out: gpu, losses of the power supply"),
        (
            EnergyScope::of([CpuPackage, Gpu]),
            "cpu package + gpu; left out: dram, losses of the power supply, disks, fans and the rest of the board",
        ),
        (
            EnergyScope::of([Other("VDD_IN".into())]),
            "VDD_IN; left out: what its maker's documents do not name",
        ),
    ] {
        assert_eq!(boundary(&covers), expected);
    }
}

/// Two means may agree by chance where single runs do not.
#[test]
fn a_busy_machine_is_not_called_quiet() {
    let noise = Noise { difference: 0.001, spread: 0.78, runs: 24 };
    let busy = Diagnosis { noise: Some(noise), ..bare(machine("Some CPU", None)) };
    let text = shown(&busy);
    assert!(text.contains("times do not repeat now: single runs differ by 78 %"), "{text}");
    assert!(!text.contains("times repeat within"), "{text}");
}
