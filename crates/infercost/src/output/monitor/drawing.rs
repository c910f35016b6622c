//! How a snapshot is laid out in a terminal, from 60 × 16 on. More room shows more, and never other numbers.

mod missing;
mod tables;

use std::collections::VecDeque;

use infercost_monitor::farm::FarmView;
use infercost_monitor::{Shown, Snapshot};
use ratatui_core::layout::{Constraint, Layout, Rect};
use ratatui_core::style::{Color, Modifier, Style};
use ratatui_core::terminal::Frame;
use ratatui_core::text::{Line, Span};
use ratatui_widgets::paragraph::{Paragraph, Wrap};
use ratatui_widgets::sparkline::{Sparkline, SparklineBar};

use super::farm_text;
use super::wording::{money, per_million, share, stretch, tokens_per_second, watts};
use crate::output::terminal::{Stream, plain};

/// The smallest terminal that shows anything.
const SMALLEST: (u16, u16) = (60, 16);
/// From here on there is room for charts, and for why readings are missing.
const ROOMY: (u16, u16) = (100, 32);
/// Samples of a chart.
const MOST_SAMPLES: usize = 400;

/// What is remembered between two drawings.
#[derive(Debug)]
pub(crate) struct ViewState {
    /// Whether it is said why readings are missing, where there is no room for it otherwise.
    pub(crate) shows_why: bool,
    styles: Styles,
    power: VecDeque<Option<f64>>,
    tokens: VecDeque<Option<f64>>,
}

/// Colors, where the terminal may have them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Styles {
    has_color: bool,
}

impl Styles {
    fn colored(self, color: Color) -> Style {
        if self.has_color { Style::new().fg(color) } else { Style::new() }
    }

    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow)
    }

    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn good(self) -> Style {
        self.colored(Color::Green)
    }

    pub(super) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

impl ViewState {
    pub(crate) fn new() -> Self {
        let styles = Styles { has_color: Stream::Output.has_color() };
        Self { shows_why: false, styles, power: VecDeque::new(), tokens: VecDeque::new() }
    }

    /// Adds a snapshot to the charts.
    pub(crate) fn remember(&mut self, snapshot: &Snapshot) {
        let now = snapshot.window("now");
        let rate = now.and_then(|now| now.output_tokens_per_s.value().copied());
        for (chart, value) in [(&mut self.power, snapshot.power_w.value().copied()), (&mut self.tokens, rate)]
        {
            if chart.len() >= MOST_SAMPLES {
                chart.pop_front();
            }
            chart.push_back(value);
        }
    }
}

/// Lays out a snapshot.
pub(crate) fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, state: &ViewState) {
    let area = frame.area();
    let (width, height) = SMALLEST;
    if area.width < width || area.height < height {
        let text = format!(
            "This terminal has {} × {} characters; the view needs {width} × {height}. Make it larger, or use --lines. q ends.",
            area.width, area.height
        );
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }

    let is_roomy = area.width >= ROOMY.0 && area.height >= ROOMY.1;
    let rooms = rooms(snapshot, area, is_roomy);
    title(frame, snapshot, state, rooms.title);
    tables::devices(frame, snapshot, state.styles, rooms.devices);
    tables::servers(frame, snapshot, state.styles, rooms.servers);
    tables::windows(frame, snapshot, state.styles, rooms.windows);
    frame.render_widget(Paragraph::new(money_lines(snapshot, state.styles)), rooms.money);
    if is_roomy {
        charts(frame, state, rooms.charts);
    }

    if state.shows_why && !is_roomy {
        missing::draw(frame, snapshot, state.styles, rooms.happened);
    } else {
        happened(frame, snapshot, state.styles, rooms.happened);
    }
    if is_roomy {
        missing::draw(frame, snapshot, state.styles, rooms.missing);
    }
    let keys = if is_roomy { " q quit" } else { " q quit · w why readings are missing" };
    frame.render_widget(Line::styled(keys, state.styles.faint()), rooms.keys);
}

/// Lays out several machines: a line each, and what happened to them last.
pub(crate) fn draw_farm(frame: &mut Frame<'_>, view: &FarmView) {
    let mut text = farm_text::render(view);
    for event in view.events.iter().rev().take(3) {
        text.push_str(&format!("\n{} {}", event.at.strftime("%H:%M:%S"), plain(&event.text)));
    }
    text.push_str("\n\nq quit");
    frame.render_widget(Paragraph::new(text), frame.area());
}

/// Where everything stands.
struct Rooms {
    title: Rect,
    devices: Rect,
    servers: Rect,
    windows: Rect,
    money: Rect,
    charts: Rect,
    happened: Rect,
    missing: Rect,
    keys: Rect,
}

fn rooms(snapshot: &Snapshot, area: Rect, is_roomy: bool) -> Rooms {
    // A heading above each table; at least two lines stay for what happened.
    let fixed = 2 + 5 + 2 + 2 + 1 + if is_roomy { 6 + 6 } else { 0 };
    let free = area.height.saturating_sub(fixed);
    let servers = table_height(snapshot.servers.len()).min(free / 3).max(2);
    let devices = table_height(snapshot.devices.len()).min(free.saturating_sub(servers)).max(2);
    let roomy = if is_roomy { 6 } else { 0 };

    let [title, devices, servers, windows, money, charts, missing, happened, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(devices),
        Constraint::Length(servers),
        Constraint::Length(5),
        Constraint::Length(2),
        Constraint::Length(roomy),
        Constraint::Length(roomy),
        Constraint::Min(2),
        Constraint::Length(1),
    ])
    .areas(area);
    Rooms { title, devices, servers, windows, money, charts, happened, missing, keys }
}

/// Lines of a table with its heads; an empty one says so in a line.
fn table_height(rows: usize) -> u16 {
    u16::try_from(rows.max(1)).unwrap_or(u16::MAX).saturating_add(1)
}

/// The answer first: what it draws, what it makes of it, what that costs.
fn title(frame: &mut Frame<'_>, snapshot: &Snapshot, state: &ViewState, area: Rect) {
    let left = format!(" infercost monitor · {}", plain(&snapshot.machine));
    let right = format!("{} · since {} ", snapshot.at.strftime("%H:%M:%S UTC"), stretch(snapshot.running_s));
    let gap = usize::from(area.width).saturating_sub(left.chars().count() + right.chars().count());
    let first = Line::from(vec![
        Span::styled(left, state.styles.strong()),
        Span::raw(" ".repeat(gap)),
        Span::styled(right, state.styles.faint()),
    ]);

    let mut parts = vec![watts(&snapshot.power_w, snapshot.power_estimated)];
    if let Some(minute) = snapshot.window("minute") {
        parts.push(tokens_per_second(&minute.output_tokens_per_s));
        parts.push(per_million(&minute.joules_per_million));
        parts.push(format!("{}/Mtok", money(&minute.money_per_million, &snapshot.money.currency)));
        parts.push(format!("idle {}", share(&minute.idle_share)));
    }

    let second = Line::styled(format!(" {}", parts.join(" · ")), state.styles.strong());
    frame.render_widget(Paragraph::new(vec![first, second]), area);
}

fn money_lines(snapshot: &Snapshot, styles: Styles) -> Vec<Line<'static>> {
    let view = &snapshot.money;
    let currency = view.currency.as_str();
    let mut first = vec![
        Span::styled(" Money  ", styles.strong()),
        Span::raw(format!("cost {}/h", money(&view.cost_per_hour, currency))),
    ];
    if !view.left_out.is_empty() {
        let names: Vec<&str> = view.left_out.iter().filter_map(|part| part.split(':').next()).collect();
        first.push(Span::styled(format!(" without {}", plain(&names.join(", "))), styles.warning()));
    }
    if view.revenue_per_hour.value().is_some() {
        first.push(Span::raw(format!(" · revenue {}/h · ", money(&view.revenue_per_hour, currency))));
        first.push(match (&view.cost_share, &view.in_loss_zone) {
            (_, Shown::Value(true)) => {
                Span::styled(format!("LOSS ZONE {}", share(&view.cost_share)), styles.bad())
            }
            (_, Shown::Value(false)) => {
                Span::styled(format!("{} of revenue", share(&view.cost_share)), styles.good())
            }
            (_, Shown::Missing(_)) => Span::raw("share –"),
        });
    }
    if view.assumed {
        first.push(Span::styled(" · assumed prices", styles.warning()));
    }

    let waste = format!(
        "        idle waste {}/h · {} a month",
        money(&view.idle_waste_per_hour, currency),
        money(&view.idle_waste_per_month, currency)
    );
    vec![Line::from(first), Line::raw(waste)]
}

fn charts(frame: &mut Frame<'_>, state: &ViewState, area: Rect) {
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    chart(frame, state, left, " Power, W", &state.power);
    chart(frame, state, right, " Output tokens a second", &state.tokens);
}

/// A column for each sample; a gap where there was no reading.
fn chart(frame: &mut Frame<'_>, state: &ViewState, area: Rect, name: &str, samples: &VecDeque<Option<f64>>) {
    let [heading, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let shown = samples.iter().rev().take(usize::from(body.width.saturating_sub(2)));
    let highest = shown.clone().flatten().fold(0.0, |highest: f64, value| highest.max(*value));
    let top = infercost_core::number::significant(highest);
    frame.render_widget(Line::styled(format!("{name}, up to {top}"), state.styles.strong()), heading);

    // Bars are whole numbers; a thousandth of the highest is finer than any character.
    let scale = if highest > 0.0 { 1000.0 / highest } else { 0.0 };
    let mut bars: Vec<SparklineBar> =
        shown.map(|value| SparklineBar::from(value.map(|value| (value * scale) as u64))).collect();
    bars.reverse();
    frame.render_widget(Sparkline::default().data(bars).max(1000).style(state.styles.good()), body);
}

/// Alerts that are raised, then what happened last.
fn happened(frame: &mut Frame<'_>, snapshot: &Snapshot, styles: Styles, area: Rect) {
    let mut lines = Vec::new();
    for alert in &snapshot.alerts {
        let value = alert.value.map_or_else(|| "–".to_owned(), infercost_core::number::significant);
        let text = format!(" ALERT {} · {} is {value} · {}", alert.subject, alert.rule, stretch(alert.for_s));
        lines.push(Line::styled(plain(&text), styles.bad()));
    }
    for event in snapshot.events.iter().rev() {
        let style = if event.warning { styles.warning() } else { styles.faint() };
        lines.push(Line::styled(format!(" {} {}", event.at.strftime("%H:%M:%S"), plain(&event.text)), style));
    }
    if lines.is_empty() {
        lines.push(Line::styled(" nothing happened", styles.faint()));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

#[cfg(test)]
mod tests;
