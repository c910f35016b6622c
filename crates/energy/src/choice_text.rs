//! Which instrument to use, as a person writes it: `rapl`, `shelly:192.168.1.20`,
//! `prometheus:http://node:9102/metrics?metric=node_rapl_package_joules_total&covers=cpu-package`.

use std::str::FromStr;

use infercost_core::EnergyDomain;
use thiserror::Error;

use crate::options::{EnergyUnit, MeterChoice, PrometheusQuery};

/// Longer than any address of an instrument.
const LONGEST: usize = 2048;

/// Why a text names no instrument.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChoiceError {
    /// The word before the colon is not known.
    #[error(
        "no meter is called `{name}`; there are auto, none, rapl, hwmon, nvml, shelly:URL, tasmota:URL and \
         prometheus:URL?metric=NAME"
    )]
    Unknown {
        /// What was written, control characters escaped.
        name: String,
    },
    /// The address cannot be used.
    #[error("`{url}` is not an address: {reason}")]
    Address {
        /// What was written, control characters escaped; a password is left out.
        url: String,
        /// Why, and what would do.
        reason: &'static str,
    },
    /// The part behind `?` cannot be used.
    #[error("prometheus: {reason}")]
    Query {
        /// Why, and what would do.
        reason: String,
    },
}

impl FromStr for MeterChoice {
    type Err = ChoiceError;

    /// Reads `auto`, `none`, `rapl`, `hwmon`, `nvml`, `shelly:URL`, `tasmota:URL` or
    /// `prometheus:URL?metric=NAME[&unit=UNIT][&covers=PART][&LABEL=VALUE]…`.
    ///
    /// A URL without a scheme is taken as `http://`. Labels select series; all that match are summed. The
    /// unit is one of joules, millijoules, microjoules, watts, microwatts, and follows from the metric's
    /// name where that ends in one (`…_joules_total`). What the metric covers is `cpu-package`, `dram`,
    /// `gpu`, `platform`, `wall` or a name of one's own; unset, it is the metric's name.
    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            "rapl" => return Ok(Self::Rapl),
            "hwmon" => return Ok(Self::Hwmon),
            "nvml" => return Ok(Self::Nvml),
            _ => {}
        }
        let unknown = || ChoiceError::Unknown { name: shown(text) };
        let (kind, rest) = text.split_once(':').ok_or_else(unknown)?;
        match kind {
            "shelly" => Ok(Self::Shelly(address(rest)?)),
            "tasmota" => Ok(Self::Tasmota(address(rest)?)),
            "prometheus" => query(rest).map(Self::Prometheus),
            _ => Err(unknown()),
        }
    }
}

/// Escaped, and cut where it is long.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// An `http` or `https` address without a password.
fn address(text: &str) -> Result<String, ChoiceError> {
    let refused = |url: &str, reason| Err(ChoiceError::Address { url: shown(url), reason });
    let full = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let Some((scheme, rest)) = full.split_once("://") else { return refused(text, "write http://HOST") };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some((_, behind)) = host.rsplit_once('@') {
        let reason = "a run records its command line, so the address must hold no password";
        return refused(behind, reason);
    }
    if scheme != "http" && scheme != "https" {
        return refused(&full, "only http and https are asked");
    }
    if host.is_empty() {
        return refused(&full, "the host is missing");
    }
    if full.len() > LONGEST || full.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refused(&full, "it is too long, or holds blanks or control characters");
    }
    Ok(full)
}

fn query(text: &str) -> Result<PrometheusQuery, ChoiceError> {
    let refused = |reason: String| ChoiceError::Query { reason };
    let (url, settings) = text.split_once('?').ok_or_else(|| {
        refused("which metric? write prometheus:URL?metric=NAME, with &LABEL=VALUE to select series".into())
    })?;
    let url = address(url)?;
    let (mut metric, mut unit, mut domain) = (None, None, None);
    let mut labels = Vec::new();
    for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
        let (key, value) = setting
            .split_once('=')
            .filter(|(key, value)| !key.is_empty() && !value.is_empty())
            .ok_or_else(|| refused(format!("`{}` is not NAME=VALUE", shown(setting))))?;
        match key {
            "metric" => metric = Some(value.to_owned()),
            "unit" => unit = Some(unit_named(value).ok_or_else(|| refused(units_there_are(value)))?),
            "covers" => domain = Some(domain_named(value)),
            _ => labels.push((key.to_owned(), value.to_owned())),
        }
    }
    let metric = metric.ok_or_else(|| refused("which metric? add metric=NAME".into()))?;
    let unit = unit.or_else(|| unit_of(&metric)).ok_or_else(|| {
        refused(format!("`{}` does not tell its unit; add &unit=joules or another", shown(&metric)))
    })?;
    let domain = domain.unwrap_or_else(|| EnergyDomain::Other(metric.clone()));
    Ok(PrometheusQuery { url, metric, labels, unit, domain })
}

fn unit_named(name: &str) -> Option<EnergyUnit> {
    match name {
        "joules" => Some(EnergyUnit::Joules),
        "millijoules" => Some(EnergyUnit::Millijoules),
        "microjoules" => Some(EnergyUnit::Microjoules),
        "watts" => Some(EnergyUnit::Watts),
        "microwatts" => Some(EnergyUnit::Microwatts),
        _ => None,
    }
}

fn units_there_are(given: &str) -> String {
    format!("`{}` is no unit; use joules, millijoules, microjoules, watts or microwatts", shown(given))
}

/// The unit at the end of a metric's name (Prometheus, *Metric and label naming*).
fn unit_of(metric: &str) -> Option<EnergyUnit> {
    let stem = metric.strip_suffix("_total").unwrap_or(metric);
    unit_named(stem.rsplit('_').next().unwrap_or_default())
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

    fn prometheus(url: &str, metric: &str, labels: &[(&str, &str)], unit: EnergyUnit) -> MeterChoice {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let domain = EnergyDomain::Other(metric.to_owned());
        MeterChoice::Prometheus(PrometheusQuery {
            url: url.to_owned(),
            metric: metric.to_owned(),
            labels,
            unit,
            domain,
        })
    }

    #[test]
    fn texts_that_name_a_meter() {
        for (text, expected) in [
            ("auto", MeterChoice::Auto),
            ("none", MeterChoice::None),
            ("rapl", MeterChoice::Rapl),
            ("hwmon", MeterChoice::Hwmon),
            ("nvml", MeterChoice::Nvml),
            ("shelly:192.168.1.20", MeterChoice::Shelly("http://192.168.1.20".into())),
            ("tasmota:https://plug:8080/", MeterChoice::Tasmota("https://plug:8080/".into())),
            (
                "prometheus:localhost:8888/metrics?metric=kepler_node_package_joules_total&zone=a&node=b",
                prometheus(
                    "http://localhost:8888/metrics",
                    "kepler_node_package_joules_total",
                    &[("zone", "a"), ("node", "b")],
                    EnergyUnit::Joules,
                ),
            ),
            (
                "prometheus:http://n/metrics?metric=scaph_host_power_microwatts",
                prometheus("http://n/metrics", "scaph_host_power_microwatts", &[], EnergyUnit::Microwatts),
            ),
            (
                "prometheus:http://n/m?metric=DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION&unit=millijoules",
                prometheus(
                    "http://n/m",
                    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION",
                    &[],
                    EnergyUnit::Millijoules,
                ),
            ),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        let covers = "prometheus:n?metric=a_watts&covers=wall".parse();
        assert!(
            matches!(&covers, Ok(MeterChoice::Prometheus(query)) if query.domain == EnergyDomain::Wall),
            "{covers:?}"
        );
    }

    #[test]
    fn texts_that_name_none() {
        for (text, part) in [
            ("", "no meter is called"),
            ("intel\u{1b}[2J", "\\u{1b}"),
            ("plug:host", "no meter is called `plug:host`"),
            ("shelly:", "host is missing"),
            ("shelly:ftp://host", "only http"),
            ("shelly:http://user:secret@host", "no password"),
            ("tasmota:a b", "blanks"),
            ("prometheus:http://n/metrics", "which metric"),
            ("prometheus:http://n/metrics?node=a", "which metric"),
            ("prometheus:n?metric=power", "does not tell its unit"),
            ("prometheus:n?metric=power&unit=horses", "is no unit"),
            ("prometheus:n?metric", "is not NAME=VALUE"),
        ] {
            let message = text.parse::<MeterChoice>().map_err(|error| error.to_string());
            assert!(matches!(&message, Err(text) if text.contains(part)), "{text:?}: {message:?}");
            assert!(!format!("{message:?}").contains("secret"), "{message:?}");
        }
    }
}
