//! A line an interval, for logs and pipes: the sum of the machine, and before it whatever happened.

use std::fmt::Write as _;

use infercost_core::number::UNKNOWN;
use infercost_monitor::Snapshot;
use infercost_monitor::snapshot::EventView;

use super::wording::{count, money, number, per_million, share, tokens_per_second, watts};
use crate::output::terminal::plain;

/// Remembers what was said already.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    last_event: Option<EventView>,
    said_why: bool,
}

impl Lines {
    /// The lines of a snapshot, each with its end.
    pub(crate) fn of(&mut self, snapshot: &Snapshot) -> String {
        let mut text = String::new();
        // Why there is no power is said once; a dash stands for it from then on.
        if let Some(why) = snapshot.power_w.why().filter(|_| !self.said_why && snapshot.running_s > 0.0) {
            let _ = writeln!(text, "! power is not known: {}", plain(why));
            self.said_why = true;
        }
        for event in self.new_events(&snapshot.events) {
            let mark = if event.warning { "! " } else { "" };
            let _ = writeln!(text, "{} {mark}{}", time(snapshot), plain(&event.text));
        }
        let _ = writeln!(text, "{}", line(snapshot));
        text
    }

    /// Events since the last snapshot. Old ones may have been dropped in between.
    fn new_events<'s>(&mut self, events: &'s [EventView]) -> &'s [EventView] {
        let known = self.last_event.as_ref().and_then(|last| events.iter().rposition(|event| event == last));
        let new = known.map_or(events, |place| events.get(place + 1..).unwrap_or_default());
        if let Some(last) = events.last() {
            self.last_event = Some(last.clone());
        }
        new
    }
}

fn time(snapshot: &Snapshot) -> String {
    snapshot.at.strftime("%H:%M:%S").to_string()
}

fn line(snapshot: &Snapshot) -> String {
    let mut parts =
        vec![format!("{} {}", time(snapshot), watts(&snapshot.power_w, snapshot.power_estimated))];

    for device in &snapshot.devices {
        let name = plain(&device.id);
        let name = if device.kind == "gpu" { short(&device.name) } else { name };
        if !device.presence.is_here() {
            parts.push(format!("{name} gone"));
            continue;
        }

        let mut known = vec![
            share(&device.utilization),
            number(&device.temperature_c, |celsius| format!("{celsius:.0} °C")),
        ];
        known.retain(|part| part != UNKNOWN);
        if !known.is_empty() {
            parts.push(format!("{name} {}", known.join(" ")));
        }
    }

    for server in &snapshot.servers {
        let name = plain(server.address.split("://").nth(1).unwrap_or(&server.address));
        parts.push(match server.presence.is_here() {
            false => format!("{name} away"),
            true => format!(
                "{name} {} running {} waiting {}",
                tokens_per_second(&server.output_tokens_per_s),
                count(&server.running),
                count(&server.waiting)
            ),
        });
    }

    if let Some(minute) = snapshot.window("minute") {
        if minute.joules_per_million.value().is_some() {
            parts.push(per_million(&minute.joules_per_million));
        }
        if minute.money_per_million.value().is_some() {
            parts.push(format!("{}/Mtok", money(&minute.money_per_million, &snapshot.money.currency)));
        }
        if minute.idle_share.value().is_some() {
            parts.push(format!("idle {}", share(&minute.idle_share)));
        }
    }
    if snapshot.money.cost_per_hour.value().is_some() {
        let assumed = if snapshot.money.assumed { " (assumed prices)" } else { "" };
        parts.push(format!("{}/h{assumed}", money(&snapshot.money.cost_per_hour, &snapshot.money.currency)));
    }
    parts.join(" · ")
}

fn short(name: &str) -> String {
    infercost_core::text::printable_up_to(name, 24).into_owned()
}
