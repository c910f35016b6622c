//! What a monitor would have recorded: an hour with sums that are easy to bill.

use std::fs;
use std::path::Path;

use serde_json::json;

/// Sums of one hour, of which a quarter served: 60 W on average, and 90,000 output tokens of 450 requests.
const SUMS: [(&str, f64); 13] = [
    ("seen", 3600.0),
    ("metered", 3600.0),
    ("energy", 216_000.0),
    ("idle", 2700.0),
    ("serving", 900.0),
    ("idle_metered", 2700.0),
    ("idle_energy", 108_000.0),
    ("counted", 3600.0),
    ("output_tokens", 90_000.0),
    ("input_counted", 3600.0),
    ("input_tokens", 45_000.0),
    ("requests_counted", 3600.0),
    ("requests", 450.0),
];

/// Writes the recording of that id below `traces` of the folder.
pub(crate) fn write(folder: &Path, id: &str) {
    let folder = folder.join("traces").join(id);
    fs::create_dir_all(&folder).unwrap();
    let header = json!({
        "schema": "infercost.recording/1",
        "machine": "box",
        "started_at": "2026-11-01T00:00:00Z",
        "version": "0.1.0",
        "servers": ["http://localhost:8000"],
    });
    fs::write(folder.join("monitor.json"), header.to_string()).unwrap();

    let mut metrics = Vec::new();
    for (name, value) in SUMS {
        let points = json!([{"asDouble": value}]);
        metrics.push(json!({"name": format!("infercost.monitor.{name}"), "sum": {"dataPoints": points}}));
    }
    let line = json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]});
    fs::write(folder.join("metrics.jsonl"), format!("{line}\n")).unwrap();
}
