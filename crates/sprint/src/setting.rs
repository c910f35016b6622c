//! One way to serve: a value for each parameter that differs from how things are.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Values by the names of their parameters; a parameter without a value is as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Setting(pub BTreeMap<String, String>);

impl Setting {
    /// The value of a parameter.
    pub fn get(&self, parameter: &str) -> Option<&str> {
        self.0.get(parameter).map(String::as_str)
    }

    /// This setting with another value of a parameter.
    #[must_use]
    pub fn with(&self, parameter: &str, value: &str) -> Self {
        let mut changed = self.clone();
        changed.0.insert(parameter.to_owned(), value.to_owned());
        changed
    }

    /// This setting with all values of another over its own.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        let mut joined = self.clone();
        for (parameter, value) in &other.0 {
            joined.0.insert(parameter.clone(), value.clone());
        }
        joined
    }

    /// The values of this setting that `present` does not have.
    #[must_use]
    pub fn against(&self, present: &Self) -> Self {
        let mut differing = Self::default();
        for (parameter, value) in &self.0 {
            if present.get(parameter) != Some(value) {
                differing.0.insert(parameter.clone(), value.clone());
            }
        }
        differing
    }
}

impl fmt::Display for Setting {
    /// `ctk=q8_0 np=4`; `as it is` where nothing differs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("as it is");
        }
        for (index, (parameter, value)) in self.0.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            write!(f, "{blank}{parameter}={value}")?;
        }
        Ok(())
    }
}
