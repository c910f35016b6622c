//! What wall plugs answer, as their makers document it.

use serde_json::Value;

/// A maker of plugs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Make {
    Shelly,
    Tasmota,
}

/// One way in which plugs of a maker answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Shelly's first generation: `/meter/0`, `power` in watts (Shelly Gen1 API, Plug S).
    ShellyFirst,
    /// Later generations: `Switch.GetStatus`, `apower` in watts (Shelly Gen2+ API, Switch).
    ShellySecond,
    /// Tasmota's `Status 8`: `StatusSNS.ENERGY.Power` in watts (Tasmota commands).
    Tasmota,
}

impl Make {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Shelly => "shelly",
            Self::Tasmota => "tasmota",
        }
    }

    /// In the order in which they are tried.
    pub(crate) fn dialects(self) -> Vec<Dialect> {
        match self {
            Self::Shelly => vec![Dialect::ShellySecond, Dialect::ShellyFirst],
            Self::Tasmota => vec![Dialect::Tasmota],
        }
    }
}

impl Dialect {
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::ShellyFirst => "/meter/0",
            Self::ShellySecond => "/rpc/Switch.GetStatus?id=0",
            Self::Tasmota => "/cm?cmnd=Status%208",
        }
    }

    /// The power in an answer.
    pub(crate) fn watts(self, answer: &str) -> Result<f64, String> {
        let answer: Value = serde_json::from_str(answer).map_err(|_| "the answer is not JSON".to_owned())?;
        let field = match self {
            Self::ShellyFirst => {
                if answer.get("is_valid").and_then(Value::as_bool) == Some(false) {
                    return Err("the plug says that its own reading is not valid".to_owned());
                }
                "/power"
            }
            Self::ShellySecond => "/apower",
            Self::Tasmota => "/StatusSNS/ENERGY/Power",
        };
        answer
            .pointer(field)
            .and_then(Value::as_f64)
            .ok_or_else(|| format!("the answer has no number at {field}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        use Dialect::{ShellyFirst, ShellySecond, Tasmota};
        for (dialect, answer, expected) in [
            (
                ShellyFirst,
                r#"{"power":28.08,"is_valid":true,"timestamp":1,"counters":[28.1,0,0],"total":5}"#,
                Ok(28.08),
            ),
            (ShellyFirst, r#"{"power":28.08,"is_valid":false}"#, Err("not valid")),
            (ShellySecond, r#"{"id":0,"output":true,"apower":8.9,"aenergy":{"total":6.532}}"#, Ok(8.9)),
            (ShellySecond, r#"{"id":0,"apower":null}"#, Err("/apower")),
            (Tasmota, r#"{"StatusSNS":{"Time":"x","ENERGY":{"Total":0.2,"Power":120}}}"#, Ok(120.0)),
            (Tasmota, r#"{"StatusSNS":{}}"#, Err("ENERGY")),
            (Tasmota, "<html>", Err("not JSON")),
        ] {
            match (dialect.watts(answer), expected) {
                (Ok(watts), Ok(right)) => assert!((watts - right).abs() < 1e-9, "{answer}"),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (got, _) => panic!("{answer}: {got:?}"),
            }
        }
    }
}
