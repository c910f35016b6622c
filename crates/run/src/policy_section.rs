//! `[policy]`: what a cheaper variant may lose, as a user writes it.

use infercost_core::{LatencyTargets, Policy};
use serde::Deserialize;

/// `[policy]`; unknown keys are refused, and shares are shares.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicySection {
    margin: Option<f64>,
    max_kld: Option<f64>,
    min_top1: Option<f64>,
    min_score: Option<f64>,
    confidence: Option<f64>,
    slo: Option<LatencyTargets>,
}

impl PolicySection {
    /// The policy over the defaults.
    ///
    /// # Errors
    /// A sentence with the key that is out of range.
    pub fn checked(self) -> Result<Policy, String> {
        let shares = [("margin", self.margin), ("min_top1", self.min_top1), ("min_score", self.min_score)];
        for (key, share) in shares {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                return Err(format!("policy.{key}: must be 0 to 1; write 0.02 for 2 %"));
            }
        }
        if self.max_kld.is_some_and(|limit| limit < 0.0 || !limit.is_finite()) {
            return Err("policy.max_kld: must not be negative".to_owned());
        }
        if self.confidence.is_some_and(|confidence| !(0.5..1.0).contains(&confidence)) {
            return Err("policy.confidence: must be 0.5 to below 1; write 0.95 for 95 %".to_owned());
        }

        let usual = Policy::default();
        Ok(Policy {
            margin: self.margin,
            max_kld: self.max_kld.or(usual.max_kld),
            min_top1: self.min_top1.or(usual.min_top1),
            min_score: self.min_score,
            confidence: self.confidence.unwrap_or(usual.confidence),
            slo: self.slo,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_and_what_is_refused() {
        for (text, wanted) in [
            ("", Ok(None)),
            ("margin = 0.02", Ok(Some(0.02))),
            ("margin = 2", Err("write 0.02 for 2 %")),
            ("min_top1 = 90", Err("policy.min_top1")),
            ("confidence = 95", Err("write 0.95")),
            ("max_kld = -1", Err("policy.max_kld")),
            ("margins = 0.02", Err("margins")),
        ] {
            let found = toml::from_str::<PolicySection>(text)
                .map_err(|error| error.to_string())
                .and_then(PolicySection::checked)
                .map(|policy| policy.margin);
            match (found, wanted) {
                (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{text}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
            }
        }
    }
}
