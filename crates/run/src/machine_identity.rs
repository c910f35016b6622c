//! What tells this machine from every other, and what of it a run may say.
//!
//! The host name is private: it stands in the run's header and on its spans, and in no report and on no page. A label takes
//! its place, and a pattern of `--redact` that finds it takes it out. The id is a hash, which names nobody.

use std::fs;

use infercost_core::MachineFacts;
use infercost_energy::GpuFacts;
use infercost_export::span_transform::REDACTED;
use regex::Regex;
use sha2::{Digest as _, Sha256};

/// Where systems keep the identity of an installation (machine-id(5)).
const SYSTEM_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// Hex digits of an id: 64 bits, of which a billion machines share none.
const DIGITS: usize = 16;

/// The facts with the machine's id, and its label or its host name.
pub(crate) fn identified(
    facts: MachineFacts,
    host: Option<String>,
    gpus: &[GpuFacts],
    label: Option<&str>,
    redact: &[Regex],
) -> MachineFacts {
    let system = SYSTEM_IDS.iter().find_map(|path| fs::read_to_string(path).ok());
    let boards: Vec<&str> = gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
    let id = id(system.as_deref().map(str::trim), host.as_deref(), &facts, boards);

    let is_found = |text: &str| redact.iter().any(|pattern| pattern.is_match(text));
    let host = host.filter(|host| label.is_none() && !is_found(host));
    let label = label.map(|label| {
        redact
            .iter()
            .fold(label.to_owned(), |text, pattern| pattern.replace_all(&text, REDACTED).into_owned())
    });
    MachineFacts { id, label, host, ..facts }
}

/// A hash over the system's own identity, the host name, the CPU and the boards. All of them, since an image that is
/// started on two machines gives both one identity: what differs anywhere is another machine. `None` where the system
/// tells nothing that is its own.
fn id(
    system: Option<&str>,
    host: Option<&str>,
    facts: &MachineFacts,
    mut boards: Vec<&str>,
) -> Option<String> {
    let system = system.filter(|id| !id.is_empty());
    if system.is_none() && host.is_none() && boards.is_empty() {
        return None;
    }

    boards.sort_unstable();
    let mut hash = Sha256::new();
    for part in [Some("infercost machine"), system, host, facts.cpu.as_deref()] {
        hash.update(part.unwrap_or_default());
        hash.update([0]);
    }
    for board in boards {
        hash.update(board);
        hash.update([0]);
    }

    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    digits.get(..DIGITS).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(cpu: &str) -> MachineFacts {
        MachineFacts { cpu: Some(cpu.to_owned()), ..MachineFacts::default() }
    }

    #[test]
    fn ids_are_stable_and_tell_machines_apart() {
        let one = id(Some("4a5b"), Some("box"), &facts("x"), vec!["GPU-1", "GPU-2"]);
        assert_eq!(one.as_ref().map(String::len), Some(DIGITS));
        assert_eq!(one, id(Some("4a5b"), Some("box"), &facts("x"), vec!["GPU-2", "GPU-1"]));

        for other in [
            id(Some("4a5c"), Some("box"), &facts("x"), vec!["GPU-1", "GPU-2"]),
            // one image on two machines
            id(Some("4a5b"), Some("other"), &facts("x"), vec!["GPU-1", "GPU-2"]),
            id(Some("4a5b"), Some("box"), &facts("y"), vec!["GPU-1", "GPU-2"]),
            id(Some("4a5b"), Some("box"), &facts("x"), vec!["GPU-1"]),
            id(None, Some("box"), &facts("x"), vec!["GPU-1", "GPU-2"]),
        ] {
            assert!(other.is_some() && other != one, "{other:?}");
        }
        assert_eq!(id(Some(""), None, &facts("x"), Vec::new()), None);
    }

    #[test]
    fn a_host_name_is_kept_only_where_nothing_stands_in_for_it() -> Result<(), regex::Error> {
        let found = |label: Option<&str>, redact: &[Regex]| {
            let facts = identified(facts("x"), Some("gpu-box".to_owned()), &[], label, redact);
            (facts.label, facts.host)
        };
        let box_pattern = [Regex::new("box")?];

        assert_eq!(found(None, &[]), (None, Some("gpu-box".to_owned())));
        assert_eq!(found(Some("4090"), &[]), (Some("4090".to_owned()), None));
        assert_eq!(found(None, &box_pattern), (None, None));
        assert_eq!(found(Some("my box"), &box_pattern), (Some(format!("my {REDACTED}")), None));
        Ok(())
    }
}
