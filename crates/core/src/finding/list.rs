//! The findings of an answer, in the order in which they are read.

use serde::{Deserialize, Serialize};

use super::{Fact, Finding, Severity};

/// Findings, the most important first. In JSON two arrays: `notes`, the sentences, and `findings`, the same with codes and
/// numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "FindingsJson", into = "FindingsJson")]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds a fact that weighs so much.
    pub fn add(&mut self, severity: Severity, fact: impl Into<Fact>) {
        self.0.push(Finding { severity, fact: fact.into(), fix: None });
    }

    /// Adds others after these.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Puts others before these.
    pub fn precede(&mut self, others: Self) {
        self.0.splice(0..0, others.0);
    }

    /// All, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// Their sentences.
    pub fn sentences(&self) -> Vec<String> {
        self.0.iter().map(Finding::sentence).collect()
    }
}

impl From<Findings> for Vec<Finding> {
    fn from(findings: Findings) -> Self {
        findings.0
    }
}

#[derive(Serialize, Deserialize)]
struct FindingsJson {
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    findings: Vec<Finding>,
}

impl From<Findings> for FindingsJson {
    fn from(findings: Findings) -> Self {
        Self { notes: findings.sentences(), findings: findings.0 }
    }
}

impl From<FindingsJson> for Findings {
    fn from(json: FindingsJson) -> Self {
        Self(json.findings)
    }
}
