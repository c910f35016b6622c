//! What wall plugs answer.

use serde_json::Value;

use crate::remote::Line;

/// More outlets than a plug has.
const MAX_OUTLETS: usize = 16;

/// One outlet of a plug, and its power now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlet {
    /// As the plug numbers it: `switch:1`, `meter:0`.
    pub(crate) name: String,
    pub(crate) watts: f64,
}

/// One way in which plugs answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Shelly's later generations, all components at once: `Shelly.GetStatus` (Shelly Gen2+ API).
    ShellyStatus,
    /// The same generations, switch by switch: `Switch.GetStatus`, `apower` in watts.
    ShellySwitch,
    /// Shelly's first generation, all meters at once: `/status` (Shelly Gen1 API).
    ShellyFirstStatus,
    /// The same generation, the first meter alone: `/meter/0`, `power` in watts.
    ShellyFirstMeter,
    /// Tasmota's `Status 8`: `StatusSNS.ENERGY.Power` in watts, a list where there are several (Tasmota commands).
    Tasmota,
}

impl Way {
    /// In the order in which they are tried: what shows every outlet first.
    pub(crate) const SHELLY: &'static [Self] =
        &[Self::ShellyStatus, Self::ShellySwitch, Self::ShellyFirstStatus, Self::ShellyFirstMeter];
    pub(crate) const TASMOTA: &'static [Self] = &[Self::Tasmota];

    /// What the plug's outlets draw: all of them, or at least the `wanted` ones.
    pub(crate) fn outlets(
        self,
        url: &str,
        line: &Line,
        wanted: Option<&[String]>,
    ) -> Result<Vec<Outlet>, String> {
        match self {
            Self::ShellyStatus => self.page(url, "/rpc/Shelly.GetStatus", line),
            Self::ShellyFirstStatus => self.page(url, "/status", line),
            Self::Tasmota => self.page(url, "/cm?cmnd=Status%208", line),
            Self::ShellyFirstMeter => self.page(url, "/meter/0", line),
            Self::ShellySwitch => self.one_by_one(url, line, wanted),
        }
    }

    fn page(self, url: &str, path: &str, line: &Line) -> Result<Vec<Outlet>, String> {
        let address = format!("{url}{path}");
        let answer = line.get(&address)?;
        self.read(&answer).map_err(|reason| format!("{}: {reason}", address.escape_debug()))
    }

    /// Switches with a page each: number 0 and those behind it that answer under their own number, or the wanted ones.
    fn one_by_one(self, url: &str, line: &Line, wanted: Option<&[String]>) -> Result<Vec<Outlet>, String> {
        let mut outlets = Vec::new();
        for number in 0..MAX_OUTLETS {
            let name = self.numbered(number);
            if wanted.is_some_and(|wanted| !wanted.contains(&name)) {
                continue;
            }

            let page = self.page(url, &format!("/rpc/Switch.GetStatus?id={number}"), line);
            let is_next = page.as_ref().is_ok_and(|page| page.iter().all(|outlet| outlet.name == name));
            if number > 0 && wanted.is_none() && !is_next {
                break;
            }
            outlets.extend(page?);
        }
        Ok(outlets)
    }

    fn numbered(self, number: usize) -> String {
        match self {
            Self::ShellySwitch | Self::ShellyStatus => format!("switch:{number}"),
            Self::ShellyFirstMeter | Self::ShellyFirstStatus => format!("meter:{number}"),
            Self::Tasmota => format!("{}", number + 1),
        }
    }

    /// The outlets in an answer, at least one.
    pub(crate) fn read(self, answer: &str) -> Result<Vec<Outlet>, String> {
        let answer: Value = serde_json::from_str(answer).map_err(|_| "the answer is not JSON".to_owned())?;
        let outlets = match self {
            Self::ShellyStatus => components(&answer)?,
            Self::ShellySwitch => {
                let own = answer.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
                vec![Outlet { name: self.numbered(own.unwrap_or(0)), watts: number(&answer, "/apower")? }]
            }
            Self::ShellyFirstStatus => first_generation(&answer)?,
            Self::ShellyFirstMeter => {
                vec![Outlet { name: self.numbered(0), watts: valid_power(&answer)? }]
            }
            Self::Tasmota => tasmota(&answer)?,
        };
        match outlets.is_empty() {
            true => Err("the answer shows no outlet that measures power".to_owned()),
            false => Ok(outlets),
        }
    }
}

/// The names that the plug's owner gave its outlets; none where it tells none.
pub(crate) fn names(way: Way, url: &str, line: &Line) -> Vec<(String, String)> {
    let path = match way {
        Way::ShellyStatus | Way::ShellySwitch => "/rpc/Shelly.GetConfig",
        Way::ShellyFirstStatus | Way::ShellyFirstMeter => "/settings",
        Way::Tasmota => "/cm?cmnd=Status",
    };
    let Ok(answer) = line.get(&format!("{url}{path}")) else { return Vec::new() };
    let Ok(answer) = serde_json::from_str::<Value>(&answer) else { return Vec::new() };

    let by_number = |list: Option<&Value>, name: &str| -> Vec<(String, String)> {
        let list = list.and_then(Value::as_array).into_iter().flatten().take(MAX_OUTLETS).enumerate();
        list.filter_map(|(index, entry)| {
            let given = entry.as_str().or_else(|| entry.get(name)?.as_str())?;
            Some((way.numbered(index), given.to_owned()))
        })
        .collect()
    };
    match way {
        Way::ShellyStatus | Way::ShellySwitch => {
            let components = answer.as_object().into_iter().flatten();
            components
                .filter_map(|(component, config)| {
                    Some((component.clone(), config.get("name")?.as_str()?.to_owned()))
                })
                .collect()
        }
        Way::ShellyFirstStatus | Way::ShellyFirstMeter => by_number(answer.get("relays"), "name"),
        Way::Tasmota => by_number(answer.pointer("/Status/FriendlyName"), ""),
    }
}

/// `switch:0`, `pm1:0`, `cover:0` and `light:0` show `apower`; energy meters `act_power`, or `total_act_power` over
/// their phases.
fn components(answer: &Value) -> Result<Vec<Outlet>, String> {
    let Some(components) = answer.as_object() else {
        return Err("the answer is not a list of components".into());
    };

    let mut outlets = Vec::new();
    for (name, status) in components {
        let Some((kind, _)) = name.split_once(':') else { continue };
        let field = match kind {
            "switch" | "pm1" | "cover" | "light" => "apower",
            "em" => "total_act_power",
            "em1" => "act_power",
            _ => continue,
        };
        // A switch that does not measure has no such field; one whose meter fails shows null.
        let Some(watts) = status.get(field) else { continue };
        let watts = watts.as_f64().ok_or_else(|| format!("{name} shows no number as {field}"))?;
        outlets.push(Outlet { name: name.escape_debug().to_string(), watts });
    }
    Ok(outlets)
}

/// `emeters` of energy meters, else `meters` of plugs and relays.
fn first_generation(answer: &Value) -> Result<Vec<Outlet>, String> {
    for (list, name) in [("emeters", "emeter"), ("meters", "meter")] {
        let meters = answer.get(list).and_then(Value::as_array).into_iter().flatten().take(MAX_OUTLETS);
        let outlets: Result<Vec<Outlet>, String> = meters
            .enumerate()
            .map(|(index, meter)| Ok(Outlet { name: format!("{name}:{index}"), watts: valid_power(meter)? }))
            .collect();
        let outlets = outlets?;
        if !outlets.is_empty() {
            return Ok(outlets);
        }
    }
    Ok(Vec::new())
}

/// `power`, where the meter does not say that it is not valid.
fn valid_power(meter: &Value) -> Result<f64, String> {
    if meter.get("is_valid").and_then(Value::as_bool) == Some(false) {
        return Err("the plug says that its own reading is not valid".to_owned());
    }
    number(meter, "/power")
}

/// A number, or a list of them where the plug has several channels.
fn tasmota(answer: &Value) -> Result<Vec<Outlet>, String> {
    const FIELD: &str = "/StatusSNS/ENERGY/Power";
    let Some(Value::Array(list)) = answer.pointer(FIELD) else {
        return Ok(vec![Outlet { name: Way::Tasmota.numbered(0), watts: number(answer, FIELD)? }]);
    };

    list.iter()
        .take(MAX_OUTLETS)
        .enumerate()
        .map(|(index, watts)| {
            let watts = watts.as_f64().ok_or_else(|| format!("the answer has no number at {FIELD}"))?;
            Ok(Outlet { name: Way::Tasmota.numbered(index), watts })
        })
        .collect()
}

fn number(answer: &Value, field: &str) -> Result<f64, String> {
    let number = answer.pointer(field).and_then(Value::as_f64);
    number.ok_or_else(|| format!("the answer has no number at {field}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(way: Way, answer: &str, expected: Result<&[(&str, f64)], &str>) {
        match (way.read(answer), expected) {
            (Ok(outlets), Ok(right)) => {
                let outlets: Vec<(&str, f64)> =
                    outlets.iter().map(|outlet| (outlet.name.as_str(), outlet.watts)).collect();
                assert_eq!(outlets, right, "{answer}");
            }
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
            (got, _) => panic!("{answer}: {got:?}"),
        }
    }

    #[test]
    fn single_outlets() {
        let first = r#"{"power":28.08,"is_valid":true,"timestamp":1,"counters":[28.1,0,0],"total":5}"#;
        check(Way::ShellyFirstMeter, first, Ok(&[("meter:0", 28.08)]));
        check(Way::ShellyFirstMeter, r#"{"power":28.08,"is_valid":false}"#, Err("not valid"));
        let second = r#"{"id":0,"output":true,"apower":8.9,"aenergy":{"total":6.532}}"#;
        check(Way::ShellySwitch, second, Ok(&[("switch:0", 8.9)]));
        check(Way::ShellySwitch, r#"{"id":0,"apower":null}"#, Err("/apower"));
        let tasmota = r#"{"StatusSNS":{"Time":"x","ENERGY":{"Total":0.2,"Power":120}}}"#;
        check(Way::Tasmota, tasmota, Ok(&[("1", 120.0)]));
        check(Way::Tasmota, r#"{"StatusSNS":{}}"#, Err("ENERGY"));
        check(Way::Tasmota, "<html>", Err("not JSON"));
    }

    #[test]
    fn several_outlets() {
        let strip = r#"{"ble":{},"switch:0":{"id":0,"apower":8.5},"switch:1":{"id":1,"apower":120},"switch:2":{"id":2}}"#;
        check(Way::ShellyStatus, strip, Ok(&[("switch:0", 8.5), ("switch:1", 120.0)]));
        let phases = r#"{"em:0":{"a_act_power":10,"b_act_power":20,"total_act_power":30.5},"emdata:0":{}}"#;
        check(Way::ShellyStatus, phases, Ok(&[("em:0", 30.5)]));
        check(Way::ShellyStatus, r#"{"switch:0":{"apower":null}}"#, Err("switch:0 shows no number"));
        check(Way::ShellyStatus, r#"{"sys":{}}"#, Err("no outlet"));

        let relays = r#"{"meters":[{"power":5.5,"is_valid":true},{"power":7,"is_valid":true}]}"#;
        check(Way::ShellyFirstStatus, relays, Ok(&[("meter:0", 5.5), ("meter:1", 7.0)]));
        let clamps = r#"{"emeters":[{"power":90,"is_valid":true}],"meters":[{"power":0,"is_valid":true}]}"#;
        check(Way::ShellyFirstStatus, clamps, Ok(&[("emeter:0", 90.0)]));

        let dual = r#"{"StatusSNS":{"ENERGY":{"Power":[42,0]}}}"#;
        check(Way::Tasmota, dual, Ok(&[("1", 42.0), ("2", 0.0)]));
    }
}
