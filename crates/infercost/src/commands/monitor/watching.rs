//! The loop: observe, add up, show; until it is interrupted or its time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use infercost_monitor::alert::{Alerts, Webhook};
use infercost_monitor::otlp::MetricsPush;
use infercost_monitor::sampling::{Sampling, SystemClock};
use infercost_monitor::web::Board;
use infercost_monitor::{Monitor, Observation, Snapshot};

use super::interrupt;
use crate::output;
use crate::output::monitor::lines::Lines;
use crate::output::monitor::terminal_view::TerminalView;

/// How often an interruption is looked for while nothing else happens.
const LOOK: Duration = Duration::from_millis(200);

/// Everything that takes part.
pub(super) struct Watching {
    pub(super) monitor: Monitor,
    pub(super) sampling: Sampling<SystemClock>,
    pub(super) alerts: Alerts,
    pub(super) webhook: Option<Webhook>,
    /// Whoever takes metrics; each gives its last ones when it is dropped.
    pub(super) pushes: Vec<MetricsPush>,
    pub(super) board: Arc<Board>,
    pub(super) screen: Screen,
    pub(super) duration: Option<Duration>,
}

/// What is shown here.
pub(super) enum Screen {
    /// The whole terminal.
    View(Box<TerminalView>),
    /// A line an interval.
    Lines(Lines),
    /// A snapshot a line.
    Json,
}

impl Screen {
    pub(super) fn lines() -> Self {
        Self::Lines(Lines::default())
    }

    pub(super) fn view() -> std::io::Result<Self> {
        TerminalView::open().map(Box::new).map(Self::View)
    }

    fn show(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        match self {
            Self::View(view) => view.draw(snapshot)?,
            Self::Lines(lines) => output::block(&lines.of(snapshot)),
            Self::Json => output::line(&serde_json::to_string(snapshot)?),
        }
        Ok(())
    }

    /// Waits for the next observation; true where somebody wants to end.
    fn wait(&mut self, pause: Duration, interrupted: &AtomicBool) -> anyhow::Result<bool> {
        match self {
            Self::View(view) => Ok(view.wait(pause.min(LOOK))? || interrupted.load(Ordering::Relaxed)),
            Self::Lines(_) | Self::Json => {
                thread::sleep(pause.min(LOOK));
                Ok(interrupted.load(Ordering::Relaxed) || output::stdout::is_closed())
            }
        }
    }
}

impl Watching {
    /// Watches until it is interrupted, its time is over, or nobody reads any more.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let interrupted = interrupt::flag();
        let until = self.duration.and_then(|duration| Instant::now().checked_add(duration));

        loop {
            let pause = self.sampling.pause();
            let is_over = until.is_some_and(|until| Instant::now() >= until);
            if !pause.is_zero() && !is_over {
                if self.screen.wait(pause, &interrupted)? {
                    return Ok(());
                }
                continue;
            }

            let observation = self.sampling.observe();
            self.monitor.take(&observation);
            self.look_at_alerts(&observation);
            let mut snapshot = self.monitor.snapshot();
            snapshot.alerts = self.alerts.raised(observation.at);
            self.board.publish(&snapshot);
            for push in &self.pushes {
                push.show(&snapshot);
            }
            self.screen.show(&snapshot)?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// Tells of what was raised and what is over: among the events, in the log, and elsewhere.
    fn look_at_alerts(&mut self, observation: &Observation) {
        for notice in self.alerts.look(&self.monitor.snapshot(), observation.at) {
            // among the events it is shown already, and a warning on stderr would run through the view
            tracing::info!(alert = notice.text, raised = notice.raised, "alert");
            self.monitor.note(observation.wall, notice.text.clone(), notice.raised);
            if let Some(webhook) = &self.webhook {
                webhook.send(notice);
            }
        }
        for failure in self.webhook.iter().flat_map(Webhook::failures) {
            self.monitor.note(observation.wall, failure, true);
        }
    }
}
