//! What on this machine puts measurements in doubt, each with what would help.

use infercost_core::MachineFacts;
use infercost_energy::GpuFacts;
use infercost_engine::in_process::build_flags::kernel_level;
use infercost_engine::{ISA_VARIABLE, Isa};

use crate::number;
use crate::usage::usage;

/// A load average beyond this share of the cores may be the work of others; it may be that of a program that has ended, too.
const LOADED_SHARE: f64 = 0.5;
/// Processor time of others beyond this share disturbs speed and energy.
const BUSY_SHARE: f64 = 0.1;
/// CPU time that a hypervisor may give to others before speed suffers.
const STEAL_SHARE: f64 = 0.01;
/// Sampling should cost no more than this share of a core.
const SAMPLER_SHARE: f64 = 0.005;

/// Doubts about the machine as it is now, one plain line each.
///
/// `busy_share` measures what share of the processors' time programs take at this moment, while this one waits. It is asked
/// where the load average is high, since that remembers minutes.
pub fn doubts(
    machine: &MachineFacts,
    gpus: &[GpuFacts],
    busy_share: impl FnOnce() -> Option<f64>,
) -> Vec<String> {
    let mut doubts = Vec::new();
    doubts.extend(build());
    if let Some(governor) = machine.governor.as_deref().filter(|governor| *governor != "performance") {
        doubts.push(format!(
            "the CPU governor is {governor}: speed follows the load; `cpupower frequency-set -g performance` \
             steadies it"
        ));
    }

    doubts.extend(others(machine, busy_share));
    doubts.extend(machine.steal_share.and_then(stolen));
    for gpu in gpus {
        let name = &gpu.name;
        if !gpu.throttle_reasons.is_empty() {
            doubts.push(format!("{name} is held back: {}", gpu.throttle_reasons.join(", ")));
        }
        if let Some(others) = gpu.other_processes.filter(|others| *others > 0) {
            let processes = if others == 1 { "1 other process".into() } else { format!("{others} others") };
            doubts.push(format!("{name} is shared with {processes}: its joules are theirs too"));
        }
    }

    doubts
}

/// A doubt where other programs run.
fn others(machine: &MachineFacts, busy_share: impl FnOnce() -> Option<f64>) -> Option<String> {
    let (load, cores) = (machine.load_average?, machine.cores?);
    if load <= LOADED_SHARE * f64::from(cores) {
        return None;
    }

    let how_much = match busy_share() {
        Some(share) if share <= BUSY_SHARE => return None,
        Some(share) => format!("they take {} of the processors' time", number::percent(share)),
        None => format!("load average {load} on {cores} cores"),
    };
    Some(format!("other programs are running ({how_much}): times and energy include their work"))
}

/// A doubt where the hypervisor gave away more than a little of the CPU's time.
pub fn stolen(share: f64) -> Option<String> {
    (share > STEAL_SHARE).then(|| {
        let share = number::percent(share);
        format!("the hypervisor gave {share} of the CPU's time to others: speed depends on them")
    })
}

/// A doubt where sampling the meter is itself work that counts.
pub fn sampling(share: f64) -> Option<String> {
    (share > SAMPLER_SHARE).then(|| {
        format!(
            "sampling the meter cost {} of one core, above the 0.5 % that it should",
            number::percent(share)
        )
    })
}

fn build() -> Option<String> {
    if cfg!(debug_assertions) {
        return Some("this is a debug build, several times slower: build with --release".into());
    }
    match kernel_level() {
        Ok(level) if level != Isa::best() => Some(format!(
            "{ISA_VARIABLE} forces the kernels to {}, and this processor has {}: unset {ISA_VARIABLE}",
            level.name(),
            Isa::best().name()
        )),
        Ok(Isa::Portable) if cfg!(target_arch = "x86_64") => Some(
            "this processor has neither AVX-512 with VNNI nor AVX2: models run several times slower than on one that has"
                .into(),
        ),
        _ => None,
    }
}

/// Refuses a level of kernels that cannot run here, before anything runs.
pub fn check_kernel_level() -> anyhow::Result<()> {
    kernel_level().map(|_| ()).map_err(|error| usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(throttle: &[&str], others: u32) -> GpuFacts {
        GpuFacts {
            name: "board".into(),
            uuid: "GPU-1".into(),
            has_energy_counter: true,
            power: None,
            power_limit: None,
            temperature: None,
            graphics_clock: None,
            memory_clock: None,
            throttle_reasons: throttle.iter().map(|reason| (*reason).to_owned()).collect(),
            other_processes: Some(others),
            mig: None,
        }
    }

    #[test]
    fn each_doubt_has_its_line() {
        let calm = MachineFacts { cores: Some(4), load_average: Some(0.5), ..MachineFacts::default() };
        let usual = doubts(&calm, &[gpu(&[], 0)], || None);
        for (machine, gpus, part) in [
            (MachineFacts { governor: Some("powersave".into()), ..calm.clone() }, vec![], "powersave"),
            (MachineFacts { load_average: Some(2.5), ..calm.clone() }, vec![], "2.5 on 4 cores"),
            (MachineFacts { steal_share: Some(0.2), ..calm.clone() }, vec![], "20 % of the CPU"),
            (calm.clone(), vec![gpu(&["sw thermal slowdown"], 0)], "sw thermal slowdown"),
            (calm.clone(), vec![gpu(&[], 1)], "1 other process"),
        ] {
            let found = doubts(&machine, &gpus, || None);
            assert_eq!(found.len(), usual.len() + 1, "{found:?}");
            assert!(found.iter().any(|doubt| doubt.contains(part)), "{found:?}");
        }

        let loaded = MachineFacts { load_average: Some(2.5), ..calm };
        assert_eq!(doubts(&loaded, &[], || Some(0.04)), usual);
        let found = doubts(&loaded, &[], || Some(0.5));
        assert!(
            found.iter().any(|doubt| doubt.contains("they take 50 % of the processors' time")),
            "{found:?}"
        );

        assert_eq!((stolen(0.005), sampling(0.004)), (None, None));
        assert!(sampling(0.02).is_some_and(|doubt| doubt.contains("2 %")));
    }
}
