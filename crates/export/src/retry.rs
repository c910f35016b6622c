//! When to try again: what OTLP says (429, 502, 503, 504, and what the network does), with growing pauses.

use std::time::{Duration, SystemTime};

/// How long and how often to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// All pauses together for one batch.
    pub total: Duration,
}

impl Patience {
    /// For an export that a person waits for: pauses of 0.5 to 8 s, 30 s in all.
    pub const REPLAY: Self = Self {
        first: Duration::from_millis(500),
        longest: Duration::from_secs(8),
        total: Duration::from_secs(30),
    };

    /// For what is sent beside, such as metrics at the end of a run: 3 s in all.
    pub const BESIDE: Self = Self {
        first: Duration::from_millis(250),
        longest: Duration::from_secs(1),
        total: Duration::from_secs(3),
    };
}

/// The pauses of one batch.
#[derive(Debug, Clone, Copy)]
pub struct Pauses {
    patience: Patience,
    next: Duration,
    spent: Duration,
}

impl Pauses {
    /// Of that patience, none spent.
    pub fn new(patience: Patience) -> Self {
        Self { patience, next: patience.first, spent: Duration::ZERO }
    }

    /// The next pause: what the server asked for, or twice the last one less a random part (full jitter keeps
    /// many senders apart). `None` where patience is at its end.
    pub fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let drawn = self.next.mul_f64(rand::random_range(0.5..=1.0));
        let pause = asked.map_or(drawn, |asked| asked.max(Duration::from_millis(10)));
        self.next = (self.next * 2).min(self.patience.longest);
        self.spent = self.spent.saturating_add(pause);
        (self.spent <= self.patience.total).then_some(pause)
    }
}

/// The pause of a `Retry-After` header: seconds, or a date (RFC 9110, 10.2.3; only its current form is read).
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = imf_date(value)?;
    let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    Some(Duration::from_secs(at.saturating_sub(now)))
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`.
fn imf_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: u64 = words.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = u64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let year: u64 = words.next()?.parse().ok().filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let seconds = clock.next()?? * 3600 + clock.next()?? * 60 + clock.next()??;
    // days since 1970 in the Gregorian calendar, with years that begin in March
    let (shifted, of_year) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + (153 * of_year + 2) / 5 + day - 1;
    Some(days.checked_sub(719_468)? * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let check = |value: &str, wanted: Option<u64>| {
            assert_eq!(retry_after(value, now), wanted.map(Duration::from_secs), "{value}");
        };
        check("7", Some(7));
        check(" 0 ", Some(0));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(7));
        check("Sun, 06 Nov 1993 08:49:37 GMT", Some(0));
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        check("Sun, 99 Nov 1994 08:49:37 GMT", None);
        check("Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None);
    }

    #[test]
    fn pauses_grow_and_end() {
        let patience = Patience {
            first: Duration::from_secs(1),
            longest: Duration::from_secs(4),
            total: Duration::from_secs(20),
        };
        let mut pauses = Pauses::new(patience);
        let mut all = Vec::new();
        while let Some(pause) = pauses.next(None) {
            all.push(pause);
        }
        assert!((5..=11).contains(&all.len()), "{all:?}");
        assert!(all.iter().all(|pause| *pause <= patience.longest));
        assert!(all.iter().sum::<Duration>() <= patience.total);
        assert_eq!(Pauses::new(patience).next(Some(Duration::from_secs(9))), Some(Duration::from_secs(9)));
        assert_eq!(Pauses::new(patience).next(Some(Duration::from_secs(21))), None);
    }
}
