//! Load tests: throughput against latency, and cost against load, one line a variant.

use infercost_core::OperatingPoint;
use infercost_core::report::{OperatingPointReport, Report};

use crate::axis::{Scale, range};
use crate::chart::frame::{Frame, Span};
use crate::chart::{Figure, Width, legend};
use crate::figures::{seconds, significant, with_interval};
use crate::section::{Names, point_name};
use crate::svg::{Point, series_class};

struct Dot<'a> {
    across: f64,
    up: f64,
    point: &'a OperatingPointReport,
    tip: String,
}

struct Series<'a> {
    place: usize,
    dots: Vec<Dot<'a>>,
}

/// Throughput against the 95th percentile of time to first token; `None` where there was no load test.
pub(crate) fn throughput(report: &Report, names: &Names) -> Option<Figure> {
    let series = gather(report, |point| {
        let tokens = point.output_tokens_per_s?;
        let ttft = point.ttft_s?;
        let tip = format!(
            "{} output tokens/s, TTFT p95 {}",
            with_interval(&tokens, significant),
            seconds(ttft.p95)
        );
        Some((tokens.point, ttft.p95 * 1e3, tip))
    });
    let limit = report.policy.slo.as_ref().and_then(|targets| targets.ttft_s).map(|limit| limit * 1e3);

    figure(
        names,
        &series,
        "Throughput against TTFT p95 at each operating point; a ring marks the knee.",
        "output tokens/s",
        "TTFT p95, ms",
        limit,
    )
}

/// Cost against load; `None` where there was no load test with a known cost.
pub(crate) fn cost(report: &Report, names: &Names) -> Option<Figure> {
    let currency = report.price_book.currency;
    let series = gather(report, |point| {
        let load = match point.operating_point {
            OperatingPoint::Closed { concurrency } => f64::from(concurrency),
            OperatingPoint::Open { rate } => rate,
        };
        let cost = point.cost_per_inference?.map(|amount| amount * 1e3);
        Some((
            load,
            cost.point,
            format!("{} {currency} per 1,000 inferences", with_interval(&cost, significant)),
        ))
    });

    figure(
        names,
        &series,
        "Cost of 1,000 inferences at each operating point.",
        "requests in flight, or requests/s of an open loop",
        &format!("{currency} per 1,000"),
        None,
    )
}

fn gather(
    report: &Report,
    place_of: impl Fn(&OperatingPointReport) -> Option<(f64, f64, String)>,
) -> Vec<Series<'_>> {
    let mut all = Vec::new();
    for (place, candidate) in report.candidates.iter().enumerate() {
        let mut dots = Vec::new();
        for point in &candidate.operating_points {
            if let Some((across, up, tip)) = place_of(point) {
                dots.push(Dot { across, up, point, tip });
            }
        }
        if !dots.is_empty() {
            all.push(Series { place, dots });
        }
    }
    all
}

fn figure(
    names: &Names,
    series: &[Series<'_>],
    caption: &str,
    across: &str,
    up: &str,
    limit: Option<f64>,
) -> Option<Figure> {
    if series.is_empty() {
        return None;
    }

    let chart = Chart { names, series, caption, across, up, limit };
    Some(Figure {
        caption: caption.to_owned(),
        wide: chart.draw(Width::Wide),
        narrow: chart.draw(Width::Narrow),
        legend: legend(names, series.iter().map(|one| one.place)),
    })
}

struct Chart<'a> {
    names: &'a Names,
    series: &'a [Series<'a>],
    caption: &'a str,
    across: &'a str,
    up: &'a str,
    limit: Option<f64>,
}

impl Chart<'_> {
    fn draw(&self, width: Width) -> String {
        let dots = || self.series.iter().flat_map(|one| &one.dots);
        let (_, right) = range(dots().map(|dot| dot.across)).unwrap_or((0.0, 1.0));
        let (_, top) = range(dots().map(|dot| dot.up).chain(self.limit)).unwrap_or((0.0, 1.0));
        let across =
            Span { scale: Scale::Linear, least: 0.0, greatest: right * 1.06, label: self.across.to_owned() };
        let up = Span { scale: Scale::Linear, least: 0.0, greatest: top * 1.08, label: self.up.to_owned() };

        let mut frame = Frame::new(width, 280.0, &across, &up);
        if let Some(limit) = self.limit {
            frame.limit_across(limit, "SLO");
        }
        for one in self.series {
            self.draw_series(&mut frame, one);
        }
        frame.svg.finish(width.class(), self.caption)
    }

    fn draw_series(&self, frame: &mut Frame, series: &Series<'_>) {
        let line: Vec<Point> = series.dots.iter().map(|dot| frame.point(dot.across, dot.up)).collect();
        frame.svg.path(&format!("{} line", series_class(series.place)), &line);

        for (dot, at) in series.dots.iter().zip(line) {
            let name = self.names.at(series.place).unwrap_or_default();
            let knee = if dot.point.knee { ", the knee" } else { "" };
            let tip = format!("{name} at {}{knee}: {}", point_name(&dot.point.operating_point), dot.tip);
            frame.svg.mark(&tip, |svg| {
                if dot.point.knee {
                    svg.dot(series.place, at, 9.0);
                }
                svg.dot(series.place, at, 5.0);
            });
        }
    }
}
