//! What several readings are called together.

use infercost_core::{EnergyReading, EnergySource};

/// An estimate where any of them is one; mixed where some are counted and some integrated; unavailable where none has
/// joules.
pub(crate) fn of<'a>(readings: impl Iterator<Item = &'a EnergyReading>) -> EnergySource {
    let mut together = EnergySource::Unavailable;

    for source in readings.map(EnergyReading::source) {
        together = match (together, source) {
            (known, EnergySource::Unavailable) => known,
            (EnergySource::Unavailable, first) => first,
            (EnergySource::Estimated, _) | (_, EnergySource::Estimated) => EnergySource::Estimated,
            (one, other) if one == other => one,
            _ => EnergySource::Mixed,
        };
    }

    together
}

#[cfg(test)]
mod tests {
    use infercost_core::{EnergyScope, EstimationMethod, Joules, MeterKind, MeterSource, Watts};

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
            (vec![], EnergySource::Unavailable),
            (vec![&none], EnergySource::Unavailable),
            (vec![&counter, &none], EnergySource::Counter),
            (vec![&integral], EnergySource::Integrated),
            (vec![&counter, &integral, &counter], EnergySource::Mixed),
            (vec![&estimate], EnergySource::Estimated),
            (vec![&counter, &counter, &estimate], EnergySource::Estimated),
            (vec![&estimate, &integral, &counter], EnergySource::Estimated),
        ] {
            assert_eq!(of(readings.into_iter()), name);
        }
    }
}
