//! Record → line → record is the identity.

use std::time::{Duration, SystemTime};

use infercost_trace::{ReadNotes, RunStore, inspect_run};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use proptest::prelude::*;

use crate::hostile::without_checksums;
use crate::records::{Measured, header, measured};

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(measured in measured()) {
        let traces = tempfile::tempdir().unwrap();
        let header = header();
        let mut store = RunStore::create(traces.path(), &header).unwrap();
        let folder = store.folder().to_owned();
        let Measured { load, idle, mut windows, evaluation } = measured;
        store.idle(&idle).unwrap();
        store.load(&load).unwrap();
        for window in &windows {
            for inference in &window.inferences {
                store.inference(&window.id, inference).unwrap();
            }
            store.window(window).unwrap();
        }
        store.evaluation(&evaluation).unwrap();
        let ended_at = SystemTime::from(header.started_at) + Duration::from_nanos(123_456_789);
        store.finish(ended_at).unwrap();

        let (run, notes) = inspect_run(&folder).unwrap();
        windows.sort_by_key(|window| (window.started_at, window.id.index));
        prop_assert_eq!(run.header, header);
        prop_assert_eq!(run.loads, vec![load]);
        prop_assert_eq!(run.idles, vec![idle]);
        prop_assert_eq!(run.windows, windows);
        prop_assert_eq!(run.evaluations, vec![evaluation]);
        prop_assert_eq!(run.finished_at, Some(ended_at));
        prop_assert_eq!(notes, ReadNotes::default());

        // the types of opentelemetry-proto read every line, its checksum included, and write it again byte for byte
        let text = std::fs::read_to_string(folder.join("spans.jsonl")).unwrap();
        for (line, plain) in text.split_terminator('\n').zip(without_checksums(&text).split_terminator('\n')) {
            let data: TracesData = serde_json::from_str(line).unwrap();
            prop_assert_eq!(serde_json::to_string(&data).unwrap(), plain);
        }
    }
}
