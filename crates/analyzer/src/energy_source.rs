//! What several readings are called together.

use infercost_core::{EnergyReading, MeterKind, MeterSource};

/// `counter`, `integrated`, `mixed` (some of either), `estimated` where any of them is an estimate, `unavailable` where
/// none has joules.
pub(crate) fn of<'a>(readings: impl Iterator<Item = &'a EnergyReading>) -> &'static str {
    let (mut counted, mut integrated, mut estimated) = (false, false, false);
    for reading in readings {
        match reading {
            EnergyReading::Measured { source: MeterSource { kind: MeterKind::Counter, .. }, .. } => {
                counted = true
            }
            EnergyReading::Measured { .. } => integrated = true,
            EnergyReading::Estimated { .. } => estimated = true,
            EnergyReading::Unavailable { .. } => {}
        }
    }
    match (estimated, counted, integrated) {
        (true, _, _) => "estimated",
        (false, true, true) => "mixed",
        (false, true, false) => "counter",
        (false, false, true) => "integrated",
        (false, false, false) => "unavailable",
    }
}

#[cfg(test)]
mod tests {
    use infercost_core::{EnergyScope, EstimationMethod, Joules, Watts};

    use super::*;

    fn measured(kind: MeterKind) -> EnergyReading {
        let source = MeterSource { kind, name: "a meter".into() };
        EnergyReading::Measured { energy: Joules::ZERO, scope: EnergyScope::default(), source, updates: 1 }
    }

    #[test]
    fn one_estimate_makes_all_an_estimate() {
        let [counter, integral] = [MeterKind::Counter, MeterKind::Integrated].map(measured);
        let estimate = EnergyReading::Estimated {
            energy: Joules::ZERO,
            scope: EnergyScope::default(),
            method: EstimationMethod::GivenWatts { watts: Watts::new(1.0) },
        };
        let none = EnergyReading::Unavailable { reason: "none".into() };
        for (readings, name) in [
            (vec![], "unavailable"),
            (vec![&none], "unavailable"),
            (vec![&counter, &none], "counter"),
            (vec![&integral], "integrated"),
            (vec![&counter, &integral, &counter], "mixed"),
            (vec![&estimate], "estimated"),
            (vec![&counter, &counter, &estimate], "estimated"),
            (vec![&estimate, &integral, &counter], "estimated"),
        ] {
            assert_eq!(of(readings.into_iter()), name);
        }
    }
}
