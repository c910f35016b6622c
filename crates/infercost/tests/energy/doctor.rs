//! `infercost doctor`: what it finds on a server, in a virtual machine, at a meter elsewhere.

use std::path::Path;

use infercost_energy::sysfs_twin::SysfsTwin;
use infercost_nvml_mock::{Board, Script, install};
use infercost_openai_mock::{Reply, StandIn};
use serde_json::Value;

use crate::program::{infercost, json};
use crate::{SERVER_WATTS, attempt, on_one_thread, server};

pub(crate) fn doctor(folder: &Path, more: &[&str]) -> Value {
    json(&on_one_thread(folder, &[&["doctor", "--json"], more].concat()).output().unwrap())
}

#[test]
fn the_doctor_on_a_server() {
    attempt(|_| {
        let folder = tempfile::tempdir().unwrap();
        let mut twin = SysfsTwin::new(folder.path().join("sys"));
        twin.fixed_file(Path::new("devices/system/cpu/cpu0/cpufreq/scaling_governor"), "powersave\n");
        drop(twin.play().unwrap());
        let playing = server(folder.path());
        let found = doctor(folder.path(), &[]);
        assert_eq!((&found["schema"], &found["basis"]), (&"infercost.doctor/1".into(), &"measured".into()));
        assert_eq!(found["covers"], serde_json::json!(["cpu_package", "dram"]));
        assert_eq!(found["machine"]["governor"], "powersave");
        let used = |meter: &&Value| meter["used"] == true;
        let meters = found["found"].as_array().unwrap();
        assert!(meters.iter().filter(used).count() >= 1, "{meters:?}");
        assert!(meters.iter().any(|meter| meter["name"] == "psys" && meter["used"] == false), "{meters:?}");
        assert!(found["sampler_overhead"].as_f64().is_some(), "{found}");
        assert!(found["doubts"].to_string().contains("powersave"), "{found}");
        // Both are means over a second at least.
        let tolerance = 0.05 + playing.oldest_value().as_secs_f64();
        for field in ["rest_w", "work_w"] {
            let watts = found[field].as_f64().ok_or_else(|| format!("no {field}: {found}"))?;
            if (watts / SERVER_WATTS - 1.0).abs() > tolerance {
                return Err(format!("{field}: {watts} W"));
            }
        }
        Ok(())
    });
}

#[test]
fn the_doctor_in_a_virtual_machine_without_sensors() {
    let folder = tempfile::tempdir().unwrap();
    let mut twin = SysfsTwin::new(folder.path().join("sys"));
    twin.fixed_file(Path::new("class/dmi/id/sys_vendor"), "QEMU\n");
    twin.fixed_file(Path::new("class/dmi/id/product_name"), "Standard PC (Q35 + ICH9, 2009)\n");
    drop(twin.play().unwrap());
    let found = doctor(folder.path(), &[]);
    assert_eq!(found["basis"], "nothing");
    assert!(
        found["machine"]["virtualization"].as_str().unwrap().contains("virtual machine (QEMU)"),
        "{found}"
    );
    for field in ["update_period_s", "rest_w", "work_w", "sampler_overhead"] {
        assert!(found[field].is_null(), "{field}: {found}");
    }
    let missing = found["missing"].as_array().unwrap();
    for name in ["rapl", "hwmon", "nvml"] {
        let meter = missing.iter().find(|meter| meter["name"] == name).unwrap();
        assert!(!meter["reason"].as_str().unwrap().is_empty() && !meter["fix"].as_str().unwrap().is_empty());
    }
    assert!(found["machine"]["memory_bandwidth"].as_f64().unwrap() > 0.0, "{found}");
    assert!(found["noise"]["spread"].as_f64().is_some(), "{found}");
    assert!(found["build"]["flags"].as_str().is_some_and(|flags| !flags.is_empty()), "{found}");
}

/// Where nothing measures, an estimate may; where something must, it may not.
#[test]
fn what_stands_in_for_a_meter() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(doctor(folder.path(), &[])["basis"], "nothing");
    let assumed = doctor(folder.path(), &["--assume-watts", "40"]);
    assert_eq!(assumed["basis"], "estimated", "{assumed:#}");
    let watts = assumed["rest_w"].as_f64().unwrap();
    assert!((watts - 40.0).abs() < 1.0, "joules by time: {watts} W");

    // which processors there is a number for is known, and this one may be none of them
    let estimated = doctor(folder.path(), &["--estimate"]);
    let why = estimated["meter"].as_str().unwrap();
    assert!(estimated["basis"] == "estimated" || why.contains("thermal design power"), "{estimated:#}");

    for more in [&["--require-measured"][..], &["--meter", "rapl"]] {
        let output = infercost(folder.path(), &[&["doctor"], more].concat()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{more:?}: {error}");
    }
}

/// A proxy of the environment would look for a meter of this machine at itself.
#[test]
fn a_meter_of_this_machine_is_asked_through_no_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let reply = Reply::whole(200, "text/plain", &[], "x_watts 40\n");
    let exporter = StandIn::start(move |_| reply.clone()).unwrap();
    let meter = format!("prometheus:{}/metrics?metric=x_watts&covers=platform", exporter.base());
    let mut command = infercost(folder.path(), &["doctor", "--json", "--meter", &meter]);
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"] {
        command.env(variable, "http://127.0.0.1:9");
    }
    let found = json(&command.output().unwrap());
    assert_eq!(found["basis"], "measured", "{found:#}");
}

/// Another user's board is neither read nor billed, and the answer says that it was left out.
#[test]
fn a_board_that_the_process_may_not_use_is_said_and_not_billed() {
    attempt(|_| {
        let folder = tempfile::tempdir().unwrap();
        let board =
            |number: u8, watts: f64| Board { uuid: format!("GPU-{number}"), watts, ..Board::default() };
        let script = Script { init_error: 0, boards: vec![board(1, 300.0), board(2, 60.0)] };
        let library = install(folder.path(), &script).unwrap();
        let mut command = infercost(folder.path(), &["doctor", "--json", "--meter", "nvml"]);
        command.env("INFERCOST_NVML_LIBRARY", &library).env("CUDA_VISIBLE_DEVICES", "1");

        let found = json(&command.output().unwrap());
        let meter = found["meter"].as_str().unwrap();
        assert!(meter.contains("GPU-2") && meter.contains("left out by CUDA_VISIBLE_DEVICES=1"), "{meter}");
        let watts = found["rest_w"].as_f64().ok_or_else(|| found.to_string())?;
        if (watts - 60.0).abs() < 6.0 { Ok(()) } else { Err(format!("{watts} W at rest")) }
    });
}
