//! Why one way to host is the cheapest.

use std::fmt;

use super::reason::and;
use crate::coded::Coded;
use crate::cost_part::CostPart;
use crate::number::plain;

/// What a comparison of hosting rests on.
#[derive(Debug, Clone, PartialEq)]
pub enum HostGrounds {
    /// No way has a known cost.
    NoKnownCost,
    /// One way alone has a known cost.
    OnlyOne {
        /// Its name.
        way: String,
    },
    /// One way is cheapest, or several cost the same within what was measured.
    Cheapest {
        /// Their names.
        ways: Vec<String>,
        /// Parts that the cheapest leaves out and that could change the order.
        left_out: Vec<CostPart>,
        /// Mean power of a machine from which another way is cheaper, in watts; `None` where it does not depend on that.
        until_watts: Option<f64>,
    },
}

/// The name of a way as a sentence has it: `assumed: cloud machine` is `cloud machine (assumed price)`.
pub fn in_a_sentence(name: &str) -> String {
    match name.strip_prefix("assumed: ") {
        Some(way) => format!("{way} (assumed price)"),
        None => name.to_owned(),
    }
}

impl Coded for HostGrounds {
    fn code(&self) -> &'static str {
        match self {
            Self::NoKnownCost => "no_known_cost",
            Self::OnlyOne { .. } => "only_one",
            Self::Cheapest { ways, .. } if ways.len() > 1 => "tie",
            Self::Cheapest { .. } => "cheapest",
        }
    }
}

impl fmt::Display for HostGrounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ways, left_out, until_watts) = match self {
            Self::NoKnownCost => {
                return f
                    .write_str("no way has a known cost; give [prices] and [[offers]] in infercost.toml");
            }
            Self::OnlyOne { way } => {
                let way = in_a_sentence(way);
                return write!(
                    f,
                    "{way} is the only way with a known cost; give [[offers]] to compare it with"
                );
            }
            Self::Cheapest { ways, left_out, until_watts } => (ways, left_out, until_watts),
        };

        let ways: Vec<String> = ways.iter().map(|way| in_a_sentence(way)).collect();
        match ways.as_slice() {
            [one] => write!(f, "{one} is the cheapest")?,
            several => write!(f, "{} cost the same within what was measured", several.join(" and "))?,
        }
        if left_out.is_empty() {
            return Ok(());
        }

        write!(f, ", as far as it is known: {} left out", and(left_out))?;
        match until_watts {
            Some(watts) => {
                write!(f, "; it stays so unless a machine draws more than {} W on average", plain(*watts))
            }
            None => Ok(()),
        }
    }
}
