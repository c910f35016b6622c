//! The view that fills a terminal: keys, and what is remembered between two drawings.

use std::io::{self, Stdout};
use std::panic;
use std::time::Duration;

use infercost_monitor::Snapshot;
use infercost_monitor::farm::FarmView;
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;
use ratatui_crossterm::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui_crossterm::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui_crossterm::crossterm::{cursor, execute};

use super::drawing::{self, ViewState};

/// The terminal while the monitor has it; it is given back when this is dropped.
pub(crate) struct TerminalView {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    state: ViewState,
    shown: Shown,
}

/// What is drawn again when the terminal changes.
enum Shown {
    Nothing,
    Machine(Box<Snapshot>),
    Farm(FarmView),
}

impl TerminalView {
    /// Takes the terminal.
    ///
    /// # Errors
    /// What the system says where it cannot be taken.
    pub(crate) fn open() -> io::Result<Self> {
        // A panic must not leave a terminal without echo; its message comes after the terminal is given back.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |information| {
            give_back();
            hook(information);
        }));

        enable_raw_mode()?;
        let opened = execute!(io::stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        let terminal = opened.inspect_err(|_| give_back())?;
        Ok(Self { terminal, state: ViewState::new(), shown: Shown::Nothing })
    }

    /// Shows a snapshot.
    pub(crate) fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.state.remember(snapshot);
        self.shown = Shown::Machine(Box::new(snapshot.clone()));
        self.redraw()
    }

    /// Shows several machines.
    pub(crate) fn draw_farm(&mut self, view: &FarmView) -> io::Result<()> {
        self.shown = Shown::Farm(view.clone());
        self.redraw()
    }

    fn redraw(&mut self) -> io::Result<()> {
        let (state, shown) = (&self.state, &self.shown);
        self.terminal.draw(|frame| match shown {
            Shown::Nothing => {}
            Shown::Machine(snapshot) => drawing::draw(frame, snapshot, state),
            Shown::Farm(view) => drawing::draw_farm(frame, view),
        })?;
        Ok(())
    }

    /// Waits so long for a key; true where it is one that ends.
    pub(crate) fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        if !event::poll(patience)? {
            return Ok(false);
        }
        match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => {
                if ends(key) {
                    return Ok(true);
                }
                if key.code == KeyCode::Char('w') {
                    self.state.shows_why = !self.state.shows_why;
                }
                self.redraw()?;
            }
            Event::Resize(..) => self.redraw()?,
            _ => {}
        }
        Ok(false)
    }
}

fn ends(key: KeyEvent) -> bool {
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        // in raw mode Ctrl-C is a key like any other
        KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

impl Drop for TerminalView {
    fn drop(&mut self) {
        give_back();
    }
}

/// The terminal as it was. What cannot be given back is lost with the terminal itself.
fn give_back() {
    let _raw = disable_raw_mode();
    let _screen = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
}
