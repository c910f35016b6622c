use infercost_monitor::snapshot::{DeviceView, EventView, Presence, ServerView};
use infercost_monitor::{Monitor, MonitorOptions, Tariffs};
use ratatui_core::backend::TestBackend;
use ratatui_core::terminal::Terminal;

use super::*;

fn snapshot() -> Snapshot {
    let options = MonitorOptions {
        machine: "host\u{1b}[2J".to_owned(),
        version: "0".to_owned(),
        interval: std::time::Duration::from_secs(1),
        tariffs: Tariffs::default(),
    };

    let mut snapshot = Monitor::new(options).snapshot();
    snapshot.power_w = Shown::Value(143.2);
    let none = || Shown::missing("the driver does not show it");
    snapshot.devices = vec![DeviceView {
        id: "GPU-1".to_owned(),
        name: "Scripted\u{1b}]0;evil\u{7} GPU".to_owned(),
        kind: "gpu".to_owned(),
        presence: Presence::Here,
        power_w: Shown::Value(143.2),
        estimated: false,
        energy_j: Shown::Value(12_345.0),
        unmeasured_s: 0.0,
        temperature_c: Shown::Value(61.0),
        utilization: none(),
        memory_used_b: Shown::Value(1_200_000_000),
        memory_total_b: Shown::Value(8_000_000_000),
        clock_mhz: Shown::Value(1980.0),
        memory_clock_mhz: Shown::missing("no"),
        power_limit_w: Shown::Value(300.0),
        throttling: Shown::Value(vec!["sw thermal slowdown".to_owned()]),
        processes: Shown::Value(Vec::new()),
    }];

    snapshot.servers = vec![ServerView {
        address: "http://localhost:8080".to_owned(),
        kind: Some("llama.cpp".to_owned()),
        presence: Presence::Away { for_s: 12.0, why: "nothing listens there".to_owned() },
        models: Vec::new(),
        output_tokens_per_s: none(),
        output_tokens_per_s_minute: none(),
        input_tokens_per_s: none(),
        output_tokens: none(),
        input_tokens: none(),
        requests: none(),
        running: none(),
        waiting: none(),
        cache: none(),
        first_token_s: none(),
    }];

    let event =
        EventView { at: jiff::Timestamp::UNIX_EPOCH, text: "clock was set".to_owned(), warning: true };
    snapshot.events = vec![event];
    snapshot
}

fn screen(width: u16, height: u16, snapshot: &Snapshot) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut state = ViewState::new();
    state.remember(snapshot);
    terminal.draw(|frame| draw(frame, snapshot, &state)).unwrap();
    terminal.backend().to_string()
}

#[test]
fn what_must_be_seen_is_seen_at_both_sizes() {
    for (width, height) in [(80, 24), (200, 50), (60, 16)] {
        let screen = screen(width, height, &snapshot());
        for part in [
            "143 W",
            "61 °C",
            "away 12 s",
            "nothing listens",
            "clock was set",
            "sw thermal",
            "q quit",
            "idle waste",
        ] {
            // the narrowest has no room for everything
            let may_lack = width == 60 && matches!(part, "sw thermal" | "nothing listens");
            assert!(may_lack || screen.contains(part), "{width}x{height} lacks {part}:\n{screen}");
        }
        assert!(!screen.contains('\u{1b}') && !screen.contains('\u{7}'));
    }
    assert!(screen(200, 50, &snapshot()).contains("utilization: the driver does not show it"));
    assert!(screen(200, 50, &snapshot()).contains("12.3 kJ"));
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    for (width, height) in [(40, 10), (200, 5), (10, 50), (1, 1)] {
        let screen = screen(width, height, &snapshot());
        assert!(width < 20 || screen.contains("This terminal has"), "{screen}");
    }
}

#[test]
fn more_devices_than_lines_are_counted() {
    let mut many = snapshot();
    let one = many.devices[0].clone();
    many.devices = (0..30).map(|index| DeviceView { id: format!("GPU-{index}"), ..one.clone() }).collect();
    many.servers = (0..30).map(|_| many.servers[0].clone()).collect();
    let screen = screen(80, 24, &many);
    assert!(screen.matches("more").count() >= 2 && screen.contains("idle waste"), "{screen}");
}
