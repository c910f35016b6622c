//! Sentences about windows that something disturbed.

use crate::interference::{Disturbance, DisturbedWindow};
use crate::text::{percent, printable};

/// Most disturbed windows that a sentence lists.
const MOST_LISTED: usize = 12;

pub(super) fn disturbed_windows(windows: &[DisturbedWindow]) -> String {
    let mut parts = Vec::new();
    for window in windows.iter().take(MOST_LISTED) {
        let causes: Vec<String> = window.causes.iter().map(cause).collect();
        let again = match window.measured_again_in {
            Some(index) => format!("; measured again as {index}"),
            None => String::new(),
        };
        let name = printable(window.variant.variant_name());
        parts.push(format!("{} of {name} ({}{again})", window.window, causes.join(", ")));
    }

    let more = windows.len().saturating_sub(MOST_LISTED);
    if more > 0 {
        parts.push(format!("and {more} more, which `--json` lists"));
    }
    format!("Disturbed windows: {}.", parts.join(", "))
}

fn cause(disturbance: &Disturbance) -> String {
    match disturbance {
        Disturbance::OtherPrograms { share, waited: Some(waited) } => {
            format!("other programs took {}, {} of the time was waiting", percent(*share), percent(*waited))
        }
        Disturbance::OtherPrograms { share, waited: None } => {
            format!("other programs took {}", percent(*share))
        }
        Disturbance::Steal { share } => format!("{} stolen", percent(*share)),
        Disturbance::Heat => "heat".to_owned(),
        Disturbance::Boards { reasons } => printable(&reasons.join(" and ")).into_owned(),
    }
}
