//! `optimize --measure --workload` of Parquet: tables and public traces are replayed, and what cannot be read is refused
//! before a server is started.

use std::fs;

use super::sprint::{arguments, command, place, ports};
use crate::program::run;

#[cfg(feature = "fleet")]
mod with_reader {
    use std::path::Path;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use infercost_fleet::TablesWriter;
    use infercost_fleet::tables::rows::InferenceRow;
    use serde_json::Value;
    use tempfile::TempDir;

    use super::*;
    use crate::alone;
    use crate::program::json;
    use crate::sprint::sprint_folder;

    /// Some seconds after the first of November 2026.
    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_793_491_200 + seconds)
    }

    fn write_tables(folder: &Path, rows: &[InferenceRow<'_>]) {
        let mut writer = TablesWriter::create(folder, "traces").unwrap();
        for row in rows {
            writer.inference(row).unwrap();
        }
        writer.finish().unwrap();
    }

    fn request(seconds: u64, input: u32, output: u32) -> InferenceRow<'static> {
        InferenceRow {
            model: Some("m"),
            issued_at: Some(at(seconds)),
            input_tokens: Some(input),
            output_tokens: Some(output),
            ..InferenceRow::default()
        }
    }

    /// The answer of a sprint on a workload, and what its first measurement was.
    struct Measured {
        report: Value,
        first: Value,
    }

    fn measure(folder: &TempDir, workload: &str, speedup: &str) -> Measured {
        let command = command();
        let mut arguments = arguments(&command, "np=1,2");
        arguments.retain(|word| !["--requests", "3"].contains(word));
        arguments.extend(["--workload", workload, "--speedup", speedup]);
        let report = json(&run(folder.path(), &arguments));
        let lines = sprint_folder(folder.path()).unwrap().join("sprint.jsonl");
        let lines = fs::read_to_string(lines).unwrap();
        let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        Measured { report, first: first["shown"]["measured"].clone() }
    }

    #[test]
    fn requests_of_tables_are_replayed_at_their_own_times() {
        let _alone = alone();
        let folder = place();
        let failed = InferenceRow { failed: true, output_tokens: None, ..request(12, 9, 1) };
        let rows = [
            request(30, 40, 5),
            request(0, 20, 5),
            InferenceRow { session: Some("chat"), ..request(1, 25, 5) },
            InferenceRow { session: Some("chat"), ..request(2, 35, 5) },
            failed,
        ];
        write_tables(&folder.path().join("tables"), &rows);
        let Measured { report, first } = measure(&folder, "tables", "20");

        assert!(report["workload"].as_str().unwrap().contains("infercost trace tables"), "{report:#}");
        let notes = report["notes"].to_string();
        assert!(notes.contains("1 request of the trace is left out: failed"), "{notes}");
        assert!(notes.contains("1 request is assumed to begin with the prompt before"), "{notes}");
        // 30 s become 1.5 s
        assert_eq!((&first["answers"], &first["failures"]), (&4.into(), &0.into()), "{first:#}");
        assert!(first["wall_s"].as_f64().unwrap() >= 1.5, "{first:#}");
    }

    #[test]
    fn a_public_trace_is_read_by_its_columns() {
        let _alone = alone();
        let folder = place();
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fleet/tests/fleet/burst.parquet");
        // known by what it begins with, and not by its name
        fs::copy(sample, folder.path().join("burst.bin")).unwrap();
        let Measured { report, first } = measure(&folder, "burst.bin", "40");

        assert!(report["workload"].as_str().unwrap().contains("BurstGPT trace burst.bin"), "{report:#}");
        let notes = report["notes"].to_string();
        assert!(notes.contains("1 request of the trace is left out: failed"), "{notes}");
        // three requests in 40 s, which become 1 s
        assert_eq!((&first["answers"], &first["failures"]), (&3.into(), &0.into()), "{first:#}");
        assert!(first["wall_s"].as_f64().unwrap() >= 1.0, "{first:#}");
    }

    #[test]
    fn parquet_that_is_none_is_refused_with_its_name() {
        let folder = place();
        let here = folder.path();
        fs::write(here.join("text.parquet"), "Timestamp,Request tokens,Response tokens\n1,2,3\n").unwrap();
        fs::create_dir(here.join("shards")).unwrap();
        fs::write(here.join("shards/train-0.parquet"), "PAR1").unwrap();
        write_tables(&here.join("none"), &[InferenceRow { input_tokens: None, ..request(1, 1, 1) }]);
        write_tables(&here.join("damaged"), &[request(1, 1, 1)]);
        let day = here.join("damaged/inferences/day=2026-11-01/model=m");
        fs::write(day.join("other-0.parquet"), "PAR1").unwrap();

        for (workload, wanted) in [
            ("text.parquet", "text.parquet: not a whole Parquet file"),
            ("shards", "no `inferences` in it; name one Parquet file"),
            ("none", "none: a workload without lengths: none of its 1 requests"),
            ("damaged", "other-0.parquet: not a whole Parquet file"),
        ] {
            refused(&folder, workload, wanted);
        }
    }
}

/// The program says this of a workload, and starts no server.
fn refused(folder: &tempfile::TempDir, workload: &str, wanted: &str) {
    let command = command();
    let mut arguments = arguments(&command, "np=1,2");
    arguments.extend(["--workload", workload]);
    let output = run(folder.path(), &arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{workload}: {error}");
    assert!(error.contains(wanted), "{workload}: {error}");
    assert!(ports(folder.path()).is_empty());
}

#[cfg(not(feature = "fleet"))]
#[test]
fn a_build_without_parquet_says_so() {
    let folder = place();
    fs::write(folder.path().join("trace.bin"), "PAR1 and more").unwrap();
    fs::create_dir_all(folder.path().join("tables/inferences")).unwrap();
    for workload in ["trace.bin", "tables"] {
        refused(&folder, workload, "built without Parquet; build it with `--features fleet`");
    }
}
