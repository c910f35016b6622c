//! How the diagnosis reads on four kinds of machines.

use infercost_core::{Bytes, MachineFacts};

use super::*;

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
    insta::assert_snapshot!(render(&laptop), @r"
    machine
      cpu            8 × Some Laptop CPU
      memory         16.5 GB
      memory read    41.2 GB/s by all cores, measured
      gpu            none that NVML shows
      system         linux 6.8.0
      runs in        no container or virtual machine that shows itself
      governor       powersave
      load average   0.25
      stolen time    unknown
    build
      infercost      0.1.0, release avx2 fma
      kernels        avx2
    noise
      repeatability  the same work under two names differs by 0.4 %; single runs spread by 3.1 % (24 runs)
    energy
      meter          rapl package-0, covers cpu package
      boundary       cpu package; left out: dram, gpu, losses of the power supply, disks, fans and the rest of the board
      refreshes      every 1.00 ms
      power          4.21 W at rest, 27.9 W with all cores at work
      sampling       costs 0.04 % of one core
      found          rapl package-0 (cpu package): counter, every 1.00 ms; used
      found          rapl psys (platform): counter, every 1.00 ms; not used: rapl package-0 covers it already
    ! the CPU governor is powersave
    ");
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
    insta::assert_snapshot!(render(&server), @r"
    machine
      cpu            8 × Some Server CPU
      memory         16.5 GB
      memory read    41.2 GB/s by all cores, measured
      gpu            Some GPU (GPU-1), energy counter, 71.2 W of at most 700 W, 41 °C, 1980 MHz, memory 2619 MHz
      gpu            Some GPU (GPU-1), no energy counter, unknown W of at most 700 W, 41 °C, 1980 MHz, memory 2619 MHz, cut up by MIG
      system         linux 6.8.0
      runs in        no container or virtual machine that shows itself
      governor       unknown
      load average   0.25
      stolen time    unknown
    build
      infercost      0.1.0, release avx2 fma
      kernels        avx2
    noise
      repeatability  the same work under two names differs by 0.4 %; single runs spread by 3.1 % (24 runs)
    energy
      meter          rapl package-0, package-1, dram-0, dram-1; nvml GPU-1, covers cpu package + dram + gpu
      boundary       cpu package + dram + gpu; left out: losses of the power supply, disks, fans and the rest of the board
      refreshes      every 100 ms
      power          181 W at rest, 420 W with all cores at work
      sampling       costs 2.1 % of one core
      found          nvml Some GPU GPU-1 (gpu): counter, every 100 ms; used
    ");
}

#[test]
fn a_virtual_machine_without_sensors() {
    let facts =
        MachineFacts { steal_share: Some(0.034), ..machine("Some CPU", Some("virtual machine (KVM)")) };
    let doubts = vec!["the hypervisor gave 3.4 % of the CPU's time to others".to_owned()];
    let plain = Diagnosis { doubts, ..bare(facts) };
    insta::assert_snapshot!(render(&plain), @r"
    machine
      cpu            8 × Some CPU
      memory         16.5 GB
      memory read    41.2 GB/s by all cores, measured
      gpu            none that NVML shows
      system         linux 6.8.0
      runs in        virtual machine (KVM)
      governor       unknown
      load average   0.25
      stolen time    3.4 %
    build
      infercost      0.1.0, release avx2 fma
      kernels        avx2
    noise
      repeatability  the same work under two names differs by 0.4 %; single runs spread by 3.1 % (24 runs)
    energy
      meter          no energy meter: this machine shows no energy sensor
      missing        rapl: there is no class/powercap; load the module intel_rapl_msr
    ! the hypervisor gave 3.4 % of the CPU's time to others
    ");
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
    insta::assert_snapshot!(render(&estimated), @r"
    machine
      cpu            unknown
      memory         unknown
      memory read    unknown
      gpu            none that NVML shows
      system         unknown
      runs in        container (Docker) in a virtual machine
      governor       unknown
      load average   unknown
      stolen time    unknown
    build
      infercost      0.1.0, debug
      kernels        unknown
    noise
      repeatability  could not be timed
    energy
      meter          estimated: 40 W as given; nothing is measured\u{1b}[31m
      boundary       platform; left out: gpu, losses of the power supply
      power          40.0 W at rest, 40.0 W with all cores at work, estimated
      missing        rapl: there is no class/powercap; load the module intel_rapl_msr
    ");
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
