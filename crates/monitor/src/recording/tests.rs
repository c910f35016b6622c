#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::Write as _;
use std::time::Duration;

use super::*;
use crate::otlp::MetricsPush;
use crate::{Monitor, MonitorOptions, Tariffs};

fn header() -> RecordingHeader {
    RecordingHeader {
        schema: RECORDING_SCHEMA.to_owned(),
        machine: "m".to_owned(),
        started_at: Timestamp::UNIX_EPOCH,
        version: "0".to_owned(),
        servers: vec!["http://s".to_owned()],
    }
}

fn recorded(folder: &Path) {
    let lines = create(folder, &header()).unwrap();
    let options = MonitorOptions {
        machine: "m".to_owned(),
        version: "0".to_owned(),
        interval: Duration::from_secs(1),
        tariffs: Tariffs::default(),
    };
    let mut snapshot = Monitor::new(options).snapshot();
    snapshot.sums =
        Tally { seen_s: 60.0, metered_s: 59.0, joules: 1234.5, output_tokens: 700.0, ..Tally::default() };
    let push = MetricsPush::start(lines, Duration::from_secs(3600), "m", &[]);
    push.show(&snapshot);
}

#[test]
fn what_is_written_is_read_and_a_cut_line_is_left_aside() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("traces/20260101-000000");
    recorded(&folder);
    assert!(is_recording(&folder));
    let recording = read(&folder).unwrap();
    assert_eq!(recording.header, header());
    assert_eq!(recording.broken_lines, 0);
    let sums = recording.sums;
    assert_eq!((sums.seen_s, sums.metered_s, sums.joules, sums.output_tokens), (60.0, 59.0, 1234.5, 700.0));

    let mut file = OpenOptions::new().append(true).open(folder.join(METRICS)).unwrap();
    file.write_all(b"{\"resourceMetrics\":[{\"scopeMet").unwrap();
    let cut = read(&folder).unwrap();
    assert_eq!((cut.sums, cut.broken_lines), (sums, 1));
    // nothing is written over
    assert!(matches!(create(&folder, &header()), Err(RecordingError::Io { .. })));
}

#[test]
fn folders_that_hold_none() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    assert!(!is_recording(folder) && read(folder).is_err());
    fs::write(folder.join(HEADER), "{}").unwrap();
    assert!(matches!(read(folder), Err(RecordingError::Header { .. })));
    let newer = RecordingHeader { schema: "infercost.recording/9".to_owned(), ..header() };
    fs::write(folder.join(HEADER), serde_json::to_vec(&newer).unwrap()).unwrap();
    assert!(read(folder).unwrap_err().to_string().contains("this program reads"));
    fs::write(folder.join(HEADER), serde_json::to_vec(&header()).unwrap()).unwrap();
    for lines in ["", "garbage\n", "{\"resourceMetrics\":[]}\n"] {
        fs::write(folder.join(METRICS), lines).unwrap();
        assert!(matches!(read(folder), Err(RecordingError::Empty { .. })), "{lines}");
    }
}

/// A pipe that nobody writes to is refused and not waited for.
#[test]
fn a_pipe_in_place_of_a_file_is_refused() {
    for name in [HEADER, METRICS] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("traces/20260101-000000");
        recorded(&folder);
        let pipe = folder.join(name);
        fs::remove_file(&pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        let (answer, answers) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            answer.send(read(&folder).map(drop).map_err(|error| error.to_string())).ok();
        });
        let error = answers.recv_timeout(Duration::from_secs(20)).unwrap().unwrap_err();
        assert!(error.contains(name), "{error}");
    }
}
