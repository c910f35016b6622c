//! The machine a run was made on.

use serde::{Deserialize, Serialize};

use crate::text::{count, printable_up_to};
use crate::units::{Bytes, Watts};

/// Longest name of a machine that is shown, in characters.
const LONGEST_NAME: usize = 40;
/// Words that make another product of the name before them.
const OTHER_PRODUCT: [&str; 8] = ["ti", "super", "laptop", "mobile", "max", "d", "ada", "x"];
/// Words of a product's name that tell no product from another.
const EMPTY_WORDS: [&str; 10] =
    ["NVIDIA", "GeForce", "AMD", "Intel", "Intel(R)", "Core(TM)", "Genuine", "CPU", "Processor", "Graphics"];

/// Facts about a machine that bear on speed and energy; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineFacts {
    /// What tells it from every other machine: 16 hex digits of a hash over the identity that the system has, its host
    /// name, its CPU's model and its GPUs' identities. `None` in runs of before there was one, and where the system
    /// tells nothing of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What its user calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its host name; `None` where a label stands in for it, or nobody may know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// CPU model as the machine names it.
    pub cpu: Option<String>,
    /// Logical cores that this process may use.
    pub cores: Option<u32>,
    /// Main memory.
    pub memory: Option<Bytes>,
    /// Bytes per second that all cores together read from main memory, measured.
    pub memory_bandwidth: Option<f64>,
    /// GPU names.
    pub gpus: Vec<String>,
    /// Operating system and kernel.
    pub os: Option<String>,
    /// `kvm`, `container`, … or `None` on bare metal or where unknown.
    pub virtualization: Option<String>,
    /// CPU frequency governor.
    pub governor: Option<String>,
    /// One-minute load average when the run began.
    pub load_average: Option<f64>,
    /// Share of CPU time that the hypervisor gave to others while the run lasted, 0 to 1.
    pub steal_share: Option<f64>,
    /// What this run's meter is to a wall meter, where that was fitted before.
    pub wall_factor: Option<WallFactor>,
}

impl MachineFacts {
    /// Equal for runs of one machine and for no others. A label is its user's word that hardware of one kind is one
    /// machine; without one the id decides, and in runs of before there was an id what they recorded of the hardware.
    /// `None` where nothing was recorded: such a machine may be any.
    pub fn identity(&self) -> Option<String> {
        let hardware = format!("{}|{}", self.cpu.as_deref().unwrap_or_default(), self.gpus.join("|"));

        if let Some(label) = &self.label {
            return Some(format!("label {label}|{hardware}"));
        }
        if let Some(id) = &self.id {
            return Some(format!("id {id}"));
        }
        if self.cpu.is_none() && self.gpus.is_empty() {
            return None;
        }

        let memory = self.memory.map(|memory| memory.0);
        Some(format!("facts {hardware}|{:?}|{memory:?}", self.cores))
    }

    /// What it is called: its label, else its GPUs, else its CPU; fit to be shown, and to stand behind a variant's
    /// name. The host name is private and is not among them.
    pub fn name(&self) -> String {
        let name = match (&self.label, self.gpus.first(), &self.cpu) {
            (Some(label), _, _) => label.clone(),
            (None, Some(gpu), _) => several(self.gpus.len(), &product(gpu)),
            (None, None, Some(cpu)) => product(cpu),
            (None, None, None) => "unknown machine".to_owned(),
        };
        printable_up_to(name.trim(), LONGEST_NAME).replace('/', "-")
    }

    /// The CPU and how much of it there is: `AMD EPYC, 2 logical cores`. Not `2 × AMD EPYC`, which reads as two sockets.
    pub fn processor(&self) -> String {
        let cpu = self.cpu.as_deref().unwrap_or("unknown CPU");
        match self.cores {
            Some(cores) => format!("{cpu}, {}", count(cores.into(), "logical core")),
            None => cpu.to_owned(),
        }
    }

    /// CPU and GPUs in full; `None` where neither is known.
    pub fn hardware(&self) -> Option<String> {
        let parts: Vec<&str> = self.cpu.iter().chain(&self.gpus).map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// True where a GPU is of this product, by whole words of its name in whatever case: `rtx 4090` is an
    /// `NVIDIA GeForce RTX 4090`, `A10` is no `A100`, and `RTX 4090` no `RTX 4090 Laptop GPU`.
    pub fn has_gpu(&self, product: &str) -> bool {
        let wanted = words(product);
        !wanted.is_empty() && self.gpus.iter().any(|gpu| is_product(&words(gpu), &wanted))
    }
}

/// True where the wanted words stand side by side, and none behind them makes another product.
fn is_product(name: &[String], wanted: &[String]) -> bool {
    let starts = 0..=name.len().saturating_sub(wanted.len());
    starts.into_iter().any(|start| {
        let rest = name.get(start..).unwrap_or_default();
        let behind = rest.get(wanted.len());
        rest.starts_with(wanted) && behind.is_none_or(|word| !OTHER_PRODUCT.contains(&word.as_str()))
    })
}

/// `RTX 4090`, `2 × RTX 4090`.
fn several(number: usize, one: &str) -> String {
    if number < 2 { one.to_owned() } else { format!("{number} × {one}") }
}

/// A product's name without what every product of its maker has: `RTX 4090`, `Xeon(R) Platinum 8488C`.
fn product(name: &str) -> String {
    let before_clock = name.split('@').next().unwrap_or(name);
    let words = before_clock.split_whitespace().filter(|word| !EMPTY_WORDS.contains(word));
    let short = words.collect::<Vec<_>>().join(" ").replace("(R)", "").replace("(TM)", "");
    if short.is_empty() { name.to_owned() } else { short }
}

/// Words in lower case, numbers apart: `RTX4090` and `rtx 4090` are the same two.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = None;

    for character in text.chars().flat_map(char::to_lowercase) {
        let kind = (character.is_alphabetic(), character.is_numeric());
        if kind != (false, false) {
            match words.last_mut().filter(|_| last == Some(kind)) {
                Some(word) => word.push(character),
                None => words.push(character.to_string()),
            }
        }
        last = Some(kind);
    }
    words
}

/// A line fitted between the machine's own meter and a wall meter: wall = factor × host + offset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WallFactor {
    /// Wall joules for each joule of the machine's own meter: losses of the power supply, and what follows the load.
    pub factor: f64,
    /// Power at the wall that the machine's own meter does not see.
    pub offset: Watts,
    /// Root mean square of what the line misses, as a share of the mean wall power.
    pub residual: f64,
    /// Windows behind the fit.
    pub windows: u32,
    /// When it was fitted.
    pub date: jiff::civil::Date,
    /// The machine's own meter, in its own words; the factor holds for no other.
    pub host: String,
    /// The wall meter, in its own words.
    pub wall: String,
}

impl WallFactor {
    /// True where the numbers can be those of a machine: they come from a file.
    pub fn is_sound(&self) -> bool {
        let watts = self.offset.get();
        (0.1..=10.0).contains(&self.factor) && watts.is_finite() && watts.abs() <= 1e5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpus(names: &[&str]) -> MachineFacts {
        let gpus = names.iter().map(|name| (*name).to_owned()).collect();
        MachineFacts { gpus, ..MachineFacts::default() }
    }

    fn cpu(name: &str) -> MachineFacts {
        MachineFacts { cpu: Some(name.to_owned()), ..MachineFacts::default() }
    }

    #[test]
    fn names_are_short_and_never_the_host() {
        let host = Some("gpu-box.example.com".to_owned());
        for (facts, name) in [
            (gpus(&["NVIDIA GeForce RTX 4090"]), "RTX 4090"),
            (gpus(&["NVIDIA A100-SXM4-80GB"; 2]), "2 × A100-SXM4-80GB"),
            (cpu("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz"), "Xeon E5-2690 v4"),
            (cpu("Intel"), "Intel"),
            (MachineFacts::default(), "unknown machine"),
            (MachineFacts { label: Some("rack 1/a\u{1b}[2J".to_owned()), ..cpu("x") }, "rack 1-a\\u{1b}[2J"),
        ] {
            assert_eq!(MachineFacts { host: host.clone(), ..facts }.name(), name);
        }
    }

    /// `2 × AMD EPYC` would be two sockets.
    #[test]
    fn processors_are_not_sockets() {
        let with = |cores| MachineFacts { cores, ..cpu("AMD EPYC") };
        assert_eq!(with(Some(2)).processor(), "AMD EPYC, 2 logical cores");
        assert_eq!(with(Some(1)).processor(), "AMD EPYC, 1 logical core");
        assert_eq!(with(None).processor(), "AMD EPYC");
        assert_eq!(MachineFacts::default().processor(), "unknown CPU");
    }

    #[test]
    fn machines_are_told_apart() {
        let with_id = |id: &str| MachineFacts { id: Some(id.to_owned()), ..cpu("x") };
        let labeled =
            |label: &str, facts: MachineFacts| MachineFacts { label: Some(label.to_owned()), ..facts };

        assert_eq!(with_id("a").identity(), with_id("a").identity());
        assert_ne!(with_id("a").identity(), with_id("b").identity());
        // a label joins hardware of one kind, and no other
        assert_eq!(labeled("l", with_id("a")).identity(), labeled("l", with_id("b")).identity());
        assert_ne!(labeled("l", cpu("x")).identity(), labeled("l", cpu("y")).identity());
        assert_ne!(labeled("l", with_id("a")).identity(), with_id("a").identity());
        // runs of before there was an id
        assert_eq!(cpu("x").identity(), cpu("x").identity());
        assert_ne!(cpu("x").identity(), MachineFacts { cores: Some(4), ..cpu("x") }.identity());
        assert_eq!(MachineFacts::default().identity(), None);
    }

    #[test]
    fn a_gpu_is_found_by_a_part_of_its_name() {
        let one = gpus(&["NVIDIA GeForce RTX 4090", "NVIDIA A100-SXM4-80GB"]);
        for (text, found) in [
            ("rtx4090", true),
            ("RTX 4090", true),
            ("a100", true),
            ("A100-SXM4-80GB", true),
            ("A10", false),
            ("80", true),
            ("H100", false),
            (" ", false),
        ] {
            assert_eq!(one.has_gpu(text), found, "{text}");
        }
        assert!(!gpus(&["NVIDIA GeForce RTX 4090 Laptop GPU"]).has_gpu("RTX 4090"));
        assert!(!gpus(&["NVIDIA GeForce RTX 4070 Ti"]).has_gpu("RTX 4070"));
    }
}
