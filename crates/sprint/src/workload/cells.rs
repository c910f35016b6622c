//! Cells of a trace as numbers and times: the same whether a text table, or typed columns hold them.

use infercost_core::TraceCell;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::tokens;

/// Numbers beyond this have no fraction any more, and no exact neighbor.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// A number of tokens.
pub(super) fn length(cell: &TraceCell, column: &str) -> Result<u32, String> {
    let count = match cell {
        TraceCell::Missing => return Err(empty(column)),
        TraceCell::Whole(count) => u64::try_from(*count).ok(),
        TraceCell::Number(count) => whole(*count),
        TraceCell::Text(text) => text.trim().parse::<u64>().ok(),
        other => return Err(format!("`{column}` is {}, and not a number of tokens", other.words())),
    };
    tokens(count.ok_or_else(|| format!("`{column}` is not a number of tokens"))?)
}

/// Columns of whole numbers become numbers with fractions where a program writes one that lacks some of them.
fn whole(count: f64) -> Option<u64> {
    let is_whole = count.fract() == 0.0 && (0.0..LARGEST_EXACT).contains(&count);
    is_whole.then_some(count as u64)
}

/// A moment in seconds since some other one: seconds as they are, a date with a time of day since 1970.
pub(super) fn time(cell: &TraceCell, column: &str) -> Result<f64, String> {
    let seconds = match cell {
        TraceCell::Missing => return Err(empty(column)),
        TraceCell::Whole(seconds) => Some(*seconds as f64).filter(|seconds| *seconds >= 0.0),
        TraceCell::Number(seconds) => Some(*seconds).filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
        TraceCell::Moment(seconds) => Some(*seconds).filter(|seconds| seconds.is_finite()),
        TraceCell::Text(text) => time_of_text(text),
        other => return Err(format!("`{column}` is {}, and not a time", other.words())),
    };
    seconds.ok_or_else(|| format!("`{column}` is not a time"))
}

/// Seconds, or a date with a time of day. One with a zone is that moment, one without is taken as it stands.
fn time_of_text(text: &str) -> Option<f64> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then_some(seconds);
    }

    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    Some(moment.as_duration().as_secs_f64())
}

pub(super) fn empty(column: &str) -> String {
    format!("`{column}` is empty")
}
