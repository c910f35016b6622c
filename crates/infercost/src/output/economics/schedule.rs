//! The answer of `infercost schedule`: when to run a job.

use infercost_core::Estimate;
use infercost_core::number::plain as short;
use infercost_economics::schedule::{Action, Schedule, Timers};
use infercost_run::number::UNKNOWN;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::layout::{estimate, share};

/// The answer; times in `zone`.
pub(crate) fn answer(plan: &Schedule, timers: &Timers, zone: &TimeZone) -> Answer {
    let mut answer = Answer {
        tone: if plan.more_than_noise == Some(true) { Tone::Good } else { Tone::Doubt },
        headline: plan.why.to_string(),
        subject: format!("{} · times of {}", plan.unit, plan.time_zone),
        table: blocks(plan, zone),
        steps: timers.systemd.clone(),
        ..Answer::default()
    };

    answer.explain(Section::table("totals", totals(plan)));
    let by = format!("cron, by this machine's clock ({}), to be removed afterwards", timers.cron_zone);
    answer.explain(Section::lines(by, timers.cron.clone()));
    answer.assume(&plan.assumptions);
    answer.topics = ["totals", "cron", "assumptions"].map(str::to_owned).to_vec();
    answer.with_findings(&plan.findings)
}

fn blocks(plan: &Schedule, zone: &TimeZone) -> Vec<Column> {
    let at = |moment: Timestamp| {
        let local = moment.to_zoned(zone.clone());
        let form = if local.second() == 0 { "%Y-%m-%d %H:%M %z" } else { "%Y-%m-%d %H:%M:%S %z" };
        local.strftime(form).to_string()
    };
    let mut from = Vec::new();
    let mut until = Vec::new();
    let mut actions = Vec::new();
    for block in &plan.blocks {
        from.push(Cell::words(at(block.start)));
        until.push(Cell::words(at(block.stop)));
        actions.push(Cell::words(match block.action {
            Action::Off => "wait",
            Action::Start | Action::Work => "work",
            Action::Idle => "pause, model loaded",
        }));
    }
    vec![Column::left("from", 0, from), Column::left("until", 0, until), Column::left("do", 0, actions)]
}

fn totals(plan: &Schedule) -> Vec<Column> {
    let amount = |value: &Option<Estimate>, unit: &str| {
        value.as_ref().map_or(UNKNOWN.to_owned(), |found| format!("{} {unit}", estimate(found)))
    };
    let mean = |value: Option<f64>| {
        value.map_or(UNKNOWN.to_owned(), |value| format!("{} {}", short(value), plan.unit))
    };
    let saved = plan.saving_share.as_ref().map_or_else(String::new, share);
    let rows = [
        ["work".to_owned(), format!("{} s", estimate(&plan.work_s)), String::new()],
        ["energy".to_owned(), amount(&plan.kilowatt_hours, "kWh"), String::new()],
        ["mean at work".to_owned(), mean(Some(plan.mean_at_work)), mean(plan.mean_now)],
        [
            "total".to_owned(),
            amount(&plan.total, &plan.total_unit),
            amount(&plan.total_now, &plan.total_unit),
        ],
        ["saving".to_owned(), amount(&plan.saving, &plan.total_unit), saved],
    ];

    let mut columns: [Vec<Cell>; 3] = Default::default();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(Cell::words(cell));
        }
    }
    let [names, planned, now] = columns;
    vec![Column::left("", 0, names), Column::left("as planned", 0, planned), Column::left("run now", 0, now)]
}
