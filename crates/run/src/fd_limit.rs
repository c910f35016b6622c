//! Room for connections: each request in flight is one, and each is an open file to the system.

use infercost_core::LoadSpec;
use infercost_harness::load::{MOST_IN_FLIGHT, OTHER_FILES};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::usage::usage;

/// Makes room for the requests in flight that the command line asks for, as far as the system lets a program do that.
///
/// # Errors
/// A usage error where `--concurrency` names more than there can be.
pub(crate) fn make_room(load: Option<&LoadSpec>) -> anyhow::Result<()> {
    let Some(load) = load else { return Ok(()) };

    let others = u64::from(OTHER_FILES);
    let asked = u64::from(load.concurrency.iter().copied().max().unwrap_or(0));
    let searched = u64::from(load.sweep_limit.unwrap_or(0));
    let arriving = if load.rate.is_empty() { 0 } else { u64::from(MOST_IN_FLIGHT) };
    let most = asked.max(searched).max(arriving);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(soft) = current.filter(|soft| *soft < most + others) else { return Ok(()) };
    let wanted = (most + others).min(maximum.unwrap_or(u64::MAX));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok();
    let limit = if raised { wanted } else { soft };
    if limit >= asked + others {
        return Ok(());
    }

    Err(usage(format!(
        "--concurrency {asked}: this system lets a program open {limit} files, and each request in flight is one; \
         `ulimit -n {}` raises that, or ask for {} at most",
        asked + others,
        limit.saturating_sub(others)
    )))
}
