//! Whether a scheduler can answer: it is reached, it is Ballista's, it speaks the version that is spoken here, and it has
//! executors. Asked before anything is read, since a query on a scheduler without executors waits for one.

use std::time::Duration;

use ballista_core::BALLISTA_VERSION;
use infercost_core::text::printable_up_to;

use super::address::ClusterAddress;
use crate::reading::error::QueryError;

/// A scheduler answers in milliseconds.
const TIME_OUT: Duration = Duration::from_secs(10);
/// Characters of what a server says of itself that are shown.
const LONGEST: usize = 60;
/// What a scheduler answers to the probe that has no executor.
const UNAVAILABLE: u16 = 503;

/// Asks the scheduler's probe.
///
/// # Errors
/// Where it is not reached, is none of this version, or has no executors.
pub(super) fn check(address: &ClusterAddress) -> Result<(), QueryError> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIME_OUT))
        .max_redirects(0)
        .http_status_as_error(false)
        // queries take no way over a proxy either
        .proxy(None);
    let agent = config.build().new_agent();

    let answer = agent.get(format!("{}/readyz", address.http())).call().map_err(|error| {
        let said = printable_up_to(&error.to_string(), LONGEST).into_owned();
        QueryError::Unreachable { address: address.clone(), said }
    })?;
    let server = answer.headers().get("server").and_then(|value| value.to_str().ok());
    judge(address, server, answer.status().as_u16())
}

/// What the probe's answer says: `ballista/55.0.0` in its header, and a status.
fn judge(address: &ClusterAddress, server: Option<&str>, status: u16) -> Result<(), QueryError> {
    let address = address.clone();
    let Some(version) = server.and_then(|server| server.strip_prefix("ballista/")) else {
        return Err(QueryError::NoScheduler { address, known: major(BALLISTA_VERSION).to_owned() });
    };
    if major(version) != major(BALLISTA_VERSION) {
        return Err(QueryError::OtherBallista {
            address,
            version: printable_up_to(version, LONGEST).into_owned(),
            known: major(BALLISTA_VERSION).to_owned(),
        });
    }

    match status {
        200 => Ok(()),
        UNAVAILABLE => Err(QueryError::NoExecutors { address }),
        other => Err(QueryError::Unreachable { address, said: format!("status {other}") }),
    }
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn only_a_scheduler_of_this_version_with_executors_will_do() {
        let address: ClusterAddress = "df://h:1".parse().unwrap();
        let check = |server: Option<&str>, status: u16, wanted: &str| {
            let said = judge(&address, server, status).map_err(|error| error.to_string());
            let said = said.err().unwrap_or_default();
            assert!(
                said.contains(wanted) && said.is_empty() == wanted.is_empty(),
                "{server:?} {status}: {said}"
            );
        };
        check(Some("ballista/55.0.0"), 200, "");
        check(Some("ballista/55.3.1"), 200, "");
        check(Some("ballista/55.0.0"), 503, "no executor");
        check(Some("ballista/55.0.0"), 404, "status 404");
        check(Some("ballista/54.1.0"), 200, "of version 54.1.0");
        check(Some("ballista/550.0.0"), 200, "of version 550.0.0");
        check(Some("nginx"), 200, "no Ballista scheduler");
        check(None, 200, "no Ballista scheduler");
    }
}
