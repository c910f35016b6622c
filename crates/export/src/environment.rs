//! The variables of the OpenTelemetry specification that switch exporting off (*Environment Variable Specification*).
//!
//! They hold for places that the environment names. A place that is named on the command line was asked for by whoever
//! runs the command, and is not switched off by what the machine's environment says in general.

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    Traces,
    /// Histograms and gauges.
    Metrics,
}

impl Signal {
    /// The path that OTLP over HTTP gives the signal.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Traces => "v1/traces",
            Self::Metrics => "v1/metrics",
        }
    }

    /// What stands in its variables' names.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Traces => "TRACES_",
            Self::Metrics => "METRICS_",
        }
    }
}

/// Reads a variable; empty counts as not set, as the specification has it.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A variable and its value, by which nothing of a signal is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffSwitch {
    /// The variable.
    pub variable: &'static str,
    /// Its value, escaped and cut.
    pub value: String,
}

/// The variable that switches a signal off; `None` where none does.
///
/// - `OTEL_SDK_DISABLED=true`: all signals. No other value than `true`, in any case, is true.
/// - `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`: a list of exporters; where it names no `otlp`, nothing goes there by
///   OTLP. `none` is one such list; `console` and `zipkin` are exporters that infercost has not.
/// - `OTEL_TRACES_SAMPLER=always_off`, or `parentbased_always_off`: no run's root span has a parent that could decide.
pub fn switched_off(signal: Signal, variables: Variables<'_>) -> Option<OffSwitch> {
    let (exporter, sampler) = match signal {
        Signal::Traces => ("OTEL_TRACES_EXPORTER", Some("OTEL_TRACES_SAMPLER")),
        Signal::Metrics => ("OTEL_METRICS_EXPORTER", None),
    };

    let disabled =
        set("OTEL_SDK_DISABLED", variables).filter(|(_, value)| value.eq_ignore_ascii_case("true"));
    let by_exporter = set(exporter, variables).filter(|(_, list)| {
        let mut names = list.split(',').map(str::trim);
        !names.any(|name| name.eq_ignore_ascii_case("otlp"))
    });

    let by_sampler = sampler.and_then(|sampler| set(sampler, variables)).filter(|(_, name)| {
        ["always_off", "parentbased_always_off"].contains(&name.to_ascii_lowercase().as_str())
    });

    let (variable, value) = disabled.or(by_exporter).or(by_sampler)?;
    Some(OffSwitch { variable, value: infercost_core::text::printable_up_to(&value, 60).into_owned() })
}

/// A variable that holds something; the empty value is as good as none.
fn set(variable: &'static str, variables: Variables<'_>) -> Option<(&'static str, String)> {
    let value = variables(variable)?.trim().to_owned();
    (!value.is_empty()).then_some((variable, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], traces: Option<&str>, metrics: Option<&str>) {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        for (signal, wanted) in [(Signal::Traces, traces), (Signal::Metrics, metrics)] {
            let found = switched_off(signal, &get).map(|switch| switch.variable);
            assert_eq!(found, wanted, "{signal:?} {variables:?}");
        }
    }

    #[test]
    fn off_switches() {
        let disabled = Some("OTEL_SDK_DISABLED");
        check(&[], None, None);
        check(&[("OTEL_SDK_DISABLED", "true")], disabled, disabled);
        check(&[("OTEL_SDK_DISABLED", " TRUE ")], disabled, disabled);
        for value in ["", "false", "1", "yes", "on"] {
            check(&[("OTEL_SDK_DISABLED", value)], None, None);
        }
        check(&[("OTEL_TRACES_EXPORTER", "none")], Some("OTEL_TRACES_EXPORTER"), None);
        check(&[("OTEL_TRACES_EXPORTER", "console,zipkin")], Some("OTEL_TRACES_EXPORTER"), None);
        check(&[("OTEL_TRACES_EXPORTER", "console, otlp")], None, None);
        check(&[("OTEL_TRACES_EXPORTER", "")], None, None);
        check(&[("OTEL_METRICS_EXPORTER", "prometheus")], None, Some("OTEL_METRICS_EXPORTER"));
        check(&[("OTEL_TRACES_SAMPLER", "always_off")], Some("OTEL_TRACES_SAMPLER"), None);
        check(&[("OTEL_TRACES_SAMPLER", "parentbased_always_off")], Some("OTEL_TRACES_SAMPLER"), None);
        check(&[("OTEL_TRACES_SAMPLER", "parentbased_always_on")], None, None);
    }

    #[test]
    fn values_are_escaped() {
        let get = |name: &str| (name == "OTEL_TRACES_EXPORTER").then(|| "a\u{1b}[31m".to_owned());
        let value = switched_off(Signal::Traces, &get).map(|switch| switch.value);
        assert_eq!(value.as_deref(), Some("a\\u{1b}[31m"));
    }
}
