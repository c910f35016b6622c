//! Energy as a person reads it: the totals with their boundary, their source, what no inference got, and idle power.

use infercost_core::EnergySource;
use infercost_core::report::{EnergyTotals, IdlePower, Report};
use infercost_run::number;

use crate::output::doctor::boundary;
use crate::output::terminal::plain;

/// One line; nothing where no energy is known.
pub(crate) fn render(report: &Report) -> Option<String> {
    report.energy.as_ref().map(|energy| plain(&line(energy)))
}

fn line(energy: &EnergyTotals) -> String {
    let meters =
        if energy.meters.is_empty() { String::new() } else { format!(" ({})", energy.meters.join("; ")) };
    let how = match energy.source {
        EnergySource::Counter => format!("by counter{meters}"),
        EnergySource::Integrated => format!("by integral of power{meters}"),
        EnergySource::Mixed => format!("by counter and by integral of power{meters}"),
        EnergySource::Estimated => format!("estimated{meters}"),
        EnergySource::Assumed | EnergySource::Unavailable => energy.source.to_string(),
    };
    let net =
        energy.net_j.map_or_else(|| "net unknown".to_owned(), |net| format!("{} net of idle", joules(net)));
    let covers: Vec<String> = energy.covers.iter().map(boundary).collect();
    let mut parts = vec![
        format!("{} gross, {how}", joules(energy.gross_j)),
        net,
        format!("{} unattributed", joules(energy.unattributed_j)),
        format!("covers {}", covers.join("; or ")),
    ];
    parts.extend(idle(&energy.idle));

    format!("energy: {}", parts.join("; "))
}

fn joules(value: f64) -> String {
    format!("{} J", number::significant(value))
}

fn idle(idle: &IdlePower) -> Option<String> {
    let phases = [
        (idle.before_load_w, "before load"),
        (idle.resident_w, "with models resident"),
        (idle.after_w, "after"),
    ];
    let known: Vec<String> = phases
        .iter()
        .filter_map(|(watts, when)| Some(format!("{} W {when}", number::significant((*watts)?))))
        .collect();
    let drift = idle.drift.map_or_else(String::new, |drift| format!(" (drift {})", number::percent(drift)));
    (!known.is_empty()).then(|| format!("idle {}{drift}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use infercost_core::{EnergyDomain, EnergyScope};

    use super::*;

    fn totals(source: EnergySource, meters: &[&str], covers: &[EnergyDomain]) -> EnergyTotals {
        EnergyTotals {
            source,
            covers: vec![EnergyScope::of(covers.iter().cloned())],
            meters: meters.iter().map(|meter| (*meter).to_owned()).collect(),
            gross_j: 1480.0,
            net_j: Some(-3.25),
            unattributed_j: 0.5,
            idle: IdlePower {
                before_load_w: Some(20.0),
                resident_w: Some(20.5),
                after_w: Some(21.0),
                drift: Some(0.5 / 20.5),
            },
        }
    }

    #[test]
    fn all_that_a_total_rests_on() {
        use EnergyDomain::{CpuPackage, Gpu, Platform, Wall};
        let board = "; left out: cpu package, dram, losses of the power supply, disks, fans and the rest of the board";
        let rest = "; idle 20.0 W before load, 20.5 W with models resident, 21.0 W after (drift 2.4 %)";

        for (energy, expected) in [
            (
                totals(EnergySource::Counter, &["nvml GPU-1"], &[Gpu]),
                format!(
                    "energy: 1480 J gross, by counter (nvml GPU-1); −3.25 J net of idle; 0.500 J unattributed; covers \
                     gpu{board}{rest}"
                ),
            ),
            (
                totals(EnergySource::Estimated, &[], &[Platform]),
                format!(
                    "energy: 1480 J gross, estimated; −3.25 J net of idle; 0.500 J unattributed; covers platform; left \
                     out: gpu, losses of the power supply{rest}"
                ),
            ),
            (
                EnergyTotals { net_j: None, idle: IdlePower::default(), ..totals(EnergySource::Integrated, &["plug"], &[Wall]) },
                "energy: 1480 J gross, by integral of power (plug); net unknown; 0.500 J unattributed; covers \
                 everything behind the plug, power supply losses too"
                    .to_owned(),
            ),
        ] {
            assert_eq!(line(&energy), expected);
        }

        let mixed = EnergyTotals {
            covers: vec![EnergyScope::of([CpuPackage]), EnergyScope::of([Wall])],
            ..totals(EnergySource::Mixed, &["rapl package-0", "plug"], &[])
        };
        let text = line(&mixed);
        assert!(text.contains("by counter and by integral of power (rapl package-0; plug)"), "{text}");
        assert!(text.contains("the board; or everything behind the plug"), "{text}");
    }
}
