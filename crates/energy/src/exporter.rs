//! A metric of a Prometheus exporter.

use infercost_core::{EnergyDomain, MeterError, MeterKind};

use crate::address::{address, settings, shown};
use crate::exposition::{Label, Series, series_of};
use crate::instrument::{ChoiceError, Finder, Instrument, Offer, Places};
use crate::overlap::{Selection, all_of, sum, without_overlap};
use crate::remote::{Answering, Line, Question, closed, micro};
use crate::sensor::Raw;

const NAME: &str = "prometheus";

/// Exporters as an instrument: `prometheus:URL?metric=NAME[&unit=UNIT][&covers=PART][&sum=all][&LABEL=VALUE]…`.
///
/// Labels select series. The unit is one of joules, millijoules, microjoules, watts, microwatts, and follows from the
/// metric's name where that ends in one (`…_joules_total`). What the metric covers is `cpu-package`, `dram`, `gpu`,
/// `platform`, `wall` or a name of one's own; unset, it is the metric's name. `sum=all` adds up series that may overlap.
pub(crate) struct Prometheus;

impl Instrument for Prometheus {
    fn name(&self) -> &'static str {
        NAME
    }

    fn usage(&self) -> &'static str {
        "prometheus:URL?metric=NAME"
    }

    fn automatic(&self) -> Option<Box<dyn Finder>> {
        None
    }

    fn choose(&self, rest: Option<&str>) -> Result<Box<dyn Finder>, ChoiceError> {
        Ok(Box::new(Query::of(rest.unwrap_or_default())?))
    }
}

/// Which metric of an exporter to read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Query {
    /// The page with the metrics: `http://localhost:9102/metrics`.
    url: String,
    /// The metric's full name.
    metric: String,
    /// Labels that a series must carry.
    labels: Vec<Label>,
    unit: Unit,
    domain: EnergyDomain,
    /// Whether series are added up whatever they show.
    all: bool,
}

/// The unit of an exporter's metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Counters of energy.
    Joules,
    Millijoules,
    Microjoules,
    /// Gauges of power.
    Watts,
    Microwatts,
}

impl Query {
    fn of(text: &str) -> Result<Self, ChoiceError> {
        let (url, wanted) = text.split_once('?').ok_or_else(|| {
            refused("which metric? write prometheus:URL?metric=NAME, with &LABEL=VALUE to select series")
        })?;
        let url = address(url)?;

        let (mut metric, mut unit, mut domain, mut all) = (None, None, None, false);
        let mut labels = Vec::new();
        for (name, value) in settings(NAME, wanted)? {
            match (name, value) {
                ("metric", _) => metric = Some(value.to_owned()),
                ("unit", _) => unit = Some(Unit::named(value).ok_or_else(|| refused(no_unit(value)))?),
                ("covers", _) => domain = Some(domain_named(value)),
                ("sum", "all") => all = true,
                ("sum", _) => return Err(refused("write sum=all to add up every series, or leave it out")),
                _ => labels.push((name.to_owned(), value.to_owned())),
            }
        }

        let metric = metric.ok_or_else(|| refused("which metric? add metric=NAME"))?;
        let unit = unit.or_else(|| Unit::in_name(&metric)).ok_or_else(|| {
            refused(format!("`{}` does not tell its unit; add &unit=joules or another", shown(&metric)))
        })?;
        let domain = domain.unwrap_or_else(|| EnergyDomain::Other(metric.clone()));
        Ok(Self { url, metric, labels, unit, domain, all })
    }

    /// The series on the page.
    fn series(&self, line: &Line) -> Result<Vec<Series>, String> {
        let text = line.get(&self.url)?;
        series_of(&text, &self.metric, &self.labels).map_err(|reason| self.with_address(&reason))
    }

    /// Which of them are added up.
    fn selection(&self, series: &[Series]) -> Result<Selection, String> {
        if self.all {
            return Ok(all_of(series));
        }
        without_overlap(series).map_err(|reason| self.with_address(&reason))
    }

    /// A reason with the address before it.
    fn with_address(&self, reason: &str) -> String {
        format!("{}: {reason}", self.url.escape_debug())
    }
}

impl Finder for Query {
    fn find(&self, _: &Places) -> Result<Offer, MeterError> {
        let name = format!("prometheus {} {}", self.url.escape_debug(), self.metric.escape_debug());
        let line = Line::to(&self.url);

        let begun = self.series(&line).and_then(|series| {
            let Selection { series: chosen, remark } = self.selection(&series)?;
            let question = Scrape { query: self.clone(), chosen, before: series.len() };
            let first = question.read(&series)?;
            Ok((question, first, remark))
        });
        match begun {
            Ok((question, first, remark)) => {
                let (domain, kind) = (self.domain.clone(), self.unit.kind());
                Answering { name, domain, kind, remark, first, line, question }.offer()
            }
            Err(reason) => Ok(closed(name, reason)),
        }
    }
}

/// Reads the page again.
struct Scrape {
    query: Query,
    /// The labels of each series to add up.
    chosen: Vec<Vec<Label>>,
    /// How many series carried the labels at the beginning.
    before: usize,
}

impl Scrape {
    fn read(&self, series: &[Series]) -> Result<Raw, String> {
        let sum =
            sum(&self.chosen, self.before, series).map_err(|reason| self.query.with_address(&reason))?;
        self.query.unit.raw(sum)
    }
}

impl Question for Scrape {
    fn ask(&self, line: &Line) -> Result<Raw, String> {
        self.read(&self.query.series(line)?)
    }
}

impl Unit {
    fn named(name: &str) -> Option<Self> {
        match name {
            "joules" => Some(Self::Joules),
            "millijoules" => Some(Self::Millijoules),
            "microjoules" => Some(Self::Microjoules),
            "watts" => Some(Self::Watts),
            "microwatts" => Some(Self::Microwatts),
            _ => None,
        }
    }

    /// The unit at the end of a metric's name (Prometheus, *Metric and label naming*).
    fn in_name(metric: &str) -> Option<Self> {
        let stem = metric.strip_suffix("_total").unwrap_or(metric);
        Self::named(stem.rsplit('_').next().unwrap_or_default())
    }

    fn kind(self) -> MeterKind {
        match self {
            Self::Joules | Self::Millijoules | Self::Microjoules => MeterKind::Counter,
            Self::Watts | Self::Microwatts => MeterKind::Integrated,
        }
    }

    fn raw(self, value: f64) -> Result<Raw, String> {
        match self {
            Self::Joules => micro(value).map(Raw::Counter),
            Self::Millijoules => micro(value * 1e-3).map(Raw::Counter),
            Self::Microjoules => micro(value * 1e-6).map(Raw::Counter),
            Self::Watts => micro(value).map(Raw::Gauge),
            Self::Microwatts => micro(value * 1e-6).map(Raw::Gauge),
        }
    }
}

fn no_unit(given: &str) -> String {
    format!("`{}` is not a unit; use joules, millijoules, microjoules, watts or microwatts", shown(given))
}

fn refused(reason: impl Into<String>) -> ChoiceError {
    ChoiceError::Query { meter: NAME, reason: reason.into() }
}

fn domain_named(name: &str) -> EnergyDomain {
    match name {
        "cpu-package" => EnergyDomain::CpuPackage,
        "dram" => EnergyDomain::Dram,
        "gpu" => EnergyDomain::Gpu,
        "platform" => EnergyDomain::Platform,
        "wall" => EnergyDomain::Wall,
        other => EnergyDomain::Other(other.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, url: &str, metric: &str, labels: &[(&str, &str)], unit: Unit) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let domain = EnergyDomain::Other(metric.to_owned());
        let (url, metric) = (url.to_owned(), metric.to_owned());
        let expected = Query { url, metric, labels, unit, domain, all: false };
        assert_eq!(Query::of(text), Ok(expected), "{text}");
    }

    #[test]
    fn metrics_as_people_write_them() {
        check(
            "localhost:8888/metrics?metric=kepler_node_package_joules_total&zone=a&node=b",
            "http://localhost:8888/metrics",
            "kepler_node_package_joules_total",
            &[("zone", "a"), ("node", "b")],
            Unit::Joules,
        );

        let metric = "scaph_host_power_microwatts";
        check(
            "http://n/metrics?metric=scaph_host_power_microwatts",
            "http://n/metrics",
            metric,
            &[],
            Unit::Microwatts,
        );

        let metric = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION";
        check(
            "http://n/m?metric=DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION&unit=millijoules",
            "http://n/m",
            metric,
            &[],
            Unit::Millijoules,
        );

        let covers = Query::of("n?metric=a_watts&covers=wall&sum=all");
        assert!(
            matches!(&covers, Ok(query) if query.domain == EnergyDomain::Wall && query.all),
            "{covers:?}"
        );
    }
}
