//! The scripted twin of every meter.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use infercost_core::{
    EnergyDomain, EnergyMeter, EnergyReading, EnergyScope, MeterError, MeterId, MeterKind, MeterSource,
    OpenReading, Watts,
};

/// A clock that moves when it is told to; clones share the same time.
#[derive(Debug, Clone, Default)]
pub struct ScriptedClock(Arc<Mutex<Duration>>);

impl ScriptedClock {
    /// A clock at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The time since the clock was made.
    pub fn now(&self) -> Duration {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.saturating_add(by);
    }
}

/// A meter that reads what its script says, for tests without hardware.
pub struct ScriptedMeter {
    id: MeterId,
    script: Script,
    scope: EnergyScope,
    update_period: Duration,
}

enum Script {
    Constant { watts: Watts, clock: Box<dyn Fn() -> Duration + Send> },
    Readings(VecDeque<EnergyReading>),
    FailingStart(String),
    FailingStop(String),
}

impl ScriptedMeter {
    /// Draws constant watts by the machine's own monotonic clock.
    pub fn constant(watts: Watts) -> Self {
        let begun = Instant::now();
        Self::with_script(Script::Constant { watts, clock: Box::new(move || begun.elapsed()) })
    }

    /// Draws constant watts by a clock that the test moves.
    pub fn constant_on(watts: Watts, clock: &ScriptedClock) -> Self {
        let clock = clock.clone();
        Self::with_script(Script::Constant { watts, clock: Box::new(move || clock.now()) })
    }

    /// Answers each `stop` with the next of `readings`, and as unavailable once they are used up.
    pub fn readings(readings: impl IntoIterator<Item = EnergyReading>) -> Self {
        Self::with_script(Script::Readings(readings.into_iter().collect()))
    }

    /// Fails every `start`.
    pub fn failing_start(message: impl Into<String>) -> Self {
        Self::with_script(Script::FailingStart(message.into()))
    }

    /// Starts, and fails every `stop`.
    pub fn failing_stop(message: impl Into<String>) -> Self {
        Self::with_script(Script::FailingStop(message.into()))
    }

    /// Sets the boundary that [`EnergyMeter::scope`] and constant readings name; the CPU package if unset.
    #[must_use]
    pub fn with_scope(mut self, scope: EnergyScope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets [`EnergyMeter::update_period`]; one millisecond if unset.
    #[must_use]
    pub fn with_update_period(mut self, period: Duration) -> Self {
        self.update_period = period;
        self
    }

    fn with_script(script: Script) -> Self {
        Self {
            id: MeterId::unique(),
            script,
            scope: EnergyScope::of([EnergyDomain::CpuPackage]),
            update_period: Duration::from_millis(1),
        }
    }
}

impl fmt::Debug for ScriptedMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedMeter").field("id", &self.id).finish_non_exhaustive()
    }
}

impl EnergyMeter for ScriptedMeter {
    fn describe(&self) -> String {
        format!("scripted meter, covers {}", self.scope)
    }

    fn scope(&self) -> EnergyScope {
        self.scope.clone()
    }

    fn update_period(&self) -> Duration {
        self.update_period
    }

    fn start(&mut self) -> Result<OpenReading, MeterError> {
        let begun = match &self.script {
            Script::Constant { clock, .. } => clock(),
            Script::FailingStart(message) => return Err(MeterError::Scripted(message.clone())),
            Script::Readings(_) | Script::FailingStop(_) => Duration::ZERO,
        };
        Ok(OpenReading::new(self.id, begun))
    }

    fn stop(&mut self, reading: OpenReading) -> Result<EnergyReading, MeterError> {
        let begun: Duration = reading.into_state(self.id)?;

        match &mut self.script {
            Script::Constant { watts, clock } => {
                let elapsed = clock().saturating_sub(begun);
                if elapsed < self.update_period {
                    let reason = format!(
                        "the window lasted {elapsed:?}, less than one update of the meter ({:?})",
                        self.update_period
                    );
                    return Ok(EnergyReading::Unavailable { reason });
                }

                let updates = elapsed.as_nanos() / self.update_period.as_nanos().max(1);
                Ok(EnergyReading::Measured {
                    energy: *watts * elapsed,
                    scope: self.scope.clone(),
                    source: MeterSource { kind: MeterKind::Counter, name: "scripted".to_owned() },
                    updates: u32::try_from(updates).unwrap_or(u32::MAX),
                })
            }
            Script::Readings(readings) => Ok(readings.pop_front().unwrap_or_else(|| {
                EnergyReading::Unavailable { reason: "the script has no more readings".to_owned() }
            })),
            Script::FailingStart(message) | Script::FailingStop(message) => {
                Err(MeterError::Scripted(message.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[test]
    fn constant_watts_on_a_scripted_clock() {
        let clock = ScriptedClock::new();
        let mut meter = ScriptedMeter::constant_on(Watts::new(40.0), &clock);
        let outer = meter.start().unwrap();
        clock.advance(Duration::from_secs(1));
        let inner = meter.start().unwrap();
        clock.advance(Duration::from_secs(2));
        let inner = meter.stop(inner).unwrap().joules().unwrap();
        let outer = meter.stop(outer).unwrap().joules().unwrap();
        assert!((inner.get() - 80.0).abs() < 1e-9, "{inner:?}");
        assert!((outer.get() - 120.0).abs() < 1e-9, "{outer:?}");
    }

    #[test]
    fn an_empty_window_is_not_zero() {
        let mut meter = ScriptedMeter::constant_on(Watts::new(40.0), &ScriptedClock::new());
        let reading = meter.start().unwrap();
        assert_eq!(meter.stop(reading).unwrap().joules(), None);
    }

    #[test]
    fn readings_then_unavailable() {
        let first = EnergyReading::Unavailable { reason: "first".to_owned() };
        let mut meter = ScriptedMeter::readings([first.clone()]);
        let reading = meter.start().unwrap();
        assert_eq!(meter.stop(reading).unwrap(), first);
        let reading = meter.start().unwrap();
        assert!(matches!(meter.stop(reading).unwrap(), EnergyReading::Unavailable { .. }));
    }

    #[test]
    fn failures_and_foreign_tokens() {
        assert!(matches!(ScriptedMeter::failing_start("x").start(), Err(MeterError::Scripted(_))));
        let mut failing = ScriptedMeter::failing_stop("x");
        let own = failing.start().unwrap();
        assert!(matches!(failing.stop(own), Err(MeterError::Scripted(_))));
        let foreign = ScriptedMeter::constant(Watts::new(1.0)).start().unwrap();
        assert!(matches!(failing.stop(foreign), Err(MeterError::ForeignReading)));
    }
}
