//! Spaces of servers that people use, as data: `spaces/*.toml`, built in.
//!
//! Only documented flags are in them; `tests/documented_flags.rs` holds them against the lists that the projects publish.
//! A build may be older or newer than its documentation: [`ShippedSpace::unknown`] reads its own help.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::space::{Condition, Parameter, Space, SpaceError};

const FILES: [(&str, &str); 3] = [
    ("llama.cpp", include_str!("../spaces/llama.cpp.toml")),
    ("vllm", include_str!("../spaces/vllm.toml")),
    ("sglang", include_str!("../spaces/sglang.toml")),
];

/// A space with what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShippedSpace {
    /// Its name: `llama.cpp`, `vllm`, `sglang`.
    pub name: String,
    /// Words of a command by which the server is known.
    pub programs: Vec<String>,
    /// Where its flags are documented.
    pub documented: String,
    /// The day on which the documentation was read.
    pub read_on: String,
    /// The flag that makes the program list its flags.
    pub help: String,
    /// What is varied.
    pub parameters: Vec<Parameter>,
}

impl ShippedSpace {
    /// The space of that name.
    ///
    /// # Errors
    /// [`SpaceError::File`] where there is none, with the names that there are.
    pub fn named(name: &str) -> Result<Self, SpaceError> {
        match FILES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((known, text)) => parsed(known, text),
            None => {
                let known: Vec<&str> = FILES.iter().map(|(known, _)| *known).collect();
                let reason = format!("no such space; there are {}", known.join(", "));
                Err(SpaceError::File { name: name.to_owned(), reason })
            }
        }
    }

    /// The space of the program that a command starts, by the words of the command.
    pub fn of_command(command: &str) -> Option<Self> {
        let all = FILES.iter().filter_map(|(name, text)| parsed(name, text).ok());
        all.into_iter().find(|space| space.programs.iter().any(|program| starts(command, program)))
    }

    /// The space itself, without parameters whose flags the command names already: those are the user's choice.
    ///
    /// # Errors
    /// As [`Space::new`].
    pub fn space(&self, command: &str) -> Result<Space, SpaceError> {
        let given: BTreeSet<&str> =
            command.split_whitespace().map(|word| word.split('=').next().unwrap_or(word)).collect();
        let mut free = Vec::new();
        for parameter in &self.parameters {
            if parameter.flag.as_deref().is_none_or(|flag| !given.contains(flag)) {
                free.push(parameter.clone());
            }
        }
        Space::new(free)
    }

    /// True where some of its flags are for a draft model.
    pub fn takes_drafts(&self) -> bool {
        self.parameters.iter().any(|parameter| parameter.when.contains(&Condition::DraftModel))
    }

    /// Parameters whose flags the program's help does not name. All are known where the help names none of them: then it
    /// was no help.
    pub fn unknown(&self, help: &str) -> BTreeSet<String> {
        let words: BTreeSet<&str> =
            help.split(|c: char| c.is_whitespace() || ",[](){}=|'\"".contains(c)).collect();
        let mut unknown = BTreeSet::new();
        for parameter in &self.parameters {
            if parameter.flag.as_deref().is_some_and(|flag| !words.contains(flag)) {
                unknown.insert(parameter.name.clone());
            }
        }
        if unknown.len() == self.parameters.len() { BTreeSet::new() } else { unknown }
    }
}

/// Whether the first words of a command name the program.
fn starts(command: &str, program: &str) -> bool {
    let mut words = command.split_whitespace().take(6);
    words.any(|word| word.rsplit('/').next().is_some_and(|last| last == program))
}

fn parsed(name: &str, text: &str) -> Result<ShippedSpace, SpaceError> {
    toml::from_str(text)
        .map_err(|error| SpaceError::File { name: name.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    #[test]
    fn every_shipped_space_can_be_searched() {
        let all = [
            Condition::Concurrent,
            Condition::Gpu,
            Condition::SeveralGpus,
            Condition::SharedPrefixes,
            Condition::DraftModel,
        ];
        for (name, _) in FILES {
            let shipped = ShippedSpace::named(name).unwrap();
            let space = shipped.space("").unwrap();
            let found = space.candidates(&BTreeSet::from(all)).unwrap();
            assert!(found.settings.len() >= 15, "{name}: {}", found.settings.len());
            for parameter in &shipped.parameters {
                assert!(!parameter.why.is_empty(), "{name} {}: no reason", parameter.name);
                for other in parameter.implies.keys().chain(&parameter.excludes) {
                    assert!(space.get(other).is_some(), "{name} {}: {other} is not there", parameter.name);
                }
            }
        }
    }

    #[test]
    fn the_command_tells_which_and_what_it_sets_stays() {
        let of = |command: &str| ShippedSpace::of_command(command).map(|space| space.name);
        assert_eq!(of("/opt/bin/llama-server -m {model} --port {port}").as_deref(), Some("llama.cpp"));
        assert_eq!(of("vllm serve {model} --port {port}").as_deref(), Some("vllm"));
        assert_eq!(of("python3 -m sglang.launch_server --port {port}").as_deref(), Some("sglang"));
        assert_eq!(of("./mine {model} {port}"), None);

        let shipped = ShippedSpace::named("llama.cpp").unwrap();
        let space = shipped.space("llama-server --parallel 4").unwrap();
        assert!(space.get("parallel").is_none() && space.get("threads").is_some());
    }

    #[test]
    fn a_draft_model_brings_settings_of_its_own() {
        let shipped = ShippedSpace::named("llama.cpp").unwrap();
        let space = shipped.space("llama-server -m {model} --port {port}").unwrap();
        let tried = |holding: &[Condition]| {
            let found = space.candidates(&holding.iter().copied().collect()).unwrap();
            let drafts = found.settings.iter().filter(|one| one.get("model-draft").is_some());
            drafts.cloned().collect::<Vec<_>>()
        };
        assert!(tried(&[]).is_empty());

        let drafts = tried(&[Condition::DraftModel]);
        assert_eq!(drafts.len(), 4, "the model alone, and three lengths: {drafts:?}");
        let words = space.arguments(&drafts[0]).join(" ");
        assert_eq!(words, "--spec-type draft-simple --model-draft {draft}");
        assert!(drafts.iter().all(|one| space.may_change_answers(one)));

        // an older build drafts without being told how
        let mut older = space.clone();
        older.parameters.retain(|one| !["spec-type", "spec-draft-n-max"].contains(&one.name.as_str()));
        let found = older.candidates(&BTreeSet::from([Condition::DraftModel])).unwrap();
        let draft = found.settings.iter().find(|one| one.get("model-draft").is_some()).unwrap();
        assert_eq!(older.arguments(draft).join(" "), "--model-draft {draft}");
    }

    #[test]
    fn a_build_says_what_it_knows() {
        let shipped = ShippedSpace::named("llama.cpp").unwrap();
        let help: String =
            shipped.parameters.iter().filter_map(|one| one.flag.clone()).fold(String::new(), |all, flag| {
                if flag == "--poll" { all } else { format!("{all}-x, {flag} N   text\n") }
            });
        assert_eq!(shipped.unknown(&help), BTreeSet::from(["poll".to_owned()]));
        assert!(shipped.unknown("usage: nothing").is_empty());
    }
}
