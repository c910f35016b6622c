//! Several machines in one view, each asked for what its own monitor shows.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use infercost_monitor::farm::{Farm, FarmView, MOST_MACHINES};
use infercost_monitor::web::{Access, Board};
use infercost_run::usage;

use super::{MonitorCommand, full_screen, interrupt, listen};
use crate::flags::GlobalFlags;
use crate::output;
use crate::output::monitor::farm_text;
use crate::output::monitor::terminal_view::TerminalView;

/// How long a look waits for machines that answer quickly.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often an interruption is looked for while nothing else happens.
const LOOK: Duration = Duration::from_millis(200);

pub(super) fn run(
    arguments: &MonitorCommand,
    global: &GlobalFlags,
    access: Option<Access>,
) -> anyhow::Result<ExitCode> {
    let addresses = &arguments.machines;
    if addresses.len() > MOST_MACHINES {
        return Err(usage(format!(
            "{} machines were given; at most {MOST_MACHINES} are shown together",
            addresses.len()
        )));
    }

    let token = arguments.page.token.as_deref();
    let mut farm = Farm::start(addresses, token).context("cannot start a thread that asks a machine")?;
    let board = Arc::new(Board::default());
    let listener = access.map(|access| listen(access, &board)).transpose()?;
    let mut terminal = match full_screen(arguments, global) {
        true => Some(TerminalView::open().context("cannot take over the terminal; --lines prints lines")?),
        false => None,
    };
    let interrupted = interrupt::flag();
    let until = arguments.duration.and_then(|duration| Instant::now().checked_add(duration));

    loop {
        let next = Instant::now() + arguments.interval;
        let view = farm.read(PATIENCE.min(arguments.interval));
        board.publish_farm(&view);
        match &mut terminal {
            Some(terminal) => terminal.draw_farm(&view)?,
            None => show(&view, global)?,
        }

        let end = until.map_or(next, |until| until.min(next));
        while Instant::now() < end {
            let pause = end.saturating_duration_since(Instant::now()).min(LOOK);
            let is_left = match &mut terminal {
                Some(terminal) => terminal.wait(pause)?,
                None => {
                    thread::sleep(pause);
                    output::stdout::is_closed()
                }
            };
            if is_left || interrupted.load(Ordering::Relaxed) {
                drop(listener);
                return Ok(ExitCode::SUCCESS);
            }
        }
        if until.is_some_and(|until| Instant::now() >= until) {
            drop(listener);
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// A table, or JSON.
fn show(view: &FarmView, global: &GlobalFlags) -> anyhow::Result<()> {
    if global.json {
        output::line(&serde_json::to_string(view)?);
    } else {
        output::block(&farm_text::render(view));
    }
    Ok(())
}
