//! Numbers of a snapshot in words.

use infercost_core::number::{UNKNOWN, significant};
use infercost_core::text::percent;
use infercost_monitor::Shown;

/// Watts: `61.2 W`; an estimate says so.
pub(crate) fn watts(shown: &Shown<f64>, estimated: bool) -> String {
    let mark = if estimated { "~" } else { "" };
    number(shown, |watts| format!("{mark}{} W", significant(*watts)))
}

/// Joules in the unit that fits: `810 J`, `12.3 kJ`, `1.20 kWh`.
pub(crate) fn joules(joules: f64) -> String {
    match joules {
        joules if joules < 1e3 => format!("{} J", significant(joules)),
        joules if joules < 3.6e5 => format!("{} kJ", significant(joules / 1e3)),
        joules => format!("{} kWh", significant(joules / 3.6e6)),
    }
}

/// Energy of a million tokens: `1.20 kWh/Mtok`.
pub(crate) fn per_million(shown: &Shown<f64>) -> String {
    number(shown, |joules| format!("{}/Mtok", self::joules(*joules)))
}

/// Tokens a second.
pub(crate) fn tokens_per_second(shown: &Shown<f64>) -> String {
    number(shown, |rate| format!("{} tok/s", significant(*rate)))
}

/// A share in percent.
pub(crate) fn share(shown: &Shown<f64>) -> String {
    number(shown, |share| percent(*share))
}

/// An amount of money.
pub(crate) fn money(shown: &Shown<f64>, currency: &str) -> String {
    number(shown, |amount| format!("{} {currency}", significant(*amount)))
}

/// A number in whole.
pub(crate) fn count(shown: &Shown<f64>) -> String {
    number(shown, |count| format!("{count:.0}"))
}

/// What is known in words, or a dash.
pub(crate) fn number<T>(shown: &Shown<T>, words: impl Fn(&T) -> String) -> String {
    shown.value().map_or_else(|| UNKNOWN.to_owned(), words)
}

/// A stretch of time: `45 s`, `12 min`, `3.5 h`, `2.1 d`.
pub(crate) fn stretch(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds < 172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        seconds => format!("{:.1} d", seconds / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_a_dash() {
        assert_eq!(watts(&Shown::missing("why"), false), UNKNOWN);
        assert_eq!(watts(&Shown::Value(61.234), false), "61.2 W");
        assert_eq!(watts(&Shown::Value(0.0), true), "~0 W");
        assert_eq!(share(&Shown::Value(0.5)), "50 %");
    }

    #[test]
    fn units_that_fit() {
        for (value, wanted) in [(810.0, "810 J"), (12_345.0, "12.3 kJ"), (4.32e6, "1.20 kWh")] {
            assert_eq!(joules(value), wanted);
        }
        for (value, wanted) in [(45.0, "45 s"), (720.0, "12 min"), (12_600.0, "3.5 h"), (181_440.0, "2.1 d")]
        {
            assert_eq!(stretch(value), wanted);
        }
    }
}
