//! What a sprint tries: parameters, their values, and the conditions under which they make sense.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use thiserror::Error;

use crate::setting::Setting;

/// Most settings of one sprint.
pub const MOST_SETTINGS: usize = 256;
/// More settings than this are not tried one by one: single changes come first, then combinations of the good ones.
pub const MOST_PRODUCT: usize = 64;

/// Why a space cannot be searched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpaceError {
    /// A `--vary` that says nothing.
    #[error("--vary {text}: {reason}")]
    Vary {
        /// As it was typed.
        text: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// There is nothing to try.
    #[error("nothing is varied: {reason}")]
    Empty {
        /// What would be tried if it were there.
        reason: String,
    },
    /// Two parameters of one name.
    #[error("`{name}` is varied twice; join its values in one --vary {name}=…")]
    Twice {
        /// The name.
        name: String,
    },
    /// Conditions that no setting keeps.
    #[error("the space contradicts itself: {reason}")]
    Contradiction {
        /// Which ones.
        reason: String,
    },
    /// Too much to try.
    #[error("{count} settings are more than {MOST_SETTINGS}; vary fewer values")]
    TooLarge {
        /// How many.
        count: usize,
    },
    /// A space file that cannot be read.
    #[error("{name}: {reason}")]
    File {
        /// Which space.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// Whether a parameter can change what is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerEffect {
    /// By its definition it cannot: equal answers prove it, and different ones are judged.
    #[default]
    None,
    /// Nobody says, as of a placeholder: equal answers prove that it does not, and different ones are judged.
    Unknown,
    /// It can, so quality is judged.
    Possible,
}

/// What must be so for a parameter to be worth a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The machine has a GPU.
    Gpu,
    /// It has more than one.
    SeveralGpus,
    /// Requests overlap.
    Concurrent,
    /// Prompts begin alike.
    SharedPrefixes,
    /// There is a draft model.
    DraftModel,
}

/// One thing that is varied.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Its name in settings: the placeholder's, or the flag's without dashes.
    pub name: String,
    /// The flag that is given before the value; `None` for a placeholder in the command.
    #[serde(default)]
    pub flag: Option<String>,
    /// Values that are tried. Of a placeholder, the first is the present one; of a flag, the present one is to leave the
    /// flag out. The empty value of a flag is the flag alone.
    pub values: Vec<String>,
    /// Whether it can change what is answered.
    #[serde(default)]
    pub answers: AnswerEffect,
    /// Values of other parameters that this one needs.
    #[serde(default)]
    pub implies: BTreeMap<String, String>,
    /// Parameters that must not be set with this one.
    #[serde(default)]
    pub excludes: BTreeSet<String>,
    /// True for a number of threads: values above the machine's processors are not tried, since such threads only wait for
    /// one another.
    #[serde(default)]
    pub within_processors: bool,
    /// What must be so for it to be tried.
    #[serde(default)]
    pub when: BTreeSet<Condition>,
    /// What it does, in a sentence.
    #[serde(default)]
    pub why: String,
}

impl Parameter {
    /// A placeholder of a command, of which nobody says whether it changes answers.
    pub fn placeholder(name: &str, values: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            flag: None,
            values,
            answers: AnswerEffect::Unknown,
            implies: BTreeMap::new(),
            excludes: BTreeSet::new(),
            within_processors: false,
            when: BTreeSet::new(),
            why: String::new(),
        }
    }

    /// The parameter without numbers of threads that this many processors cannot work on at once; `None` where it has no
    /// value left.
    #[must_use]
    pub fn on(mut self, processors: usize) -> Option<Self> {
        if self.within_processors {
            self.values.retain(|value| value.parse::<usize>().map_or(true, |count| count <= processors));
        }
        (!self.values.is_empty()).then_some(self)
    }

    /// The value that is in force now; `None` where that is to give none.
    pub fn present(&self) -> Option<&str> {
        if self.flag.is_some() { None } else { self.values.first().map(String::as_str) }
    }
}

/// Parameters with distinct names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Space {
    /// In the order in which they were given.
    pub parameters: Vec<Parameter>,
}

/// What is to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The settings, none of them the present one.
    pub settings: Vec<Setting>,
    /// True where these are single changes, to be combined later.
    pub are_single: bool,
    /// What is not tried, and why.
    pub left_out: Vec<String>,
}

impl Space {
    /// Checks that names are distinct and that there is something to try.
    ///
    /// # Errors
    /// [`SpaceError`].
    pub fn new(parameters: Vec<Parameter>) -> Result<Self, SpaceError> {
        let mut names = BTreeSet::new();
        for parameter in &parameters {
            if !names.insert(parameter.name.clone()) {
                return Err(SpaceError::Twice { name: parameter.name.clone() });
            }
        }
        Ok(Self { parameters })
    }

    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// How things are now.
    pub fn present(&self) -> Setting {
        let mut present = Setting::default();
        for parameter in &self.parameters {
            if let Some(value) = parameter.present() {
                present = present.with(&parameter.name, value);
            }
        }
        present
    }

    /// What is tried where these conditions hold: all combinations where there are at most [`MOST_PRODUCT`], else single
    /// changes. Only combinations that keep their parameters' conditions.
    ///
    /// # Errors
    /// [`SpaceError::Empty`], [`SpaceError::Contradiction`] where no setting keeps its conditions, and
    /// [`SpaceError::TooLarge`].
    pub fn candidates(&self, holding: &BTreeSet<Condition>) -> Result<Candidates, SpaceError> {
        let mut left_out = Vec::new();
        let mut tried = Vec::new();
        for parameter in &self.parameters {
            match parameter.when.iter().find(|condition| !holding.contains(condition)) {
                Some(missing) => left_out.push(format!("{}: {}", parameter.name, missing.lacking())),
                None => tried.push(parameter),
            }
        }

        let product =
            tried.iter().map(|parameter| choices(parameter).len()).try_fold(1_usize, usize::checked_mul);
        let are_single = product.is_none_or(|count| count > MOST_PRODUCT);
        let present = self.present();
        let raw = if are_single { singles(&tried, &present) } else { combined(&tried, &present) };
        if raw.is_empty() {
            let reason = match left_out.first() {
                Some(first) => format!("what could be does not apply here ({first})"),
                None => "give --vary NAME=VALUE,VALUE".to_owned(),
            };
            return Err(SpaceError::Empty { reason });
        }

        let mut settings: Vec<Setting> = Vec::new();
        let mut broken = None;
        for setting in raw {
            match self.completed(&setting) {
                Ok(whole) if whole != present && !settings.contains(&whole) => settings.push(whole),
                Ok(_) => {}
                Err(reason) => broken = Some(reason),
            }
        }
        match (settings.len(), broken) {
            (0, Some(reason)) => Err(SpaceError::Contradiction { reason }),
            (0, None) => Err(SpaceError::Empty { reason: "every setting is the present one".to_owned() }),
            (count, _) if count > MOST_SETTINGS => Err(SpaceError::TooLarge { count }),
            (_, broken) => {
                left_out.extend(broken.map(|reason| format!("combinations in which {reason}")));
                Ok(Candidates { settings, are_single, left_out })
            }
        }
    }

    /// The setting with all that it implies.
    ///
    /// # Errors
    /// Which of its values do not go together.
    pub fn completed(&self, setting: &Setting) -> Result<Setting, String> {
        let mut whole = setting.clone();
        for (name, value) in &setting.0 {
            let Some(parameter) = self.get(name) else { continue };
            if parameter.present() == Some(value) {
                continue;
            }
            for (other, needed) in &parameter.implies {
                match whole.get(other) {
                    Some(given) if given != needed => {
                        return Err(format!("{name} needs {other}={needed}, and {other}={given} is set"));
                    }
                    _ => whole = whole.with(other, needed),
                }
            }
        }

        for name in whole.0.keys() {
            let excluded = self.get(name).map(|parameter| &parameter.excludes);
            if let Some(other) = excluded.into_iter().flatten().find(|other| whole.get(other).is_some()) {
                return Err(format!("{name} and {other} do not go together"));
            }
        }
        Ok(whole)
    }

    /// Whether answers of the setting may differ from those of the present one by what it changes, so that equal ones
    /// prove nothing of others.
    pub fn may_change_answers(&self, setting: &Setting) -> bool {
        let changed = setting.against(&self.present());
        changed
            .0
            .keys()
            .any(|name| self.get(name).is_some_and(|parameter| parameter.answers == AnswerEffect::Possible))
    }

    /// The flags that a setting adds to a command, in the order of the space.
    pub fn arguments(&self, setting: &Setting) -> Vec<String> {
        let mut words = Vec::new();
        for parameter in &self.parameters {
            let (Some(flag), Some(value)) = (&parameter.flag, setting.get(&parameter.name)) else { continue };
            words.push(flag.clone());
            if !value.is_empty() {
                words.push(value.to_owned());
            }
        }
        words
    }

    /// Settings that join the good single changes: of each parameter the best value, all pairs of them, and all together.
    /// `good` is ordered, the best first.
    pub fn combinations(&self, good: &[Setting], most: usize) -> Vec<Setting> {
        let mut best: Vec<&Setting> = Vec::new();
        let present = self.present();
        for setting in good {
            let changed = setting.against(&present);
            let mut known = best.iter().flat_map(|one| one.against(&present).0.into_keys());
            if best.len() < most && !known.any(|name| changed.0.contains_key(&name)) {
                best.push(setting);
            }
        }

        let mut joined = Vec::new();
        for (index, one) in best.iter().enumerate() {
            for other in best.iter().skip(index + 1) {
                joined.push(one.over(&other.against(&present)));
            }
        }
        if best.len() > 2 {
            let all = best.iter().fold(present.clone(), |all, setting| all.over(&setting.against(&present)));
            joined.push(all);
        }
        joined.iter().filter_map(|setting| self.completed(setting).ok()).collect()
    }
}

impl Condition {
    /// Why a parameter is not tried where the condition does not hold.
    fn lacking(self) -> &'static str {
        match self {
            Self::Gpu => "this machine has no GPU",
            Self::SeveralGpus => "this machine has no second GPU",
            Self::Concurrent => {
                "requests do not overlap (--concurrency, --rate or a trace with arrival times)"
            }
            Self::SharedPrefixes => "no prompt begins as another one does",
            Self::DraftModel => "no draft model is named (--draft)",
        }
    }
}

/// A parameter's values; of a flag, `None` leaves it out.
fn choices(parameter: &Parameter) -> Vec<Option<&str>> {
    let mut all: Vec<Option<&str>> = parameter.values.iter().map(|value| Some(value.as_str())).collect();
    if parameter.flag.is_some() {
        all.insert(0, None);
    }
    all
}

fn singles(parameters: &[&Parameter], present: &Setting) -> Vec<Setting> {
    let mut settings = Vec::new();
    for parameter in parameters {
        for value in choices(parameter).into_iter().skip(1).flatten() {
            settings.push(present.with(&parameter.name, value));
        }
    }
    settings
}

fn combined(parameters: &[&Parameter], present: &Setting) -> Vec<Setting> {
    let mut settings = vec![present.clone()];
    for parameter in parameters {
        let mut longer = Vec::new();
        for setting in &settings {
            for value in choices(parameter) {
                longer.push(
                    value.map_or_else(|| setting.clone(), |value| setting.with(&parameter.name, value)),
                );
            }
        }
        settings = longer;
    }
    settings.retain(|setting| setting != present);
    settings
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    fn flag(name: &str, values: &[&str]) -> Parameter {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Parameter { flag: Some(format!("--{name}")), ..Parameter::placeholder(name, values) }
    }

    fn names(candidates: &Candidates) -> Vec<String> {
        candidates.settings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn small_spaces_are_tried_whole() {
        let np = Parameter::placeholder("np", vec!["1".into(), "2".into()]);
        let space = Space::new(vec![np.clone(), flag("fa", &["on"])]).unwrap();
        let found = space.candidates(&BTreeSet::new()).unwrap();
        assert_eq!(names(&found), ["fa=on np=1", "np=2", "fa=on np=2"]);
        assert_eq!(space.present().to_string(), "np=1");
        assert_eq!(space.arguments(&found.settings[0]), ["--fa", "on"]);
        assert!(matches!(Space::new(vec![np.clone(), np]), Err(SpaceError::Twice { .. })));
    }

    #[test]
    fn large_spaces_begin_with_single_changes() {
        let parameters = ["a", "b", "c", "d"].map(|name| flag(name, &["1", "2", "3"])).to_vec();
        let space = Space::new(parameters).unwrap();
        let found = space.candidates(&BTreeSet::new()).unwrap();
        assert!(found.are_single);
        assert_eq!(found.settings.len(), 12);

        let good = [&found.settings[1], &found.settings[2], &found.settings[4], &found.settings[8]]
            .map(Clone::clone);
        let joined: Vec<String> = space.combinations(&good, 3).iter().map(ToString::to_string).collect();
        assert_eq!(joined, ["a=2 b=2", "a=2 c=3", "b=2 c=3", "a=2 b=2 c=3"]);
    }

    #[test]
    fn conditions_are_kept() {
        let quantized = Parameter {
            implies: BTreeMap::from([("fa".to_owned(), "on".to_owned())]),
            ..flag("ctv", &["q8_0"])
        };
        let space = Space::new(vec![flag("fa", &["on", "off"]), quantized]).unwrap();
        let found = space.candidates(&BTreeSet::new()).unwrap();
        assert_eq!(names(&found), ["ctv=q8_0 fa=on", "fa=on", "fa=off"]);

        let many = Parameter { when: BTreeSet::from([Condition::SeveralGpus]), ..flag("tp", &["2"]) };
        let space = Space::new(vec![many]).unwrap();
        let error = space.candidates(&BTreeSet::new()).unwrap_err();
        assert!(error.to_string().contains("no second GPU"), "{error}");
        assert!(space.candidates(&BTreeSet::from([Condition::SeveralGpus])).is_ok());
    }

    #[test]
    fn threads_beyond_the_processors_are_not_tried() {
        let threads = Parameter { within_processors: true, ..flag("threads", &["1", "2", "16"]) };
        assert_eq!(threads.clone().on(2).unwrap().values, ["1", "2"]);
        let many = Parameter { values: vec!["16".into()], ..threads };
        assert_eq!(many.on(2), None);
        assert_eq!(flag("np", &["16"]).on(2).unwrap().values, ["16"], "slots are no threads");
    }

    #[test]
    fn a_space_that_contradicts_itself_is_refused() {
        let needs = |name: &str, of: &str, value: &str| Parameter {
            implies: BTreeMap::from([(of.to_owned(), value.to_owned())]),
            ..flag(name, &["1"])
        };
        let mut first = needs("a", "b", "1");
        first.excludes = BTreeSet::from(["b".to_owned()]);
        let space = Space::new(vec![first]).unwrap();
        let error = space.candidates(&BTreeSet::new()).unwrap_err();
        assert!(error.to_string().contains("a and b do not go together"), "{error}");
        assert!(Space::default().candidates(&BTreeSet::new()).is_err());
    }
}
