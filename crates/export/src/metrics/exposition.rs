//! What passed by, as Prometheus reads it (text format 0.0.4; names as OpenTelemetry's translation has them).

use std::fmt::Write as _;

use super::histogram::Histogram;
use super::{CallKey, Calls, Meters};

impl Meters {
    /// Everything since the beginning.
    pub fn exposition(&self) -> String {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut page = String::new();
        type Of = fn(&Calls) -> [Option<(&'static str, &Histogram)>; 2];
        let histograms: [(&str, &str, Of); 4] = [
            ("gen_ai_client_token_usage", "Tokens of calls.", |calls| {
                [Some(("input", &calls.input)), Some(("output", &calls.output))]
            }),
            ("gen_ai_client_operation_duration_seconds", "Seconds of calls.", |calls| {
                [Some(("", &calls.duration)), None]
            }),
            ("gen_ai_server_time_to_first_token_seconds", "Seconds to the first token.", |calls| {
                [Some(("", &calls.first_token)), None]
            }),
            ("gen_ai_server_time_per_output_token_seconds", "Seconds of each further token.", |calls| {
                [Some(("", &calls.further_token)), None]
            }),
        ];

        for (name, help, of) in histograms {
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} histogram");
            for (key, calls) in &state.calls {
                for (token_type, histogram) in of(calls).into_iter().flatten() {
                    write_histogram(&mut page, name, &labels(key, token_type), histogram);
                }
            }
        }

        let run = label_value(&self.run);
        let _ = writeln!(
            page,
            "# HELP hw_energy_joules_total Energy used up.\n# TYPE hw_energy_joules_total counter"
        );

        for (key, hardware) in &state.hardware {
            let (id, kind, source) = (label_value(&key.id), key.kind, key.source);
            let _ = writeln!(
                page,
                "hw_energy_joules_total{{hw_id=\"{id}\",hw_type=\"{kind}\",source=\"{source}\"}} {}",
                hardware.joules
            );
        }

        let _ = writeln!(
            page,
            "# HELP hw_power_watts Mean power of the last window.\n# TYPE hw_power_watts gauge"
        );

        for (key, hardware) in &state.hardware {
            if let Some(watts) = hardware.watts {
                let (id, kind, source) = (label_value(&key.id), key.kind, key.source);
                let _ = writeln!(
                    page,
                    "hw_power_watts{{hw_id=\"{id}\",hw_type=\"{kind}\",source=\"{source}\"}} {watts}"
                );
            }
        }

        let _ =
            writeln!(page, "# HELP hw_temperature_celsius Temperature.\n# TYPE hw_temperature_celsius gauge");

        for (sensor, celsius) in &state.temperatures {
            let _ = writeln!(page, "hw_temperature_celsius{{hw_id=\"{}\"}} {celsius}", label_value(sensor));
        }
        let _ = writeln!(
            page,
            "# HELP infercost_run_info The run under way.\n# TYPE infercost_run_info gauge\ninfercost_run_info{{run=\"{run}\"}} 1"
        );

        page
    }
}

fn labels(key: &CallKey, token_type: &str) -> String {
    let mut labels = format!(
        "gen_ai_request_model=\"{}\",gen_ai_provider_name=\"{}\"",
        label_value(&key.model),
        label_value(&key.provider)
    );
    if let Some(error) = key.error {
        let _ = write!(labels, ",error_type=\"{error}\"");
    }
    if !token_type.is_empty() {
        let _ = write!(labels, ",gen_ai_token_type=\"{token_type}\"");
    }
    labels
}

fn write_histogram(page: &mut String, name: &str, labels: &str, histogram: &Histogram) {
    if histogram.count == 0 {
        return;
    }
    let mut below = 0;
    for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
        below += count;
        let _ = writeln!(page, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}");
    }
    let _ = writeln!(page, "{name}_bucket{{{labels},le=\"+Inf\"}} {}", histogram.count);
    let _ = writeln!(
        page,
        "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {}",
        histogram.sum, histogram.count
    );
}

/// A label's value in Prometheus's text format: quotes, backslashes and line ends escaped, other control characters made
/// visible.
pub fn label_value(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
