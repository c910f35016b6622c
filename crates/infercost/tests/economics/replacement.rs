//! Keeping a machine against replacing it.

use super::{bench, check, close};
use crate::made_up::MadeUp;
use crate::program::{json, run};

#[test]
fn keep_or_replace_two_runs() {
    let folder = bench();
    MadeUp { id: "20261102-000000", seconds: 0.5, watts: Some(60.0), idle: Some(10.0), threads: 2 }
        .write(folder.path());
    let arguments = [
        "replace",
        "20261101-000000",
        "20261102-000000",
        "--requests-per-hour",
        "1800",
        "--new-life",
        "5",
        "--resale",
        "0",
    ];
    let found = json(&run(folder.path(), &[&arguments[..], &["--new-price", "100", "--json"]].concat()));
    // a year: old 1800 × 8760 × 100 J + 20 W × half the seconds; new 30 J and 10 W × three quarters; 0.36 EUR/kWh
    let (requests, seconds) = (1800.0 * 8760.0, 8760.0 * 3600.0);
    let saving =
        ((requests * 100.0 + 20.0 * seconds * 0.5) - (requests * 30.0 + 10.0 * seconds * 0.75)) * 1e-7;
    assert!(close(&found["yearly_saving"]["point"], saving), "{} is not {saving}", found["yearly_saving"]);
    assert!(close(&found["payback_months"]["point"], 100.0 / saving * 12.0));
    assert_eq!(found["decision"], "replace");
    check(folder.path(), &[&arguments[..], &["--new-price", "9000"]].concat(), 0, &["keep: "]);
}
