//! What passed by, as OTLP metrics.

use std::time::SystemTime;

use infercost_trace::attributes::{
    ENERGY_SOURCE, ERROR_TYPE, GEN_AI_OPERATION_NAME, GEN_AI_PROVIDER_NAME, GEN_AI_REQUEST_MODEL, RUN_ID,
    SERVICE_NAME, SERVICE_VERSION,
};
use infercost_trace::backend_attributes::{
    GEN_AI_TOKEN_TYPE, HW_ID, HW_TYPE, METRIC_HW_ENERGY, METRIC_HW_POWER, METRIC_HW_TEMPERATURE,
    METRIC_OPERATION_DURATION, METRIC_TIME_PER_OUTPUT_TOKEN, METRIC_TIME_TO_FIRST_TOKEN, METRIC_TOKEN_USAGE,
};
use infercost_trace::outgoing::describe_resource;
use infercost_trace::span_ids::unix_nanos;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram as HistogramData, HistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::histogram::Histogram;
use super::{CallKey, Calls, Hardware, Meters, State};

impl Meters {
    /// Everything since the beginning, as one request.
    pub fn request(&self, now: SystemTime) -> ExportMetricsServiceRequest {
        let at = Moments {
            start: unix_nanos(self.started_at, "start").unwrap_or_default(),
            now: unix_nanos(now, "now").unwrap_or_default(),
        };

        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let temperatures = state.temperatures.iter().map(|(sensor, celsius)| {
            at.number(vec![text(HW_ID, sensor), text(HW_TYPE, "temperature")], *celsius)
        });

        let metrics = vec![
            metric(
                METRIC_TOKEN_USAGE,
                "{token}",
                at.histograms(&state, |calls| {
                    vec![(Some("input"), &calls.input), (Some("output"), &calls.output)]
                }),
            ),
            metric(
                METRIC_OPERATION_DURATION,
                "s",
                at.histograms(&state, |calls| vec![(None, &calls.duration)]),
            ),
            metric(
                METRIC_TIME_TO_FIRST_TOKEN,
                "s",
                at.histograms(&state, |calls| vec![(None, &calls.first_token)]),
            ),
            metric(
                METRIC_TIME_PER_OUTPUT_TOKEN,
                "s",
                at.histograms(&state, |calls| vec![(None, &calls.further_token)]),
            ),
            metric(
                METRIC_HW_ENERGY,
                "J",
                Data::Sum(Sum {
                    data_points: at.hardware(&state, |hardware| Some(hardware.joules)),
                    aggregation_temporality: AggregationTemporality::Cumulative as i32,
                    is_monotonic: true,
                }),
            ),
            metric(
                METRIC_HW_POWER,
                "W",
                Data::Gauge(Gauge { data_points: at.hardware(&state, |hardware| hardware.watts) }),
            ),
            metric(METRIC_HW_TEMPERATURE, "Cel", Data::Gauge(Gauge { data_points: temperatures.collect() })),
        ];

        let scope = InstrumentationScope {
            name: "infercost".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };

        let attributes = vec![
            text(SERVICE_NAME, "infercost"),
            text(SERVICE_VERSION, env!("CARGO_PKG_VERSION")),
            text(RUN_ID, &self.run),
        ];
        let metrics = metrics.into_iter().filter(has_points).collect();

        let scope_metrics = vec![ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() }];
        let mut resource = Resource { attributes, ..Resource::default() };
        describe_resource(&mut resource, &self.resource);
        let resource = Some(resource);
        let resource_metrics =
            vec![ResourceMetrics { resource, scope_metrics, ..ResourceMetrics::default() }];

        ExportMetricsServiceRequest { resource_metrics }
    }
}

/// The kind of token that a histogram is of, and the histogram.
type Series<'c> = (Option<&'static str>, &'c Histogram);

struct Moments {
    start: u64,
    now: u64,
}

impl Moments {
    /// A point for each kind of call and histogram that holds anything.
    fn histograms(&self, state: &State, of: impl Fn(&Calls) -> Vec<Series<'_>>) -> Data {
        let mut data_points = Vec::new();

        for (key, calls) in &state.calls {
            for (token_type, histogram) in of(calls) {
                if histogram.count > 0 {
                    data_points.push(self.histogram(attributes(key, token_type), histogram));
                }
            }
        }

        let aggregation_temporality = AggregationTemporality::Cumulative as i32;
        Data::Histogram(HistogramData { data_points, aggregation_temporality })
    }

    /// A point for each part of the machine of which the quantity is known.
    fn hardware(&self, state: &State, of: impl Fn(&Hardware) -> Option<f64>) -> Vec<NumberDataPoint> {
        let mut points = Vec::new();

        for (key, hardware) in &state.hardware {
            let Some(value) = of(hardware) else { continue };
            let attributes =
                vec![text(HW_ID, &key.id), text(HW_TYPE, key.kind), text(ENERGY_SOURCE, key.source)];
            points.push(self.number(attributes, value));
        }
        points
    }

    fn histogram(&self, attributes: Vec<KeyValue>, histogram: &Histogram) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes,
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: histogram.count,
            sum: Some(histogram.sum),
            bucket_counts: histogram.counts.clone(),
            explicit_bounds: histogram.bounds.to_vec(),
            min: Some(histogram.smallest),
            max: Some(histogram.largest),
            ..HistogramDataPoint::default()
        }
    }

    fn number(&self, attributes: Vec<KeyValue>, value: f64) -> NumberDataPoint {
        NumberDataPoint {
            attributes,
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            value: Some(Number::AsDouble(value)),
            ..NumberDataPoint::default()
        }
    }
}

fn has_points(metric: &Metric) -> bool {
    match &metric.data {
        Some(Data::Histogram(data)) => !data.data_points.is_empty(),
        Some(Data::Sum(data)) => !data.data_points.is_empty(),
        Some(Data::Gauge(data)) => !data.data_points.is_empty(),
        _ => false,
    }
}

fn metric(name: &str, unit: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn attributes(key: &CallKey, token_type: Option<&'static str>) -> Vec<KeyValue> {
    let mut all = vec![
        text(GEN_AI_OPERATION_NAME, "chat"),
        text(GEN_AI_PROVIDER_NAME, &key.provider),
        text(GEN_AI_REQUEST_MODEL, &key.model),
    ];
    all.extend(key.error.map(|error| text(ERROR_TYPE, error)));
    all.extend(token_type.map(|kind| text(GEN_AI_TOKEN_TYPE, kind)));
    all
}

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}
