//! Why readings are missing, each reason once.

use infercost_monitor::{Shown, Snapshot};
use ratatui_core::layout::Rect;
use ratatui_core::terminal::Frame;
use ratatui_core::text::Line;
use ratatui_widgets::paragraph::{Paragraph, Wrap};

use super::Styles;
use crate::output::terminal::plain;

/// A reading that is not there.
struct Gap {
    subject: String,
    readings: Vec<&'static str>,
    why: String,
}

pub(super) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, styles: Styles, area: Rect) {
    let mut lines = vec![Line::styled(" Not known, and why", styles.strong())];
    for gap in gaps(snapshot) {
        let text = format!(" {} {}: {}", gap.subject, gap.readings.join(", "), gap.why);
        lines.push(Line::styled(plain(&text), styles.faint()));
    }
    if lines.len() == 1 {
        lines.push(Line::styled(" everything is known", styles.faint()));
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
}

/// What is missing of devices and servers that are there; readings that share a reason share a line.
fn gaps(snapshot: &Snapshot) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = Vec::new();

    for device in snapshot.devices.iter().filter(|device| device.presence.is_here()) {
        for (reading, why) in [
            ("power", device.power_w.why()),
            ("temperature", device.temperature_c.why()),
            ("utilization", device.utilization.why()),
            ("memory", device.memory_used_b.why()),
            ("clock", device.clock_mhz.why()),
            ("throttling", device.throttling.why()),
        ] {
            add(&mut gaps, &device.name, reading, why);
        }
    }

    for server in snapshot.servers.iter().filter(|server| server.presence.is_here()) {
        for (reading, shown) in [
            ("tokens", &server.output_tokens),
            ("requests", &server.requests),
            ("running", &server.running),
            ("cache", &server.cache),
            ("TTFT", &server.first_token_s),
        ] {
            add(&mut gaps, &server.address, reading, Shown::why(shown));
        }
    }

    gaps
}

fn add(gaps: &mut Vec<Gap>, subject: &str, reading: &'static str, why: Option<&str>) {
    let Some(why) = why else { return };
    // that a package has no memory of its own is nothing to explain
    if why.ends_with("shows none") || why == "a meter shows energy alone" {
        return;
    }
    match gaps.iter_mut().find(|gap| gap.subject == subject && gap.why == why) {
        Some(gap) => gap.readings.push(reading),
        None => gaps.push(Gap { subject: subject.to_owned(), readings: vec![reading], why: why.to_owned() }),
    }
}
