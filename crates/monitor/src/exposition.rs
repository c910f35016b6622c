//! A snapshot as Prometheus reads it (text format 0.0.4). What is not known has no sample: a scraper then sees a gap,
//! and not a zero.

use std::fmt::Write as _;

use infercost_export::metrics::label_value;

use crate::snapshot::{DeviceView, ServerView, Shown, Snapshot};

/// The page of a snapshot.
pub fn exposition(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    devices(&mut page, &snapshot.devices);
    servers(&mut page, &snapshot.servers);
    machine(&mut page, snapshot);
    money(&mut page, snapshot);
    page.text
}

/// A metric of devices: its name, what it is, and the number.
type OfDevice = (&'static str, &'static str, &'static str, fn(&DeviceView) -> Option<f64>);
/// The same of servers.
type OfServer = (&'static str, &'static str, &'static str, fn(&ServerView) -> Option<f64>);

fn devices(page: &mut Page, devices: &[DeviceView]) {
    let metrics: [OfDevice; 10] = [
        ("hw_power_watts", "gauge", "Power over the last reading.", |device| known(&device.power_w)),
        ("hw_energy_joules_total", "counter", "Energy since the monitor began.", |device| {
            known(&device.energy_j)
        }),
        ("hw_temperature_celsius", "gauge", "Temperature.", |device| known(&device.temperature_c)),
        ("hw_utilization_ratio", "gauge", "Share of the time in which it worked.", |device| {
            known(&device.utilization)
        }),
        ("hw_memory_used_bytes", "gauge", "Memory in use.", |device| bytes(&device.memory_used_b)),
        ("hw_memory_size_bytes", "gauge", "Memory that it has.", |device| bytes(&device.memory_total_b)),
        ("hw_clock_hertz", "gauge", "Clock.", |device| known(&device.clock_mhz).map(|mhz| mhz * 1e6)),
        ("hw_power_limit_watts", "gauge", "Power limit in force.", |device| known(&device.power_limit_w)),
        ("hw_throttled", "gauge", "1 where something holds its clocks down.", |device| {
            device.throttling.value().map(|reasons| if reasons.is_empty() { 0.0 } else { 1.0 })
        }),
        ("hw_present", "gauge", "0 where it vanished.", |device| {
            Some(if device.presence.is_here() { 1.0 } else { 0.0 })
        }),
    ];

    for (name, kind, help, of) in metrics {
        page.metric(name, kind, help);
        for device in devices {
            let source = if device.estimated { "estimated" } else { "measured" };
            let labels = [
                ("hw_id", device.id.as_str()),
                ("hw_type", device.kind.as_str()),
                ("hw_name", device.name.as_str()),
                ("source", source),
            ];
            // only power and energy can be estimates
            let labels =
                if name.contains("power_w") || name.contains("energy") { &labels[..] } else { &labels[..3] };
            page.sample(name, labels, of(device));
        }
    }
}

fn servers(page: &mut Page, servers: &[ServerView]) {
    let metrics: [OfServer; 9] = [
        ("infercost_server_up", "gauge", "0 where the server does not answer.", |server| {
            Some(if server.presence.is_here() { 1.0 } else { 0.0 })
        }),
        (
            "infercost_server_output_tokens_total",
            "counter",
            "Output tokens since the monitor began.",
            |server| known(&server.output_tokens),
        ),
        (
            "infercost_server_input_tokens_total",
            "counter",
            "Input tokens since the monitor began.",
            |server| known(&server.input_tokens),
        ),
        (
            "infercost_server_requests_total",
            "counter",
            "Requests answered since the monitor began.",
            |server| known(&server.requests),
        ),
        ("infercost_server_output_tokens_per_second", "gauge", "Over the last 10 seconds.", |server| {
            known(&server.output_tokens_per_s)
        }),
        ("infercost_server_requests_running", "gauge", "Requests under way.", |server| {
            known(&server.running)
        }),
        ("infercost_server_requests_waiting", "gauge", "Requests that wait.", |server| {
            known(&server.waiting)
        }),
        ("infercost_server_cache_usage_ratio", "gauge", "Share of the cache in use.", |server| {
            known(&server.cache)
        }),
        ("infercost_server_time_to_first_token_seconds", "gauge", "Mean over the last minute.", |server| {
            known(&server.first_token_s)
        }),
    ];

    for (name, kind, help, of) in metrics {
        page.metric(name, kind, help);
        for server in servers {
            let program = server.kind.as_deref().unwrap_or_default();
            page.sample(name, &[("server", server.address.as_str()), ("program", program)], of(server));
        }
    }
}

fn machine(page: &mut Page, snapshot: &Snapshot) {
    page.metric(
        "infercost_energy_joules_total",
        "counter",
        "Energy of all metered devices since the monitor began.",
    );
    page.sample("infercost_energy_joules_total", &[], Some(snapshot.energy_j));
    page.metric("infercost_unmeasured_seconds_total", "counter", "Seconds for which no energy is known.");
    page.sample("infercost_unmeasured_seconds_total", &[], Some(snapshot.unmeasured_s));
    page.metric("infercost_power_watts", "gauge", "Power of all metered devices.");
    page.sample(
        "infercost_power_watts",
        &[("covers", snapshot.power_covers.as_str())],
        known(&snapshot.power_w),
    );

    page.metric("infercost_joules_per_million_output_tokens", "gauge", "Idle time included.");
    for window in &snapshot.windows {
        let labels = [("window", window.name.as_str())];
        page.sample("infercost_joules_per_million_output_tokens", &labels, known(&window.joules_per_million));
    }
    page.metric("infercost_idle_ratio", "gauge", "Share of the time in which nothing was served.");
    for window in &snapshot.windows {
        page.sample("infercost_idle_ratio", &[("window", window.name.as_str())], known(&window.idle_share));
    }
    page.metric("infercost_alert_active", "gauge", "1 for each alert that is raised.");
    for alert in &snapshot.alerts {
        page.sample(
            "infercost_alert_active",
            &[("rule", alert.rule.as_str()), ("subject", alert.subject.as_str())],
            Some(1.0),
        );
    }
}

fn money(page: &mut Page, snapshot: &Snapshot) {
    let money = &snapshot.money;
    let assumed = if money.assumed { "true" } else { "false" };
    let labels = [("currency", money.currency.as_str()), ("prices_assumed", assumed)];
    for (name, help, amount) in [
        ("infercost_cost_per_hour", "All known parts of the cost an hour.", &money.cost_per_hour),
        ("infercost_electricity_per_hour", "Electricity an hour.", &money.electricity_per_hour),
        ("infercost_revenue_per_hour", "Revenue an hour over the last hour.", &money.revenue_per_hour),
        (
            "infercost_idle_waste_per_hour",
            "Electricity spent while nothing is served.",
            &money.idle_waste_per_hour,
        ),
    ] {
        page.metric(name, "gauge", help);
        page.sample(name, &labels, known(amount));
    }

    page.metric("infercost_cost_per_million_output_tokens", "gauge", "Idle time included.");
    for window in &snapshot.windows {
        let labels = [labels[0], labels[1], ("window", window.name.as_str())];
        page.sample("infercost_cost_per_million_output_tokens", &labels, known(&window.money_per_million));
    }
}

fn known(shown: &Shown<f64>) -> Option<f64> {
    shown.value().copied()
}

fn bytes(shown: &Shown<u64>) -> Option<f64> {
    shown.value().map(|bytes| *bytes as f64)
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        self.text.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{label}=\"{}\"", label_value(text));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}
