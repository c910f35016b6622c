//! A plug at the wall: read, and what a machine takes there beside what its own sensors show.

use std::time::{Duration, Instant};

use infercost_core::Watts;
use infercost_energy::sysfs_twin::{Load, SysfsTwin};
use infercost_openai_mock::{Reply, StandIn};

use crate::doctor::doctor;
use crate::program::{json, run};
use crate::schema::hold;
use crate::{attempt, bench, compare, on_one_thread, shown};

/// A plug of the second generation that shows `watts` by the seconds since `begun`.
fn plug(begun: Instant, watts: impl Fn(f64) -> f64 + Send + Sync + 'static) -> StandIn {
    let reading = move || format!(r#"{{"id":0,"apower":{:.2}}}"#, watts(begun.elapsed().as_secs_f64()));
    StandIn::start(move |_| Reply::json(&reading())).unwrap()
}

/// How `--meter` and `--wall` name it.
fn shelly(plug: &StandIn) -> String {
    format!("shelly:{}", plug.base().trim_end_matches("/v1"))
}

#[test]
fn the_doctor_at_a_plug() {
    attempt(|_| {
        let folder = tempfile::tempdir().unwrap();
        let plug = plug(Instant::now(), |_| 50.0);
        let found = doctor(folder.path(), &["--meter", &shelly(&plug)]);
        assert_eq!(found["covers"], serde_json::json!(["wall"]));
        assert_eq!(found["update_period_s"], 1.0);
        assert_eq!(found["found"][0]["kind"], "integrated");

        let watts = found["rest_w"].as_f64().ok_or_else(|| found.to_string())?;
        if (watts / 50.0 - 1.0).abs() < 0.01 { Ok(()) } else { Err(format!("{watts} W at rest")) }
    });
}

/// The host rises from 20 to 100 W; the plug shows 1.25 times that and 12 W more.
#[test]
fn a_wall_factor_is_fitted_kept_and_billed() {
    attempt(|_| {
        let folder = bench(3, 8);
        let mut twin = SysfsTwin::new(folder.path().join("sys"));
        let over = Duration::from_secs(40);
        let (from, to) = (Watts::new(20.0), Watts::new(100.0));
        twin.rapl_zone("intel-rapl:0", "package-0", Load::Ramp { from, to, over });
        let begun = Instant::now();
        let playing = twin.play().unwrap();
        let plug = plug(begun, |time| 1.25 * (20.0 + 2.0 * time.min(40.0)) + 12.0);
        let wall = shelly(&plug);
        let arguments = ["doctor", "--calibrate", "--wall", &wall, "--window", "3s", "--json"];
        let output = on_one_thread(folder.path(), &arguments).output().unwrap();
        if !output.status.success() {
            return Err(shown(&output.stderr));
        }
        let mut fitted = json(&output);
        hold("wall-factor.v1", "doctor --calibrate", std::slice::from_ref(&fitted));
        fitted.as_object_mut().unwrap().remove("schema");
        let factor = fitted["factor"].as_f64().unwrap();
        // What the plug shows is up to half a second old, which moves the line but hardly tilts it; what the host shows may be
        // older at either end of a window of 3 s.
        if (factor / 1.25 - 1.0).abs() > 0.08 + playing.oldest_value().as_secs_f64() / 3.0 {
            return Err(format!("{fitted}"));
        }
        let text = shown(&compare(folder.path(), &[]).stdout);
        assert!(text.contains("Costs take energy at the wall"), "{text}");
        let found = doctor(folder.path(), &[]);
        assert_eq!(found["machine"]["wall_factor"], fitted, "{found}");
        // Another meter has no factor.
        let found = doctor(folder.path(), &["--meter", &wall]);
        assert!(found["machine"]["wall_factor"].is_null(), "{found}");
        Ok(())
    });
}

#[test]
fn a_calibration_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code, part) in [
        (&["doctor", "--calibrate"][..], 2, "--wall"),
        (&["doctor", "--wall", "shelly:127.0.0.1:1"], 2, "--calibrate"),
        (&["doctor", "--window", "3s"], 2, "--calibrate"),
        // as it was called once
        (&["doctor", "--calibrate", "--wall", "shelly:127.0.0.1:1", "--window-seconds", "3"], 5, "meter"),
    ] {
        let output = run(folder.path(), arguments);
        let error = shown(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(part), "{arguments:?}: {error}");
    }
}
