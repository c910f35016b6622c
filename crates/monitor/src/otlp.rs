//! What a monitor shows, as OpenTelemetry's metrics: instruments of the SDK read the newest snapshot whenever their
//! reader asks. A reading that is not known is not observed, so that a gap stays a gap.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use infercost_export::metrics::sdk::{MetricSink, reader};
use infercost_trace::attributes::{ENERGY_SOURCE, SERVICE_NAME, SERVICE_VERSION};
use infercost_trace::backend_attributes::{
    HW_ID, HW_TYPE, METRIC_HW_ENERGY, METRIC_HW_POWER, METRIC_HW_TEMPERATURE,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;

use crate::snapshot::{DeviceView, ServerView, Snapshot};
use crate::tally::Tally;

/// What begins the names of sums.
pub const SUMS: &str = "infercost.monitor.";

/// The sums since the monitor began, by name: what a recording is billed by.
pub const SUM_NAMES: [SumName; 13] = [
    SumName { name: "seen", unit: "s", of: |tally| &mut tally.seen_s },
    SumName { name: "metered", unit: "s", of: |tally| &mut tally.metered_s },
    SumName { name: "energy", unit: "J", of: |tally| &mut tally.joules },
    SumName { name: "idle", unit: "s", of: |tally| &mut tally.idle_s },
    SumName { name: "serving", unit: "s", of: |tally| &mut tally.serving_s },
    SumName { name: "idle_metered", unit: "s", of: |tally| &mut tally.idle_metered_s },
    SumName { name: "idle_energy", unit: "J", of: |tally| &mut tally.idle_joules },
    SumName { name: "counted", unit: "s", of: |tally| &mut tally.counted_s },
    SumName { name: "output_tokens", unit: "{token}", of: |tally| &mut tally.output_tokens },
    SumName { name: "input_counted", unit: "s", of: |tally| &mut tally.input_counted_s },
    SumName { name: "input_tokens", unit: "{token}", of: |tally| &mut tally.input_tokens },
    SumName { name: "requests_counted", unit: "s", of: |tally| &mut tally.requests_counted_s },
    SumName { name: "requests", unit: "{request}", of: |tally| &mut tally.requests },
];

/// A sum and its name behind [`SUMS`].
#[derive(Debug, Clone, Copy)]
pub struct SumName {
    /// The name.
    pub name: &'static str,
    /// Its unit, as UCUM writes it.
    pub unit: &'static str,
    /// Where it stands.
    pub of: fn(&mut Tally) -> &mut f64,
}

/// The newest snapshot, which instruments read.
type Newest = Arc<Mutex<Option<Snapshot>>>;

/// Hands snapshots to sinks, once an interval each.
pub struct MetricsPush {
    newest: Newest,
    provider: SdkMeterProvider,
}

/// A gauge of devices: its name, its unit, and the number.
type OfDevice = (&'static str, &'static str, fn(&DeviceView) -> Option<f64>);
/// The same of servers.
type OfServer = (&'static str, &'static str, fn(&ServerView) -> Option<f64>);

impl MetricsPush {
    /// Begins to hand what is shown to `sink` each `interval`. `resource` describes whoever sends.
    pub fn start(
        sink: impl MetricSink,
        interval: Duration,
        machine: &str,
        resource: &[(String, String)],
    ) -> Self {
        let mut attributes = vec![
            KeyValue::new(SERVICE_NAME, "infercost"),
            KeyValue::new(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            KeyValue::new("host.name", machine.to_owned()),
        ];
        attributes.extend(resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
        let resource = Resource::builder_empty().with_attributes(attributes).build();

        let newest = Newest::default();
        let provider =
            SdkMeterProvider::builder().with_reader(reader(sink, interval)).with_resource(resource).build();
        let meter = provider.meter("infercost");
        devices(&meter, &newest);
        servers(&meter, &newest);
        sums(&meter, &newest);
        Self { newest, provider }
    }

    /// What instruments show from now on.
    pub fn show(&self, snapshot: &Snapshot) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
    }
}

impl Drop for MetricsPush {
    /// The last reading goes out too.
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last metrics were not taken");
        }
    }
}

fn devices(meter: &Meter, newest: &Newest) {
    let gauges: [OfDevice; 4] = [
        (METRIC_HW_POWER, "W", |device| device.power_w.value().copied()),
        (METRIC_HW_TEMPERATURE, "Cel", |device| device.temperature_c.value().copied()),
        ("infercost.device.utilization", "1", |device| device.utilization.value().copied()),
        ("infercost.device.memory", "By", |device| device.memory_used_b.value().map(|bytes| *bytes as f64)),
    ];
    for (name, unit, of) in gauges {
        let newest = Arc::clone(newest);
        let gauge = meter.f64_observable_gauge(name).with_unit(unit);
        gauge.with_callback(move |instrument| of_devices(&newest, instrument, of)).build();
    }

    let newest = Arc::clone(newest);
    let counter = meter.f64_observable_counter(METRIC_HW_ENERGY).with_unit("J");
    counter.with_callback(move |instrument| of_devices(&newest, instrument, energy)).build();
}

fn servers(meter: &Meter, newest: &Newest) {
    let gauges: [OfServer; 4] = [
        ("infercost.server.running", "{request}", |server| server.running.value().copied()),
        ("infercost.server.waiting", "{request}", |server| server.waiting.value().copied()),
        ("infercost.server.cache", "1", |server| server.cache.value().copied()),
        ("infercost.server.output_rate", "{token}/s", |server| server.output_tokens_per_s.value().copied()),
    ];
    for (name, unit, of) in gauges {
        let newest = Arc::clone(newest);
        let gauge = meter.f64_observable_gauge(name).with_unit(unit);
        gauge.with_callback(move |instrument| of_servers(&newest, instrument, of)).build();
    }
}

fn sums(meter: &Meter, newest: &Newest) {
    for sum in SUM_NAMES {
        let newest = Arc::clone(newest);
        let counter = meter.f64_observable_counter(format!("{SUMS}{}", sum.name)).with_unit(sum.unit);
        counter.with_callback(move |instrument| of_sums(&newest, instrument, sum)).build();
    }
}

fn energy(device: &DeviceView) -> Option<f64> {
    device.energy_j.value().copied()
}

fn of_devices(newest: &Newest, instrument: &dyn AsyncInstrument<f64>, of: fn(&DeviceView) -> Option<f64>) {
    let newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
    for device in newest.iter().flat_map(|snapshot| &snapshot.devices) {
        let source = if device.estimated { "estimated" } else { "measured" };
        let attributes = [
            KeyValue::new(HW_ID, device.id.clone()),
            KeyValue::new(HW_TYPE, device.kind.clone()),
            KeyValue::new(ENERGY_SOURCE, source),
        ];
        observed(instrument, of(device), &attributes);
    }
}

fn of_servers(newest: &Newest, instrument: &dyn AsyncInstrument<f64>, of: fn(&ServerView) -> Option<f64>) {
    let newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
    for server in newest.iter().flat_map(|snapshot| &snapshot.servers) {
        let address = KeyValue::new("server.address", server.address.clone());
        observed(instrument, of(server), &[address]);
    }
}

fn of_sums(newest: &Newest, instrument: &dyn AsyncInstrument<f64>, sum: SumName) {
    let newest = newest.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(mut sums) = newest.as_ref().map(|snapshot| snapshot.sums) {
        instrument.observe(*(sum.of)(&mut sums), &[]);
    }
}

fn observed(instrument: &dyn AsyncInstrument<f64>, value: Option<f64>, attributes: &[KeyValue]) {
    if let Some(value) = value.filter(|value| value.is_finite()) {
        instrument.observe(value, attributes);
    }
}
