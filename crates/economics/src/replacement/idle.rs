//! Power of two machines that wait, known or not.

use infercost_core::Workload;

use super::Taken;

/// Watts of a machine that waits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Idle {
    /// Measured, or left out as 0.
    Watts(f64),
    /// As much as at work: a waiting machine draws no more.
    AsAtWork,
}

impl Idle {
    /// The most that it may be.
    fn at_most(workload: &Workload) -> Self {
        workload.idle_w.map_or(Self::AsAtWork, Self::Watts)
    }

    /// The least that it may be.
    fn at_least(workload: &Workload) -> Self {
        Self::Watts(workload.idle_w.unwrap_or(0.0))
    }

    pub(super) fn watts(self, taken: Taken) -> f64 {
        match self {
            Self::Watts(watts) => watts,
            Self::AsAtWork => taken.joules / taken.busy_s,
        }
    }
}

/// Idle power of the old machine and of the new.
#[derive(Debug, Clone, Copy)]
pub(super) struct Idles {
    pub(super) old: Idle,
    pub(super) new: Idle,
}

impl Idles {
    /// As measured; where one is unknown both are left out, so that neither machine is charged alone.
    pub(super) fn counted(old: &Workload, new: &Workload) -> Self {
        match (old.idle_w, new.idle_w) {
            (Some(old), Some(new)) => Self { old: Idle::Watts(old), new: Idle::Watts(new) },
            _ => Self { old: Idle::Watts(0.0), new: Idle::Watts(0.0) },
        }
    }

    /// The best and the worst for the new machine that what is unknown may be; `None` where nothing is.
    pub(super) fn bounds(old: &Workload, new: &Workload) -> Option<[Self; 2]> {
        if old.idle_w.is_some() && new.idle_w.is_some() {
            return None;
        }

        let best = Self { old: Idle::at_most(old), new: Idle::at_least(new) };
        let worst = Self { old: Idle::at_least(old), new: Idle::at_most(new) };
        Some([best, worst])
    }
}
