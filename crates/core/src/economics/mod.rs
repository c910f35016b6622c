//! What unit economics answers, and why: codes with their numbers, whose sentences are made where they are shown.
//!
//! Findings next to an answer are an [`EconomicsFact`](crate::EconomicsFact); here is what the answer itself rests on.

mod assumed;
mod audit_grounds;
mod host_grounds;
mod optimize_grounds;
mod reason;
mod replace_grounds;
mod schedule_grounds;

pub use assumed::{Assumed, answered_at, invoiced};
pub use audit_grounds::{Allowed, BreakEvenOf, LimitGrounds, LimitSide, Limited};
pub use host_grounds::{HostGrounds, in_a_sentence};
pub use optimize_grounds::{OpenChange, OptimizeGrounds};
pub use reason::EconomicsReason;
pub use replace_grounds::{ReplaceGrounds, UnknownOf, YearSaving};
pub use schedule_grounds::ScheduleGrounds;
