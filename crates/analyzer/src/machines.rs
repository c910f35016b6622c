//! The machines that runs come from: a machine is a part of what is compared, as weights and engine are.
//!
//! [`separate_machines`] makes its name a part of every variant's, `tiny/q8_0 on RTX 4090`, and a report refuses runs of
//! several machines without that. So no two machines' seconds, joules or prices can meet in one variant. Runs of one
//! machine stay as they are.

use std::collections::BTreeMap;

use infercost_core::price::PriceBook;
use infercost_core::report::MachineReport;
use infercost_core::{MachineFacts, RunHeader, RunId, RunRecord, VariantId};

/// The prices of one machine.
#[derive(Debug, Clone, PartialEq)]
pub struct MachinePrices {
    /// The machine's name, as [`Machines`] gives it.
    pub machine: String,
    /// Its prices.
    pub prices: PriceBook,
}

/// One machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// What it is called; no other of the runs' machines has the name.
    pub name: String,
    /// What the first of its runs recorded of it.
    pub facts: MachineFacts,
    /// The host that answers where all its runs' models are served from elsewhere.
    pub server: Option<String>,
    /// Its runs, by their places.
    pub runs: Vec<usize>,
}

/// All machines of some runs, in the order met.
#[derive(Debug, Clone, PartialEq)]
pub struct Machines {
    all: Vec<Machine>,
    /// The place of each run's machine.
    of_run: Vec<usize>,
}

impl Machines {
    /// The machines of these runs. A run that recorded nothing of its machine has one of its own.
    pub fn of(runs: &[RunRecord]) -> Self {
        let mut all: Vec<Machine> = Vec::new();
        let mut of_run = Vec::with_capacity(runs.len());
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut names: BTreeMap<String, usize> = BTreeMap::new();

        for (place, run) in runs.iter().enumerate() {
            let server = server(&run.header);
            let facts = &run.header.machine;
            let identity = facts.identity().map(|identity| format!("{identity}|{server:?}"));

            if let Some(known) = identity.as_ref().and_then(|identity| known.get(identity)).copied() {
                of_run.push(known);
                if let Some(machine) = all.get_mut(known) {
                    machine.runs.push(place);
                }
                continue;
            }

            let name = match (&server, &facts.label) {
                (Some(host), None) => shown_host(host),
                _ => facts.name(),
            };
            if let Some(identity) = identity {
                known.insert(identity, all.len());
            }
            of_run.push(all.len());
            all.push(Machine {
                name: free_name(name, facts, &mut names),
                facts: MachineFacts { host: None, ..facts.clone() },
                server,
                runs: vec![place],
            });
        }

        Self { all, of_run }
    }

    /// All of them.
    pub fn all(&self) -> &[Machine] {
        &self.all
    }

    /// True where there is more than one.
    pub fn are_several(&self) -> bool {
        self.all.len() > 1
    }

    /// The place of a run's machine.
    pub fn of_run(&self, run: usize) -> usize {
        self.of_run.get(run).copied().unwrap_or(0)
    }

    /// The place of the machine behind a variant's name; the first where there is one alone.
    pub fn of_variant(&self, variant: &VariantId) -> usize {
        let mut found = 0;
        let mut longest = 0;

        // a label may end as another does
        for (place, machine) in self.all.iter().enumerate() {
            if is_on(variant, &machine.name) && machine.name.len() > longest {
                (found, longest) = (place, machine.name.len());
            }
        }
        found
    }

    /// The first run with a variant that does not name its machine; `None` where nothing is mixed up.
    pub(crate) fn unnamed<'r>(&self, runs: &'r [RunRecord]) -> Option<(&'r VariantId, &'r RunId)> {
        if !self.are_several() {
            return None;
        }

        for (place, run) in runs.iter().enumerate() {
            let machine = self.all.get(self.of_run(place))?;
            let mut variants = run.header.variants.iter();
            if let Some(variant) = variants.find(|variant| !is_on(&variant.id, &machine.name)) {
                return Some((&variant.id, &run.header.id));
            }
        }
        None
    }

    /// The machines as a report shows them; empty where there is one alone.
    pub(crate) fn reports(&self, runs: &[RunRecord], books: &[PriceBook]) -> Vec<MachineReport> {
        let mut reports = Vec::new();
        if !self.are_several() {
            return reports;
        }

        for (machine, book) in self.all.iter().zip(books) {
            let own = machine.runs.iter().filter_map(|run| runs.get(*run));
            reports.push(MachineReport {
                name: machine.name.clone(),
                facts: machine.facts.clone(),
                run_ids: own.map(|run| run.header.id.clone()).collect(),
                price_book: book.clone(),
            });
        }
        reports
    }
}

/// Makes the machine a part of every variant's name, where the runs come from several machines.
pub fn separate_machines(runs: &mut [RunRecord]) {
    let machines = Machines::of(runs);
    if machines.unnamed(runs).is_none() {
        return;
    }

    let names: Vec<String> = (0..runs.len())
        .map(|run| {
            machines.all.get(machines.of_run(run)).map(|machine| machine.name.clone()).unwrap_or_default()
        })
        .collect();
    for (run, name) in runs.iter_mut().zip(names) {
        rename(run, &name);
    }
}

fn rename(run: &mut RunRecord, machine: &str) {
    run.header.baseline = on(&run.header.baseline, machine);
    for variant in &mut run.header.variants {
        variant.id = on(&variant.id, machine);
    }
    for load in &mut run.loads {
        load.variant = on(&load.variant, machine);
    }
    for window in &mut run.windows {
        window.id.variant = on(&window.id.variant, machine);
    }
    for evaluation in &mut run.evaluations {
        evaluation.variant = on(&evaluation.variant, machine);
    }
}

/// A variant on a machine: `tiny/q8_0 on RTX 4090`.
pub fn on(variant: &VariantId, machine: &str) -> VariantId {
    VariantId::from(format!("{variant} on {machine}"))
}

fn is_on(variant: &VariantId, machine: &str) -> bool {
    variant.as_str().strip_suffix(machine).is_some_and(|front| front.ends_with(" on "))
}

/// The host that all models of a run are served from; `None` where any works on the run's own machine, or there are
/// several hosts.
pub fn server(header: &RunHeader) -> Option<String> {
    let mut hosts = header.variants.iter().map(|variant| variant.provenance.other_machine());
    let first = hosts.next()??;
    hosts.all(|host| host.as_ref() == Some(&first)).then_some(first)
}

/// A host's name where a variant's name goes on with it.
fn shown_host(host: &str) -> String {
    infercost_core::text::printable_up_to(host, 40).replace('/', "-")
}

/// The name where it is free; else with the beginning of the machine's id, or with a number.
fn free_name(name: String, facts: &MachineFacts, taken: &mut BTreeMap<String, usize>) -> String {
    let id = facts.id.as_deref().and_then(|id| id.get(..6)).filter(|id| id.is_ascii());
    let mut free = name.clone();

    if taken.contains_key(&free)
        && let Some(id) = id
    {
        free = format!("{name} ({})", infercost_core::text::printable(id).replace('/', "-"));
    }
    while taken.contains_key(&free) {
        let count = taken.entry(name.clone()).or_insert(1);
        *count += 1;
        free = format!("{name} #{count}");
    }

    taken.insert(free.clone(), 1);
    free
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails the test")]

    use infercost_core::testing::made_up_run;

    use super::*;

    fn run(id: &str, facts: MachineFacts) -> RunRecord {
        let book = serde_json::from_str(
            r#"{"name":"b","assumed":false,"currency":"EUR","electricity":null,"hardware":null,"operation":null,
                "utilization":1.0,"pue":1.0}"#,
        );
        let mut header = made_up_run::header(book.unwrap());
        header.id = RunId::from(id);
        header.machine = facts;
        RunRecord {
            header,
            loads: Vec::new(),
            idles: Vec::new(),
            windows: Vec::new(),
            evaluations: Vec::new(),
            finished_at: None,
        }
    }

    fn gpu(id: &str, name: &str) -> MachineFacts {
        MachineFacts { id: Some(id.to_owned()), gpus: vec![name.to_owned()], ..MachineFacts::default() }
    }

    #[test]
    fn names_are_each_machines_own() {
        let labeled = MachineFacts { label: Some("L4".to_owned()), ..gpu("cccccccc", "L4") };
        let runs = [
            run("1", gpu("aaaaaaaa", "NVIDIA L4")),
            run("2", gpu("bbbbbbbb", "NVIDIA L4")),
            run("3", gpu("aaaaaaaa", "NVIDIA L4")),
            run("4", labeled),
            run("5", MachineFacts::default()),
            run("6", MachineFacts::default()),
        ];
        let machines = Machines::of(&runs);
        let names: Vec<&str> = machines.all().iter().map(|machine| machine.name.as_str()).collect();
        assert_eq!(names, ["L4", "L4 (bbbbbb)", "L4 (cccccc)", "unknown machine", "unknown machine #2"]);
        assert_eq!(machines.all()[0].runs, [0, 2]);
    }

    #[test]
    fn separation_names_everything_once() {
        let mut runs = [run("1", gpu("a", "NVIDIA L4")), run("2", gpu("b", "NVIDIA H100"))];
        separate_machines(&mut runs);
        separate_machines(&mut runs);
        let names: Vec<&str> = runs.iter().map(|run| run.header.baseline.as_str()).collect();
        assert_eq!(names, ["tiny/full on L4", "tiny/full on H100"]);
        assert_eq!(runs[1].header.variants[0].id.variant_name(), "full on H100");
        assert_eq!(Machines::of(&runs).of_variant(&runs[1].header.baseline), 1);

        let mut alone = [run("1", gpu("a", "NVIDIA L4")), run("2", gpu("a", "NVIDIA L4"))];
        separate_machines(&mut alone);
        assert_eq!(alone[1].header.baseline.as_str(), "tiny/full");
    }
}
