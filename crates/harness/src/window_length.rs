//! How many prompts a metered window must hold.

use std::time::Duration;

/// A counter is off by up to one update at each edge of a window, so a window should hold several.
pub const UPDATES_PER_WINDOW: u32 = 10;

/// The number of prompts in a block: at least `least`, and enough that the fastest variant, at `fastest` a
/// prompt, is busy for [`UPDATES_PER_WINDOW`] updates of the meter; at most `all` and at least one.
///
/// Longer blocks let variants take turns less often, so no block is longer than the meter needs. A set too
/// short for one such window is run in one block: its readings show how few updates they hold.
pub fn prompts_per_window(least: usize, all: usize, fastest: Option<Duration>, period: Duration) -> usize {
    let wanted = period.saturating_mul(UPDATES_PER_WINDOW).as_nanos();
    let needed = fastest
        .and_then(|each| wanted.checked_add(each.as_nanos())?.checked_sub(1)?.checked_div(each.as_nanos()))
        .map_or(0, |prompts| usize::try_from(prompts).unwrap_or(usize::MAX));
    least.max(needed).min(all).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks() {
        let ms = Duration::from_millis;
        for (least, all, fastest, period, expected) in [
            // A RAPL counter never needs more.
            (10, 60, Some(ms(5)), ms(1), 10),
            // A plug that refreshes once a second needs 10 s: 20 prompts of half a second.
            (10, 60, Some(ms(500)), ms(1000), 20),
            (10, 60, Some(ms(499)), ms(1000), 21),
            (10, 15, Some(ms(500)), ms(1000), 15),
            (100, 60, Some(ms(500)), ms(1000), 60),
            // Nothing is known of the time, or it is too short to be one.
            (10, 60, None, ms(1000), 10),
            (10, 60, Some(ms(0)), ms(1000), 10),
            (10, 60, Some(ms(5)), ms(0), 10),
            (0, 60, None, ms(0), 1),
            (10, 0, None, ms(0), 1),
            (10, 60, Some(Duration::from_nanos(1)), Duration::MAX, 60),
        ] {
            let got = prompts_per_window(least, all, fastest, period);
            assert_eq!(got, expected, "{least} {all} {fastest:?} {period:?}");
        }
    }
}
