#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use infercost_export::listener::Listener;

use super::*;
use crate::web::{Access, Board, MonitorPages, Token};
use crate::{Monitor, MonitorOptions, Tariffs};

const TOKEN: &str = "0123456789abcdef";

/// A monitor that shows so many watts.
fn machine(watts: f64) -> Listener {
    let options = MonitorOptions {
        machine: format!("m{watts}\u{1b}[2J"),
        version: "0".to_owned(),
        interval: Duration::from_secs(1),
        tariffs: Tariffs::default(),
    };
    let mut snapshot = Monitor::new(options).snapshot();
    snapshot.power_w = Shown::Value(watts);
    let board = Arc::new(Board::default());
    board.publish(&snapshot);
    let address = "127.0.0.1:0".parse().unwrap();
    let access = Access { address, token: Some(Token::new(TOKEN).unwrap()), names: Vec::new() };
    Listener::start(address, Arc::new(MonitorPages::new(board, access))).unwrap()
}

fn address(listener: &Listener) -> String {
    format!("http://{}", listener.address())
}

#[test]
fn one_that_is_away_is_part_of_no_sum() {
    let (one, other) = (machine(100.0), machine(50.0));
    let addresses = [address(&one), address(&other)];
    let mut farm = Farm::start(&addresses, Some(TOKEN)).unwrap();
    let view = farm.read(Duration::from_secs(10));
    assert_eq!(view.power_w, Shown::Value(150.0));
    assert!(view.machines.iter().all(|machine| machine.presence.is_here()), "{view:?}");
    assert!(!view.machines[0].name.as_ref().unwrap().contains('\u{1b}'));

    drop(other);
    let mut view = farm.read(Duration::from_secs(10));
    for _ in 0..100 {
        if !view.machines[1].presence.is_here() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        view = farm.read(Duration::from_secs(10));
    }
    assert!(!view.machines[1].presence.is_here());
    assert_eq!(view.power_w, Shown::Value(100.0));
    assert!(view.machines[1].power_w.value().is_none());
    assert!(view.events.iter().any(|event| event.text.contains("is away") && event.warning));
}

#[test]
fn whoever_is_no_monitor_or_wants_a_token_is_away() {
    let listener = machine(1.0);
    let mut farm = Farm::start(&[address(&listener)], None).unwrap();
    let view = farm.read(Duration::from_secs(10));
    let away = |view: &FarmView| match &view.machines[0].presence {
        Presence::Away { why, .. } => why.clone(),
        Presence::Here => panic!("it is here"),
    };
    assert!(away(&view).contains("--token"), "{}", away(&view));
    assert_eq!(view.power_w.why(), Some("no machine knows it"));
}
