//! Wall plugs, asked as their makers document it.
//!
//! A plug may switch and measure several outlets. All of them are added up, and that is said, unless one is chosen by
//! its number, its component's name or the name that its owner gave it.

use infercost_core::{EnergyDomain, MeterError, MeterKind};

use crate::address::{address, settings, shown};
use crate::instrument::{ChoiceError, Finder, Instrument, Offer, Places};
use crate::plug_answers::{Outlet, Way, names};
use crate::remote::{Answering, Line, Question, closed, micro};
use crate::sensor::Raw;

/// Shelly's plugs of any generation.
pub(crate) struct Shelly;

/// Plugs with Tasmota.
pub(crate) struct Tasmota;

impl Instrument for Shelly {
    fn name(&self) -> &'static str {
        "shelly"
    }

    fn usage(&self) -> &'static str {
        "shelly:URL[?channel=NAME]"
    }

    fn automatic(&self) -> Option<Box<dyn Finder>> {
        None
    }

    fn choose(&self, rest: Option<&str>) -> Result<Box<dyn Finder>, ChoiceError> {
        Ok(Box::new(Plug::of(self.name(), Way::SHELLY, rest)?))
    }
}

impl Instrument for Tasmota {
    fn name(&self) -> &'static str {
        "tasmota"
    }

    fn usage(&self) -> &'static str {
        "tasmota:URL[?channel=NAME]"
    }

    fn automatic(&self) -> Option<Box<dyn Finder>> {
        None
    }

    fn choose(&self, rest: Option<&str>) -> Result<Box<dyn Finder>, ChoiceError> {
        Ok(Box::new(Plug::of(self.name(), Way::TASMOTA, rest)?))
    }
}

/// A plug, and which of its outlets feeds the machine.
struct Plug {
    make: &'static str,
    url: String,
    /// The ways in which plugs of the make answer, in the order in which they are tried.
    ways: &'static [Way],
    /// The outlet that was asked for; `None` is all of them.
    channel: Option<String>,
}

impl Plug {
    fn of(make: &'static str, ways: &'static [Way], rest: Option<&str>) -> Result<Self, ChoiceError> {
        let text = rest.unwrap_or_default();
        let (url, wanted) = text.split_once('?').unwrap_or((text, ""));
        let url = address(url)?.trim_end_matches('/').to_owned();

        let mut channel = None;
        for (name, value) in settings(make, wanted)? {
            match name {
                "channel" => channel = Some(value.to_owned()),
                _ => {
                    let reason = format!("`{}` says nothing to a plug; there is channel=NAME", shown(name));
                    return Err(ChoiceError::Query { meter: make, reason });
                }
            }
        }
        Ok(Self { make, url, ways, channel })
    }

    /// The outlet that the user means, among those that the plug shows.
    fn chosen(&self, wanted: &str, way: Way, outlets: &[Outlet], line: &Line) -> Result<String, String> {
        let known = || outlets.iter().map(|outlet| outlet.name.as_str());
        let mut matching: Vec<&str> =
            known().filter(|name| *name == wanted || name.rsplit(':').next() == Some(wanted)).collect();

        let given = if matching.is_empty() { names(way, &self.url, line) } else { Vec::new() };
        matching.extend(given.iter().filter(|(_, name)| name == wanted).map(|(outlet, _)| outlet.as_str()));
        match matching.as_slice() {
            [one] => Ok((*one).to_owned()),
            [] => Err(format!(
                "no channel is called `{}`; the plug shows {}",
                shown(wanted),
                known().collect::<Vec<_>>().join(", ")
            )),
            several => Err(format!("`{}` may be {}", shown(wanted), several.join(" or "))),
        }
    }

    /// Asks in one way; what is read from then on, with the first reading.
    fn begin(&self, way: Way, line: &Line) -> Result<(Outlets, Raw, String), String> {
        let outlets = way.outlets(&self.url, line, None)?;
        let all: Vec<String> = outlets.iter().map(|outlet| outlet.name.clone()).collect();
        let read = match &self.channel {
            Some(wanted) => vec![self.chosen(wanted, way, &outlets, line)?],
            None => all.clone(),
        };

        let remark = match read.as_slice() {
            _ if all.len() == 1 => String::new(),
            [one] => format!("channel {one} of {}", all.join(", ")),
            _ => format!("{} channels added up: {}; ?channel=NAME reads one", all.len(), all.join(", ")),
        };
        let question = Outlets { url: self.url.clone(), way, read };
        let first = question.sum(&outlets)?;
        Ok((question, first, remark))
    }
}

impl Finder for Plug {
    fn find(&self, _: &Places) -> Result<Offer, MeterError> {
        let name = format!("{} {}", self.make, self.url.escape_debug());
        let line = Line::to(&self.url);

        let mut reasons = Vec::new();
        for way in self.ways {
            match self.begin(*way, &line) {
                Ok((question, first, remark)) => {
                    let (domain, kind) = (EnergyDomain::Wall, MeterKind::Integrated);
                    return Answering { name, domain, kind, remark, first, line, question }.offer();
                }
                Err(reason) => reasons.push(reason),
            }
        }
        reasons.dedup();
        Ok(closed(name, reasons.join("; ")))
    }
}

/// Reads the chosen outlets again.
struct Outlets {
    url: String,
    way: Way,
    /// Their names.
    read: Vec<String>,
}

impl Outlets {
    /// The power of the chosen outlets together.
    fn sum(&self, shown: &[Outlet]) -> Result<Raw, String> {
        let mut watts = 0.0;
        for name in &self.read {
            let outlet = shown.iter().find(|outlet| outlet.name == *name);
            watts += outlet.ok_or_else(|| format!("the plug no longer shows channel {name}"))?.watts;
        }
        micro(watts).map(Raw::Gauge)
    }
}

impl Question for Outlets {
    fn ask(&self, line: &Line) -> Result<Raw, String> {
        self.sum(&self.way.outlets(&self.url, line, Some(&self.read))?)
    }
}
