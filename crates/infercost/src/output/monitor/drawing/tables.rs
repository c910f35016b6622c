//! Devices, servers and windows as tables.

use console::{Alignment, pad_str};
use infercost_core::number::{UNKNOWN, bytes};
use infercost_monitor::snapshot::{DeviceView, Presence, ServerView, WindowView};
use infercost_monitor::{Shown, Snapshot};
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;
use ratatui_core::terminal::Frame;
use ratatui_core::text::Line;
use ratatui_widgets::paragraph::Paragraph;

use super::Styles;
use crate::output::monitor::wording::{
    count, joules, money, number, per_million, share, stretch, tokens_per_second, watts,
};
use crate::output::terminal::plain;

/// From this width on there are more columns.
const WIDE: u16 = 120;

pub(super) fn devices(frame: &mut Frame<'_>, snapshot: &Snapshot, styles: Styles, area: Rect) {
    let is_wide = area.width >= WIDE;
    let mut heads = vec![" Device", "power", "temp", "util", "memory", "clock", "held down by"];
    let mut widths = vec![18, 8, 6, 6, 15, 8];
    if is_wide {
        heads = vec![
            " Device",
            "power",
            "limit",
            "energy",
            "temp",
            "util",
            "memory",
            "clock",
            "mem clock",
            "held down by",
            "processes",
        ];
        widths = vec![28, 9, 9, 10, 6, 7, 19, 9, 10, 24];
    }

    let mut rows = Vec::new();
    for device in &snapshot.devices {
        let cells = device_cells(device, is_wide);
        let is_throttled = device.throttling.value().is_some_and(|reasons| !reasons.is_empty());
        let style = match (&device.presence, is_throttled) {
            (Presence::Away { .. }, _) => styles.bad(),
            (Presence::Here, true) => styles.warning(),
            (Presence::Here, false) => Style::new(),
        };
        rows.push(Line::styled(line(&cells, &widths), style));
    }
    table(frame, styles, area, &heads, &widths, rows);
}

fn device_cells(device: &DeviceView, is_wide: bool) -> Vec<String> {
    let name = format!(" {}", plain(&device.name));
    if let Presence::Away { for_s, why } = &device.presence {
        return vec![name, format!("gone for {}: {}", stretch(*for_s), plain(why))];
    }

    let temperature = number(&device.temperature_c, |celsius| format!("{celsius:.0} °C"));
    let memory = match (device.memory_used_b.value(), device.memory_total_b.value()) {
        (Some(used), Some(total)) => format!("{}/{}", bytes(*used), bytes(*total)),
        (Some(used), None) => bytes(*used),
        (None, _) => UNKNOWN.to_owned(),
    };
    let throttling = number(&device.throttling, |reasons| match reasons.as_slice() {
        [] => "nothing".to_owned(),
        reasons => plain(&reasons.join(", ")),
    });
    let power = watts(&device.power_w, device.estimated);
    let busy = share(&device.utilization);
    let clock = megahertz(&device.clock_mhz);

    if !is_wide {
        return vec![name, power, temperature, busy, memory, clock, throttling];
    }
    let limit = watts(&device.power_limit_w, false);
    let energy = number(&device.energy_j, |energy| joules(*energy));
    let processes = number(&device.processes, |processes| {
        let words = processes.iter().map(|process| {
            let memory = process.memory_b.map_or_else(String::new, |held| format!(" {}", bytes(held)));
            format!("{} {}{memory}", process.pid, process.name)
        });
        plain(&words.collect::<Vec<_>>().join(", "))
    });
    let memory_clock = megahertz(&device.memory_clock_mhz);
    vec![name, power, limit, energy, temperature, busy, memory, clock, memory_clock, throttling, processes]
}

fn megahertz(shown: &Shown<f64>) -> String {
    number(shown, |mhz| format!("{mhz:.0} MHz"))
}

pub(super) fn servers(frame: &mut Frame<'_>, snapshot: &Snapshot, styles: Styles, area: Rect) {
    let is_wide = area.width >= WIDE;
    let mut heads = vec![" Server", "output", "run", "wait", "cache", "TTFT"];
    let mut widths = vec![32, 13, 5, 5, 8];
    if is_wide {
        heads = vec![
            " Server",
            "output",
            "last minute",
            "input",
            "run",
            "wait",
            "cache",
            "TTFT",
            "tokens",
            "requests",
            "model",
        ];
        widths = vec![36, 13, 13, 13, 5, 5, 8, 9, 10, 9];
    }

    let mut rows = Vec::new();
    for server in &snapshot.servers {
        let style = if server.presence.is_here() { Style::new() } else { styles.bad() };
        rows.push(Line::styled(line(&server_cells(server, is_wide), &widths), style));
    }
    if rows.is_empty() {
        rows.push(Line::styled(" none is watched: --server URL", styles.faint()));
    }
    table(frame, styles, area, &heads, &widths, rows);
}

fn server_cells(server: &ServerView, is_wide: bool) -> Vec<String> {
    let address = server.address.split("://").nth(1).unwrap_or(&server.address);
    let name = match &server.kind {
        Some(kind) => format!(" {} {kind}", plain(address)),
        None => format!(" {}", plain(address)),
    };
    if let Presence::Away { for_s, why } = &server.presence {
        return vec![name, format!("away {}: {}", stretch(*for_s), plain(why))];
    }

    let rate = tokens_per_second(&server.output_tokens_per_s);
    let (running, waiting) = (count(&server.running), count(&server.waiting));
    let cache = share(&server.cache);
    let first = number(&server.first_token_s, |seconds| infercost_core::number::seconds(*seconds));
    if !is_wide {
        return vec![name, rate, running, waiting, cache, first];
    }
    vec![
        name,
        rate,
        tokens_per_second(&server.output_tokens_per_s_minute),
        tokens_per_second(&server.input_tokens_per_s),
        running,
        waiting,
        cache,
        first,
        count(&server.output_tokens),
        count(&server.requests),
        plain(&server.models.join(", ")),
    ]
}

pub(super) fn windows(frame: &mut Frame<'_>, snapshot: &Snapshot, styles: Styles, area: Rect) {
    let heads = [" Last", "seen", "power", "output", "energy", "money/Mtok", "idle", "idle at"];
    let widths = [7, 7, 8, 11, 14, 12, 6];
    let mut rows = Vec::new();
    for window in &snapshot.windows {
        rows.push(Line::raw(line(&window_cells(window, snapshot), &widths)));
    }
    table(frame, styles, area, &heads, &widths, rows);
}

fn window_cells(window: &WindowView, snapshot: &Snapshot) -> Vec<String> {
    let name = if window.name == "now" { "10 s" } else { window.name.as_str() };
    vec![
        format!(" {name}"),
        stretch(window.seen_s),
        watts(&window.power_w, snapshot.power_estimated),
        tokens_per_second(&window.output_tokens_per_s),
        per_million(&window.joules_per_million),
        money(&window.money_per_million, &snapshot.money.currency),
        share(&window.idle_share),
        watts(&window.idle_w, snapshot.power_estimated),
    ]
}

/// A table below its heads; what does not fit is counted.
fn table(
    frame: &mut Frame<'_>,
    styles: Styles,
    area: Rect,
    heads: &[&str],
    widths: &[usize],
    rows: Vec<Line<'_>>,
) {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    let mut lines = vec![Line::styled(line(&heads, widths), styles.strong())];
    let fits = usize::from(area.height).saturating_sub(1);
    let more = rows.len().saturating_sub(fits);
    if more == 0 {
        lines.extend(rows);
    } else {
        let shown = fits.saturating_sub(1);
        let left_out = rows.len() - shown;
        lines.extend(rows.into_iter().take(shown));
        lines.push(Line::styled(format!(" … {left_out} more"), styles.faint()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// Cells in columns of these widths; the last cell takes what is left of the line, wherever it stands.
fn line(cells: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (place, cell) in cells.iter().enumerate() {
        match widths.get(place) {
            Some(width) if place + 1 < cells.len() => {
                text.push_str(&pad_str(cell, *width, Alignment::Left, Some("…")));
                text.push(' ');
            }
            _ => text.push_str(cell),
        }
    }
    text
}
