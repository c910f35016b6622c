//! Time cut into equal steps, each with its mean price.

use infercost_core::market::{Curve, Slot};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use crate::schedule::optimum::Action;
use crate::schedule::retail::paid;
use crate::schedule::{Retail, ScheduleError, Window};

/// Steps × steps of work that a plan may have: bounds memory and time.
const MAX_CELLS: f64 = 4e6;
/// Lengths of a step to choose from, in seconds: divisors of the slots that markets trade.
const STEPS: [i64; 4] = [60, 300, 900, 3600];

/// The steps from the earliest start to the deadline.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// First moment: `now`, rounded up to a whole step.
    pub start: Timestamp,
    /// Seconds of a step.
    pub step_s: f64,
    /// What a kWh costs or emits in each step, weighted by time; `None` where part of it is unknown.
    pub prices: Vec<Option<f64>>,
}

impl Grid {
    /// Cuts the window.
    pub(crate) fn cut(
        curve: &Curve,
        retail: Option<Retail>,
        window: &Window,
        work_s: f64,
    ) -> Result<Self, ScheduleError> {
        let seconds = window.deadline.as_second().saturating_sub(window.now.as_second());
        if seconds <= 0 {
            return Err(ScheduleError::range("the deadline has passed"));
        }

        if seconds > 40 * 86_400 {
            return Err(ScheduleError::range(
                "the deadline is more than 40 days away; no curve reaches that far",
            ));
        }

        let step = match window.step_s {
            Some(step) if step > 0 && fits(step, seconds, work_s) => step,
            Some(_) => {
                return Err(ScheduleError::range(
                    "such short steps are too many for this deadline; give a longer --step",
                ));
            }
            None => STEPS.into_iter().find(|step| fits(*step, seconds, work_s)).unwrap_or(3600),
        };

        let first = window.now.as_second().div_euclid(step)
            + i64::from(window.now.as_second().rem_euclid(step) > 0 || window.now.subsec_nanosecond() > 0);
        let start = Timestamp::from_second(first.saturating_mul(step))
            .map_err(|_| ScheduleError::range("a time is out of range"))?;
        let count = window.deadline.as_second().saturating_sub(start.as_second()).max(0) / step;

        let mut prices = Vec::new();
        let mut from = 0;
        for index in 0..count {
            let begins = start.as_second() + index * step;

            // Slots are in order, so those that have ended need not be looked at again.
            while curve.slots.get(from).is_some_and(|slot| slot.end.as_second() <= begins) {
                from += 1;
            }
            prices.push(mean(curve.slots.get(from..).unwrap_or_default(), begins, begins + step, retail));
        }

        Ok(Self { start, step_s: step as f64, prices })
    }

    /// The same steps, and `more` of them behind the deadline.
    pub(crate) fn longer(&self, curve: &Curve, retail: Option<Retail>, more: usize) -> Self {
        let step = self.step_s as i64;
        let mut longer = self.clone();
        for index in self.prices.len()..self.prices.len().saturating_add(more) {
            let begins = self.at(index).as_second();
            let from = curve.slots.partition_point(|slot| slot.end.as_second() <= begins);
            let slots = curve.slots.get(from..).unwrap_or_default();
            longer.prices.push(mean(slots, begins, begins.saturating_add(step), retail));
        }

        longer
    }

    /// So many steps in hours.
    pub(crate) fn hours(&self, steps: usize) -> f64 {
        steps as f64 * self.step_s / 3600.0
    }

    /// When a step begins.
    pub(crate) fn at(&self, index: usize) -> Timestamp {
        let offset = SignedDuration::from_secs_f64(index as f64 * self.step_s);
        self.start.checked_add(offset).unwrap_or(self.start)
    }

    /// Mean price over the steps of work.
    pub(crate) fn mean_at_work(&self, plan: &[Action]) -> f64 {
        let work = plan.iter().zip(&self.prices).filter(|(action, _)| **action == Action::Work);
        let prices: Vec<f64> = work.filter_map(|(_, price)| *price).collect();
        prices.iter().sum::<f64>() / prices.len() as f64
    }

    /// The slots of the curve within the window, as they are paid.
    pub(crate) fn shown(&self, curve: &Curve, retail: Option<Retail>) -> Vec<Slot> {
        let (from, until) = (self.start, self.at(self.prices.len()));

        let mut shown = Vec::new();
        for slot in curve.slots.iter().filter(|slot| slot.end > from && slot.start < until) {
            shown.push(Slot {
                start: slot.start.max(from),
                end: slot.end.min(until),
                amount: slot.amount.map(|amount| as_paid(amount, retail)),
            });
        }
        shown
    }
}

/// A price of the curve as it is paid, to nine decimals.
fn as_paid(amount: Decimal, retail: Option<Retail>) -> Decimal {
    match retail {
        None => amount,
        Some(_) => {
            Decimal::try_from(paid(amount, retail)).map_or(amount, |paid| paid.round_dp(9).normalize())
        }
    }
}

/// True where steps of this length make few enough cells of steps × steps of work.
fn fits(step: i64, seconds: i64, work_s: f64) -> bool {
    seconds as f64 / step as f64 * (work_s.min(seconds as f64) / step as f64 + 1.0) <= MAX_CELLS
}

/// The mean over [`begins`, `ends`), in seconds since 1970; `None` where any of it is unknown.
fn mean(slots: &[Slot], begins: i64, ends: i64, retail: Option<Retail>) -> Option<f64> {
    let (mut covered, mut sum) = (0, 0.0);

    for slot in slots.iter().take_while(|slot| slot.start.as_second() < ends) {
        let overlap = slot.end.as_second().min(ends) - slot.start.as_second().max(begins);
        if overlap > 0 {
            sum += paid(slot.amount?, retail) * overlap as f64;
            covered += overlap;
        }
    }

    (covered == ends - begins).then(|| sum / covered as f64)
}
