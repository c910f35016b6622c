//! How servers are started, asked and put under load, as `compare` and `record` take it; and lengths of time.

use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use infercost_core::{ArrivalProcess, LatencyTargets, LoadSpec};

use crate::flags::numbers::share_above_zero;

/// Longest time that any of these flags may name.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Any flag that asks for a load test.
const LOAD_TEST: &str = "load test";

/// Servers: how they are started, asked and driven.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "Servers and load",
    group(ArgGroup::new(LOAD_TEST).args(["concurrency", "rate", "sweep"]).multiple(true))
)]
pub(crate) struct LoadFlags {
    /// After the single requests, keep N requests in flight, for each N
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) concurrency: Vec<u32>,

    /// After the single requests, send R requests per second whatever comes back, for each R
    #[arg(long, value_name = "R,…", value_delimiter = ',', value_parser = rate)]
    pub(crate) rate: Vec<f64>,

    /// How requests of --rate are spaced
    #[arg(long, value_enum, requires = "rate", default_value_t = ArrivalChoice::Poisson)]
    pub(crate) arrivals: ArrivalChoice,

    /// Find the concurrency beyond which throughput hardly grows: doubles it, then bisects
    #[arg(long, help_heading = "Advanced", hide_short_help = true)]
    pub(crate) sweep: bool,

    /// Highest concurrency that --sweep tries
    #[arg(long, value_name = "N", default_value_t = 256, requires = "sweep", help_heading = "Advanced", hide_short_help = true, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) sweep_limit: u32,

    /// How long each operating point is held: 20s, 500ms, 2m
    #[arg(long, value_name = "TIME", default_value = "20s", requires = LOAD_TEST, value_parser = time)]
    pub(crate) duration: Duration,

    /// Load that comes before what is counted [default: a tenth of --duration]
    #[arg(long, value_name = "TIME", requires = LOAD_TEST, value_parser = time)]
    pub(crate) load_warm_up: Option<Duration>,

    /// Start a server for each MODEL file, and stop it in the end: {model} is the file, {port} a free port
    #[arg(long, value_name = "COMMAND")]
    pub(crate) serve: Option<String>,

    /// How long a server of --serve may take until it answers
    #[arg(long, value_name = "TIME", default_value = "5m", requires = "serve", value_parser = time)]
    pub(crate) serve_timeout: Duration,

    /// Give a request up after this time
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time)]
    pub(crate) request_timeout: Duration,

    /// Let servers use their prompt caches (cached tokens are recorded either way)
    #[arg(long)]
    pub(crate) prompt_cache: bool,
}

impl LoadFlags {
    /// The load test that these ask for; `None` for none.
    pub(crate) fn spec(&self) -> Option<LoadSpec> {
        let is_wanted = self.sweep || !self.concurrency.is_empty() || !self.rate.is_empty();
        is_wanted.then(|| LoadSpec {
            concurrency: self.concurrency.clone(),
            rate: self.rate.clone(),
            arrivals: self.arrivals.into(),
            sweep_limit: self.sweep.then_some(self.sweep_limit),
            duration_s: self.duration.as_secs_f64(),
            warm_up_s: self.load_warm_up.map(|time| time.as_secs_f64()),
        })
    }
}

/// How requests of an open loop are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ArrivalChoice {
    /// As independent users send them
    Poisson,
    /// At equal distances
    Constant,
}

impl From<ArrivalChoice> for ArrivalProcess {
    fn from(choice: ArrivalChoice) -> Self {
        match choice {
            ArrivalChoice::Poisson => Self::Poisson,
            ArrivalChoice::Constant => Self::Constant,
        }
    }
}

/// `500ms`, `20s`, `2m`, `1h`, or plain seconds; above 0 and at most a day.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let time = time_or_zero(text)?;
    if time.is_zero() { Err("must be above 0 and at most a day".to_owned()) } else { Ok(time) }
}

/// A time whose unit is written out: 500 is taken for seconds by one reader and for milliseconds by another.
fn time_with_unit(text: &str) -> Result<Duration, String> {
    if text.ends_with(|last: char| last.is_ascii_digit()) {
        return Err(format!("`{text}` has no unit; write {text}ms or {text}s"));
    }
    time(text)
}

/// The same, or 0.
pub(crate) fn time_or_zero(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let seconds = match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("the unit must be ms, s, m or h".to_owned()),
    };

    let number: f64 = number.parse().map_err(|_| "no number and unit, such as 20s".to_owned())?;
    let time =
        Duration::try_from_secs_f64(number * seconds).map_err(|_| "is not a length of time".to_owned())?;
    if time > LONGEST { Err("must be at most a day".to_owned()) } else { Ok(time) }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "is not a number".to_owned())?;
    if rate > 0.0 && rate <= 1e6 { Ok(rate) } else { Err("must be above 0 and at most 1000000".to_owned()) }
}

pub(crate) fn targets(text: &str) -> Result<LatencyTargets, String> {
    let mut targets = LatencyTargets { ttft_s: None, tpot_s: None, share: LatencyTargets::DEFAULT_SHARE };
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or("wants name=value, such as ttft=500ms")?;
        match name.trim() {
            "ttft" => targets.ttft_s = Some(time_with_unit(value.trim())?.as_secs_f64()),
            "tpot" => targets.tpot_s = Some(time_with_unit(value.trim())?.as_secs_f64()),
            "share" => {
                targets.share = share_above_zero(value).map_err(|why| format!("share {why}"))?;
            }
            other => return Err(format!("`{}` is none of ttft, tpot, share", other.escape_debug())),
        }
    }

    if targets.ttft_s.is_none() && targets.tpot_s.is_none() {
        return Err("names neither ttft nor tpot".to_owned());
    }

    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (text, seconds) in [
            ("20s", Some(20.0)),
            ("500ms", Some(0.5)),
            ("2m", Some(120.0)),
            ("3", Some(3.0)),
            ("0s", None),
            ("-1s", None),
            ("1h", Some(3600.0)),
            ("25h", None),
            ("s", None),
            ("", None),
            ("1e300s", None),
            ("NaN", None),
        ] {
            let got = time(text).ok().map(|time| time.as_secs_f64());
            assert_eq!(got, seconds, "{text}");
        }
    }

    #[test]
    fn targets_of_latency() {
        let of = |ttft_s, tpot_s, share| Some(LatencyTargets { ttft_s, tpot_s, share });
        for (text, expected) in [
            ("ttft=500ms,tpot=50ms", of(Some(0.5), Some(0.05), 0.9)),
            ("tpot=1s, share=0.99", of(None, Some(1.0), 0.99)),
            ("tpot=1s,share=99%", of(None, Some(1.0), 0.99)),
            ("share=0.5", None),
            ("ttft=500", None),
            ("ttft", None),
            ("ttft=1s,latency=3s", None),
            ("ttft=1s,share=2", None),
            ("", None),
        ] {
            assert_eq!(targets(text).ok(), expected, "{text}");
        }
    }
}
