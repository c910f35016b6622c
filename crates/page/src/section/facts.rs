//! What the numbers rest on: cautions, prices, machine, and what ran.

use infercost_core::Finding;
use infercost_core::price::Price;
use infercost_core::report::Report;

use crate::figures::{UNKNOWN, bytes, percent, significant};
use crate::section::{Cell, Column, Fact, Names, Table};

/// What must be read with the numbers, most important first.
pub(crate) fn cautions(report: &Report) -> Vec<String> {
    report.findings.iter().map(Finding::sentence).collect()
}

/// Every price with its source and date.
pub(crate) fn prices(report: &Report) -> Table {
    let mut table = Table::new("price", &["amount"]);
    for name in ["unit", "source", "date"] {
        table.columns.push(Column { name: name.to_owned(), number: false });
    }

    for price in report.prices.iter().filter(|_| report.machines.is_empty()) {
        table.rows.push(price_row(price, price.name.clone()));
    }
    for machine in &report.machines {
        for price in machine.price_book.prices() {
            table.rows.push(price_row(price, format!("{} of {}", price.name, machine.name)));
        }
    }
    table
}

fn price_row(price: &Price, name: String) -> Vec<Cell> {
    vec![
        Cell::text(name),
        Cell::text(format!("{} {}", price.value, price.currency)),
        Cell::text(format!("per {}", price.unit)),
        Cell::text(price.source.clone()),
        Cell::text(price.date.to_string()),
    ]
}

/// The machine, and the assumptions that turn its hours into money; of several machines a line each.
pub(crate) fn machine(report: &Report) -> Vec<Fact> {
    let machine = &report.machine;
    let mut facts = Vec::new();
    if !report.machines.is_empty() {
        for machine in &report.machines {
            let hardware = machine.facts.hardware().unwrap_or_else(|| UNKNOWN.to_owned());
            let used = percent(machine.price_book.utilization);
            facts.push(Fact::new(&machine.name, format!("{hardware}, used in {used} of its hours")));
        }
        return facts;
    }

    let mut add = |name: &str, value: Option<String>| {
        facts.push(Fact::new(name, value.unwrap_or_else(|| UNKNOWN.to_owned())));
    };

    add("CPU", machine.cpu.clone());
    add("Logical cores", machine.cores.map(|cores| cores.to_string()));
    add("Memory", machine.memory.map(|size| bytes(size.0)));
    add("Memory bandwidth", machine.memory_bandwidth.map(|rate| format!("{} GB/s", significant(rate / 1e9))));
    add("GPUs", Some(if machine.gpus.is_empty() { "none".to_owned() } else { machine.gpus.join(", ") }));
    add("Operating system", machine.os.clone());
    add("Virtualization", machine.virtualization.clone());
    add("Load average at the start", machine.load_average.map(significant));
    add("CPU time stolen by the hypervisor", machine.steal_share.map(percent));
    add("Utilization", Some(percent(report.price_book.utilization)));
    let assumed = if report.price_book.pue_assumed { " (assumed: nobody says it)" } else { "" };
    add("PUE", Some(format!("{}{assumed}", significant(report.price_book.pue))));
    facts
}

/// What ran, variant by variant.
pub(crate) fn provenance(report: &Report, names: &Names) -> Table {
    let mut table = Table::new("variant", &["size", "threads"]);
    for name in ["engine", "build", "device", "weights", "provenance"] {
        table.columns.push(Column { name: name.to_owned(), number: false });
    }

    for (place, candidate) in report.candidates.iter().enumerate() {
        let engine = &candidate.engine;
        let size = engine.file_size.map(|size| size.0);
        let weights = engine.weights_sha256.as_deref().map_or_else(|| UNKNOWN.to_owned(), shortened);
        table.rows.push(vec![
            Cell::text(names.at(place).unwrap_or_default()),
            Cell {
                text: size.map_or_else(|| UNKNOWN.to_owned(), bytes),
                key: size.map(|size| size as f64),
                class: "",
            },
            Cell::number(engine.threads.map(f64::from), significant),
            Cell::text(format!("{} {}", engine.engine, engine.version)),
            Cell::text(engine.build_flags.clone()),
            Cell::text(engine.device.clone()),
            Cell::text(weights),
            Cell::text(candidate.provenance.to_string()),
        ]);
    }
    table
}

/// The beginning of a hash: enough to compare by eye.
fn shortened(hash: &str) -> String {
    hash.chars().take(16).collect()
}
