//! What lasts from the first window of a run to the last: the meter, the sink, and the numbers of windows.

use std::sync::atomic::AtomicBool;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use infercost_core::{
    EnergyMeter, EnergyReading, IdlePhase, IdleRecord, Interference, MeterError, OpenReading, RecordSink,
    VariantId, WindowId,
};

use crate::error::HarnessError;
use crate::machine_watch::Snapshot;
use crate::plan::Plan;
use crate::remeasure::Remeasure;

/// Reads the meter around a stretch in which nothing is asked of any model. `None` where there is no meter.
pub(crate) fn measure_idle(
    meter: &mut dyn EnergyMeter,
    phase: IdlePhase,
    time: Duration,
) -> Result<Option<IdleRecord>, HarnessError> {
    if meter.scope().0.is_empty() || time.is_zero() {
        return Ok(None);
    }
    // first, while boards are as the work left them
    let boards = meter.boards();
    let started_at = SystemTime::now();
    let clock = Instant::now();
    let reading = meter.start()?;
    sleep(time.max(meter.update_period() * 10));
    let energy = meter.stop(reading)?;
    let wall_time = clock.elapsed();
    let cross_checks = meter.cross_checks().to_vec();
    Ok(Some(IdleRecord { phase, started_at, wall_time, energy, boards, cross_checks }))
}

/// A reading that has begun, or why there is none.
enum Reading {
    /// The meter reads.
    Open(OpenReading),
    /// No meter covers the variant.
    None(String),
}

/// A window whose instruments are at work.
pub(crate) struct OpenWindow {
    reading: Reading,
    before: Snapshot,
    /// Just before the meter was started.
    pub(crate) started_at: SystemTime,
    /// Since then.
    pub(crate) clock: Instant,
}

/// What the instruments of a window showed.
pub(crate) struct ClosedWindow {
    pub(crate) energy: EnergyReading,
    pub(crate) wall_time: Duration,
    pub(crate) interference: Interference,
}

/// What lasts from the first window to the last.
pub(crate) struct Session<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) meter: &'a mut dyn EnergyMeter,
    pub(crate) sink: &'a mut dyn RecordSink,
    pub(crate) stop: &'a AtomicBool,
    pub(crate) next_window: u32,
    pub(crate) remeasure: Remeasure,
}

impl Session<'_> {
    /// The id of the variant's next window.
    pub(crate) fn window_id(&mut self, variant: &VariantId) -> WindowId {
        let id = WindowId { variant: variant.clone(), index: self.next_window };
        self.next_window = self.next_window.saturating_add(1);
        id
    }

    /// Opens a window: looks at the machine, then starts the meter, where one covers the variant.
    pub(crate) fn open(&mut self, variant: &VariantId) -> Result<OpenWindow, MeterError> {
        let before = self.plan.watch.before(variant);
        let started_at = SystemTime::now();
        let clock = Instant::now();
        let reading = match self.plan.unmetered.get(variant) {
            Some(reason) => Reading::None(reason.clone()),
            None => Reading::Open(self.meter.start()?),
        };
        Ok(OpenWindow { reading, before, started_at, clock })
    }

    /// Closes it: stops the meter, then looks at the machine.
    pub(crate) fn close(&mut self, window: OpenWindow) -> Result<ClosedWindow, MeterError> {
        let energy = match window.reading {
            Reading::Open(reading) => self.meter.stop(reading)?,
            Reading::None(reason) => EnergyReading::Unavailable { reason },
        };
        let wall_time = window.clock.elapsed();
        let boards = self.meter.boards();
        let interference = self.plan.watch.since(&window.before, &boards);
        Ok(ClosedWindow { energy, wall_time, interference })
    }
}
