//! The answer of `infercost host`: what an inference costs each way.

use infercost_core::Estimate;
use infercost_core::economics::in_a_sentence;
use infercost_core::number::plain as short;
use infercost_core::text::percent;
use infercost_economics::bill::double;
use infercost_economics::hosting::{Hosting, OptionCost};
use infercost_run::number::{UNKNOWN, significant};

use crate::output::answer::{Answer, Cell, Section, Tone};
use crate::output::columns::Column;
use crate::output::layout::{estimate, share, thousand, thousand_estimate};

/// Hours of a mean month.
const HOURS_PER_MONTH: f64 = 8760.0 / 12.0;

/// The answer; `hours_per_day` is how long there are requests.
pub(crate) fn answer(hosting: &Hosting, hours_per_day: f64) -> Answer {
    let mut answer = Answer {
        tone: if hosting.open { Tone::Doubt } else { Tone::Good },
        headline: headline(hosting),
        subject: format!(
            "{} · {} requests an hour · one machine answers {}",
            hosting.name,
            short(hosting.requests_per_hour),
            estimate(&hosting.capacity_per_hour)
        ),
        table: costs(hosting, hours_per_day),
        ..Answer::default()
    };

    answer.explain(Section::lines("left out", left_out(hosting)));
    answer.explain(Section::table("parts", parts(hosting)));
    answer.explain(Section::table("by utilization", by_utilization(hosting)));
    answer.explain(Section::table("break-evens", break_evens(hosting)));
    answer.explain(Section::table("what moves it", sensitivity(hosting)));
    answer.assume(&hosting.assumptions);
    answer.with_findings(&hosting.findings)
}

/// Who is cheapest, and by how much.
fn headline(hosting: &Hosting) -> String {
    let known: Vec<&OptionCost> = hosting.ways.iter().filter(|way| way.per_inference.is_some()).collect();
    let why = hosting.why.to_string();
    let (Some(first), Some(second), 1) = (known.first(), known.get(1), hosting.cheapest.len()) else {
        return why;
    };
    let costs = first.per_inference.zip(second.per_inference);
    let less = costs.map(|(best, next)| 1.0 - best.point / next.point);
    match less {
        Some(less) if !hosting.open => {
            // what the other leaves out could only make it costlier
            let least = if second.bill.left_out.is_empty() { "" } else { "at least " };
            format!("{why}, {least}{} less than {}", percent(less), in_a_sentence(&second.name))
        }
        _ => why,
    }
}

fn costs(hosting: &Hosting, hours_per_day: f64) -> Vec<Column> {
    let currency = hosting.currency;
    let monthly = HOURS_PER_MONTH * hours_per_day / 24.0;
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    let mut thousands = Vec::new();
    let mut more = Vec::new();
    let mut months = Vec::new();
    let mut hours = Vec::new();
    let mut machines = Vec::new();
    let mut used = Vec::new();
    let mut each = Vec::new();
    for way in &hosting.ways {
        names.push(Cell::words(way.name.clone()));
        kinds.push(Cell::words(way.kind));
        let thousand = way.per_inference.map(|cost| cost.map(|cost| 1000.0 * cost));
        thousands.push(Cell::estimate(thousand.as_ref(), estimate));
        more.push(over_the_cheapest(way));
        let month = way.per_hour.map(|cost| cost.map(|cost| monthly * cost));
        months.push(Cell::estimate(month.as_ref(), |cost| significant(cost.point)));
        hours.push(Cell::estimate(way.per_hour.as_ref(), estimate));
        machines.push(Cell::maybe(way.machines.map(f64::from), |count| format!("{count}")));
        used.push(Cell::maybe(way.utilization, percent));
        each.push(Cell::estimate(way.per_inference.as_ref(), |cost| significant(cost.point)));
    }

    vec![
        Column::left("way", 0, names),
        Column::left("kind", 2, kinds),
        Column::right(format!("{currency}/1,000"), 0, thousands),
        Column::right("over the cheapest", 3, more),
        Column::right(format!("{currency}/month"), 1, months),
        Column::right("machines", 4, machines),
        Column::right("used", 5, used),
        Column::right(format!("{currency}/hour"), 6, hours),
        Column::right(format!("{currency}/inference"), 7, each),
    ]
}

fn over_the_cheapest(way: &OptionCost) -> Cell {
    match (&way.more_than_best, way.tie) {
        (Some(_), true) => Cell::words("tie"),
        (Some(more), false) => {
            let thousand = more.map(|amount| 1000.0 * amount);
            Cell::estimate(Some(&thousand), |_| format!("+{}", thousand_estimate(more)))
        }
        (None, _) if way.per_inference.is_some() => Cell::words("cheapest"),
        (None, _) => Cell::Unknown,
    }
}

fn left_out(hosting: &Hosting) -> Vec<String> {
    let mut lines = Vec::new();
    for way in &hosting.ways {
        for (part, why) in way.bill.left_out.iter() {
            lines.push(format!("{} leaves out {part}: {why}", way.name));
        }
    }
    lines
}

fn parts(hosting: &Hosting) -> Vec<Column> {
    let mut names = Vec::new();
    let mut sums = Vec::new();
    for way in &hosting.ways {
        let parts = way.bill.parts.iter();
        let parts: Vec<String> =
            parts.map(|part| format!("{} {}", part.name, thousand(double(part.amount)))).collect();
        names.push(Cell::words(way.name.clone()));
        sums.push(Cell::words(parts.join(" + ")));
    }
    vec![Column::left("way", 0, names), Column::left(format!("{} of 1,000", hosting.currency), 0, sums)]
}

/// The cost where one machine is used so much.
fn by_utilization(hosting: &Hosting) -> Vec<Column> {
    let names = hosting.ways.iter().map(|way| Cell::words(way.name.clone())).collect();
    let mut table = vec![Column::left(format!("{}/1,000, one machine used", hosting.currency), 0, names)];
    for (index, header) in ["10 %", "30 %", "60 %", "100 %"].into_iter().enumerate() {
        let mut cells = Vec::new();
        for way in &hosting.ways {
            let cost = way.by_utilization.get(index).copied().flatten();
            cells.push(Cell::maybe(cost, thousand));
        }
        table.push(Column::right(header, 0, cells));
    }
    table
}

/// Against what owning is held, and with which machines: as the costs count them, where a load is given.
fn owning(hosting: &Hosting) -> String {
    let load = hosting.ways.iter().find_map(|way| way.own_cheaper_from.as_ref());
    match load.map(|load| load.planned_utilization) {
        Some(planned) if planned < 1.0 => format!("own, used up to {}, against", percent(planned)),
        _ => "own, used to the full, against".to_owned(),
    }
}

fn break_evens(hosting: &Hosting) -> Vec<Column> {
    let mut names = Vec::new();
    let mut from = Vec::new();
    let mut paid = Vec::new();
    for way in &hosting.ways {
        let Some(load) = &way.own_cheaper_from else { continue };
        names.push(Cell::words(way.name.clone()));
        from.push(Cell::words(match (&load.requests_per_hour, &load.utilization) {
            (Some(requests), Some(used)) => {
                let again = load.reason.0.as_ref().map_or_else(String::new, |again| format!(", {again}"));
                format!("{} requests/h, {} used{again}", estimate(requests), share(used))
            }
            _ => format!("{UNKNOWN} {}", load.reason.sentence()),
        }));
        paid.push(payback(way));
    }
    vec![
        Column::left(owning(hosting), 0, names),
        Column::left("is cheaper from", 0, from),
        Column::left("pays back after", 0, paid),
    ]
}

fn months(months: &Estimate) -> String {
    format!("{} months", estimate(months))
}

fn payback(way: &OptionCost) -> Cell {
    let Some(payback) = &way.own_pays_back else { return Cell::Unknown };
    Cell::words(match &payback.months {
        Some(time) if payback.reason.0.is_none() => months(time),
        Some(time) => format!("{}, {}", months(time), payback.reason.sentence()),
        None => format!("{UNKNOWN} {}", payback.reason.sentence()),
    })
}

fn sensitivity(hosting: &Hosting) -> Vec<Column> {
    let mut words = Vec::new();
    let mut cheapest = Vec::new();
    for after in &hosting.sensitivity {
        words.push(Cell::words(after.words));
        cheapest.push(if after.cheapest.is_empty() {
            Cell::Unknown
        } else {
            Cell::words(after.cheapest.join(" = "))
        });
    }
    vec![Column::left("if", 0, words), Column::left("the cheapest is", 0, cheapest)]
}
