//! Every source, in the order in which help lists them.

use crate::source::SourceDef;
use crate::{electricity, hosted, rates, rental};

/// All of them.
pub const SOURCES: [&SourceDef; 12] = [
    &electricity::energy_charts::SOURCE,
    &electricity::awattar::SOURCE,
    &electricity::octopus::SOURCE,
    &electricity::electricity_maps::PRICES,
    &electricity::electricity_maps::CARBON,
    &electricity::csv::SOURCE,
    &rental::vast::SOURCE,
    &rental::runpod::SOURCE,
    &rental::aws_spot::SOURCE,
    &rental::skypilot::SOURCE,
    &hosted::litellm::SOURCE,
    &rates::SOURCE,
];

/// The source of a name.
pub fn source(name: &str) -> Option<&'static SourceDef> {
    SOURCES.into_iter().find(|source| source.name == name)
}
