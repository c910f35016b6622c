//! Several machines as a table: the sum first, then a line a machine; one that is away says so.

use std::fmt::Write as _;

use infercost_core::number::UNKNOWN;
use infercost_monitor::farm::{FarmView, MachineView};
use infercost_monitor::snapshot::Presence;

use super::wording::{money, number, per_million, share, stretch, tokens_per_second, watts};
use crate::output::terminal::plain;

/// The table, each line with its end.
pub(crate) fn render(view: &FarmView) -> String {
    let away = view.machines.iter().filter(|machine| !machine.presence.is_here()).count();
    let here = view.machines.len() - away;
    let mut text = format!(
        "{} {here} of {} machines answer · {} · {}\n",
        view.at.strftime("%H:%M:%S"),
        view.machines.len(),
        watts(&view.power_w, view.machines.iter().any(|machine| machine.power_estimated)),
        tokens_per_second(&view.output_tokens_per_s),
    );
    for machine in &view.machines {
        let _ = writeln!(text, "  {}", line(machine));
    }
    text
}

fn line(machine: &MachineView) -> String {
    let address = machine.address.split("://").nth(1).unwrap_or(&machine.address);
    let name = match &machine.name {
        Some(name) => plain(&format!("{name} ({address})")),
        None => plain(address),
    };
    if let Presence::Away { for_s, why } = &machine.presence {
        return format!("{name}: AWAY for {}: {}", stretch(*for_s), plain(why));
    }

    let mut parts = vec![
        watts(&machine.power_w, machine.power_estimated),
        tokens_per_second(&machine.output_tokens_per_s),
        per_million(&machine.joules_per_million),
        format!("{}/h", money(&machine.cost_per_hour, &plain(&machine.currency))),
        format!("idle {}", share(&machine.idle_share)),
        number(&machine.hottest_c, |celsius| format!("{celsius:.0} °C")),
    ];
    parts.retain(|part| part != UNKNOWN);
    if machine.alerts > 0 {
        parts.push(infercost_core::text::count(machine.alerts as u64, "alert"));
    }
    format!("{name}: {}", parts.join(" · "))
}
