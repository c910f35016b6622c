//! The answer of `infercost schedule`.

use std::fmt::Write as _;

use infercost_core::Estimate;
use infercost_economics::schedule::{Action, Schedule, Timers};
use infercost_economics::wording::plain as short;
use infercost_run::number::UNKNOWN;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::output::layout::{assumptions, estimate, head, share, styled, table};
use crate::output::terminal::{DOUBT, FAINT, STRONG, SUCCESS, plain};

/// The whole answer as text; times in `zone`.
pub(crate) fn render(plan: &Schedule, timers: &Timers, zone: &TimeZone) -> String {
    let at =
        |moment: Timestamp| moment.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %z").to_string();
    let mut text =
        head(&format!("When to run · {} · times of {}", plan.unit, plan.time_zone), &plan.findings);
    let rows = plan.blocks.iter().map(|block| {
        let action = match block.action {
            Action::Off => "wait",
            Action::Start | Action::Work => "work",
            Action::Idle => "pause, model loaded",
        };
        vec![at(block.start), at(block.stop), action.to_owned()]
    });
    text.push_str(&table(&["from", "until", ""], rows.collect(), false));
    let amount = |value: &Option<Estimate>, unit: &str| {
        value.as_ref().map_or(UNKNOWN.to_owned(), |found| format!("{} {unit}", estimate(found)))
    };
    let mean = |value: Option<f64>| {
        value.map_or(UNKNOWN.to_owned(), |value| format!("{} {}", short(value), plan.unit))
    };
    let rows = vec![
        vec!["work".to_owned(), format!("{} s", estimate(&plan.work_s)), String::new()],
        vec!["energy".to_owned(), amount(&plan.kilowatt_hours, "kWh"), String::new()],
        vec![
            "mean at work".to_owned(),
            mean(Some(plan.mean_at_work)),
            format!("now: {}", mean(plan.mean_now)),
        ],
        vec![
            "total".to_owned(),
            amount(&plan.total, &plan.total_unit),
            format!("now: {}", amount(&plan.total_now, &plan.total_unit)),
        ],
        vec![
            "saving".to_owned(),
            amount(&plan.saving, &plan.total_unit),
            plan.saving_share.as_ref().map_or(String::new(), share),
        ],
    ];
    let _ = write!(text, "\n{}", table(&[], rows, false));
    let _ = writeln!(text, "\n{}", faint("systemd, once:"));
    for line in &timers.systemd {
        let _ = writeln!(text, "  {}", plain(line));
    }

    let by = format!("cron, by this machine's clock ({}), to be removed afterwards:", timers.cron_zone);
    let _ = writeln!(text, "{}", faint(&by));
    for line in &timers.cron {
        let _ = writeln!(text, "  {}", plain(line));
    }

    text.push_str(&assumptions(&plan.assumptions));
    let style = if plan.more_than_noise == Some(true) { SUCCESS } else { DOUBT };
    let _ = writeln!(text, "\n{} {}", styled(style, "→"), styled(STRONG, &plain(&plan.why)));

    text
}

fn faint(line: &str) -> String {
    styled(FAINT, &plain(line))
}
