//! Energy readings, on the spans of windows and idle stretches.

use infercost_core::{
    EnergyDomain, EnergyReading, EnergyScope, EstimationMethod, Joules, MeterKind, MeterSource,
};

use crate::attributes::{
    ENERGY_GROSS, ENERGY_METER, ENERGY_METHOD, ENERGY_REASON, ENERGY_SCOPE, ENERGY_SOURCE, ENERGY_UPDATES,
};
use crate::error::MappingError;
use crate::read_span::{ReadSpan, invalid};
use crate::span_draft::SpanDraft;

/// Prefix of a part that has no name of its own, so that a sensor called `gpu` stays apart from the GPU.
const OTHER: &str = "other:";

/// Adds a reading to a span. An unavailable one has a reason and no joules: it is never a zero.
pub(crate) fn write(draft: &mut SpanDraft, reading: &EnergyReading) {
    draft.text(ENERGY_SOURCE, reading.source_name());

    match reading {
        EnergyReading::Measured { energy, scope, source, updates } => {
            draft.number(ENERGY_GROSS, energy.get());
            draft.texts(ENERGY_SCOPE, scope.0.iter().map(domain_name));
            draft.text(ENERGY_METER, source.name.as_str());
            draft.int(ENERGY_UPDATES, *updates);
        }
        EnergyReading::Estimated { energy, scope, method } => {
            draft.number(ENERGY_GROSS, energy.get());
            draft.texts(ENERGY_SCOPE, scope.0.iter().map(domain_name));

            match method {
                EstimationMethod::GivenWatts { watts } => draft.check(ENERGY_METHOD, watts.get()),
                EstimationMethod::CpuTdp { tdp, .. } => draft.check(ENERGY_METHOD, tdp.get()),
                EstimationMethod::Mixed { .. } => {}
            }

            // a method holds strings and finite numbers only, and those always have a JSON form
            draft.text(ENERGY_METHOD, serde_json::to_string(method).unwrap_or_default());
        }
        EnergyReading::Unavailable { reason } => draft.text(ENERGY_REASON, reason.as_str()),
    }
}

/// Reads a reading back.
pub(crate) fn read(span: &ReadSpan<'_>) -> Result<EnergyReading, MappingError> {
    let source = span.text(ENERGY_SOURCE)?;

    match source {
        "counter" => measured(span, MeterKind::Counter),
        "integrated" => measured(span, MeterKind::Integrated),
        "estimated" => Ok(EnergyReading::Estimated {
            energy: Joules::new(span.number(ENERGY_GROSS)?),
            scope: scope(span)?,
            method: serde_json::from_str(span.text(ENERGY_METHOD)?)
                .map_err(|error| invalid(ENERGY_METHOD, &format!("is no method: {:?}", error.to_string())))?,
        }),
        "unavailable" => Ok(EnergyReading::Unavailable { reason: span.text(ENERGY_REASON)?.to_owned() }),
        other => Err(invalid(ENERGY_SOURCE, &format!("names no source: {other:?}"))),
    }
}

fn measured(span: &ReadSpan<'_>, kind: MeterKind) -> Result<EnergyReading, MappingError> {
    Ok(EnergyReading::Measured {
        energy: Joules::new(span.number(ENERGY_GROSS)?),
        scope: scope(span)?,
        source: MeterSource { kind, name: span.text(ENERGY_METER)?.to_owned() },
        updates: span.int(ENERGY_UPDATES)?,
    })
}

fn scope(span: &ReadSpan<'_>) -> Result<EnergyScope, MappingError> {
    let names = span.texts(ENERGY_SCOPE)?.ok_or(MappingError::Missing { attribute: ENERGY_SCOPE })?;
    names.into_iter().map(domain).collect::<Result<_, _>>().map(EnergyScope)
}

fn domain_name(domain: &EnergyDomain) -> String {
    match domain {
        EnergyDomain::CpuPackage => "cpu_package".to_owned(),
        EnergyDomain::Dram => "dram".to_owned(),
        EnergyDomain::Gpu => "gpu".to_owned(),
        EnergyDomain::Platform => "platform".to_owned(),
        EnergyDomain::Wall => "wall".to_owned(),
        EnergyDomain::Other(name) => format!("{OTHER}{name}"),
    }
}

fn domain(name: &str) -> Result<EnergyDomain, MappingError> {
    Ok(match name {
        "cpu_package" => EnergyDomain::CpuPackage,
        "dram" => EnergyDomain::Dram,
        "gpu" => EnergyDomain::Gpu,
        "platform" => EnergyDomain::Platform,
        "wall" => EnergyDomain::Wall,
        _ => match name.strip_prefix(OTHER) {
            Some(name) => EnergyDomain::Other(name.to_owned()),
            None => return Err(invalid(ENERGY_SCOPE, &format!("names no part of a machine: {name:?}"))),
        },
    })
}
