//! The README's example is what the code prints, from the recorded run that it names.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

mod workspace;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use infercost_openai_mock::{Reply, StandIn, StreamScript};

#[test]
fn the_first_example_is_the_report_of_the_sample_run() {
    let readme = fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let name = workspace::sample_run().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(readme.contains(&format!("traces/sample/{name}")), "the README names another run");
    let shown = readme.split("```").nth(3).unwrap().trim();
    let output = Command::new(env!("CARGO_BIN_EXE_infercost"))
        .current_dir(workspace::root())
        .args(["report", &format!("traces/sample/{name}")])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let printed: Vec<&str> = printed.lines().filter(|line| !line.starts_with("  trace: ")).collect();
    assert_eq!(shown, printed.join("\n").trim());
}

/// Not a test: a server that stands for `llama-server` in the test below.
#[test]
#[ignore = "a server for another test"]
fn stub_server() {
    let Some(port) = std::env::args().find_map(|word| word.strip_prefix("port=")?.parse::<u16>().ok()) else {
        return;
    };
    let script = StreamScript { first: Duration::from_millis(2), ..StreamScript::default() };
    let server = StandIn::start(move |asked| match asked.path {
        path if path.ends_with("/completions") => script.reply(),
        "/v1/models" => Reply::json(r#"{"object":"list","data":[{"id":"demo","object":"model"}]}"#),
        _ => Reply::not_found(),
    })
    .unwrap();

    // every connection is handed on to the scripted server, which chose its port itself
    let to = server.base().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    for near in listener.incoming() {
        let (Ok(near), Ok(far)) = (near, TcpStream::connect(&to)) else { continue };
        for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
            std::thread::spawn(move || {
                let _gone = std::io::copy(&mut from, &mut to);
                let _closed = to.shutdown(std::net::Shutdown::Both);
            });
        }
    }
}

/// The commands of the README's three jobs, each as one line.
fn jobs() -> Vec<String> {
    let readme = fs::read_to_string(workspace::root().join("README.md")).unwrap();
    let (_, jobs) = readme.split_once("## Three jobs").unwrap();
    let (jobs, _) = jobs.split_once("\n## ").unwrap();

    let mut commands = Vec::new();
    // text and blocks take turns; a block with a language is no list of commands
    for block in jobs.split("```").skip(1).step_by(2).filter(|block| block.starts_with('\n')) {
        let joined = block.replace("\\\n", " ");
        commands.extend(joined.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
    }
    commands
}

/// Word for word, in an empty folder, without network: each command ends with an answer.
#[cfg(unix)]
#[test]
fn the_three_jobs_work_as_they_are_written() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let programs = folder.path().join("programs");
    let empty = folder.path().join("empty");
    fs::create_dir_all(&programs).unwrap();
    fs::create_dir_all(&empty).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_infercost"), programs.join("infercost")).unwrap();
    let this = std::env::current_exe().unwrap();
    let server = programs.join("llama-server");
    let script = format!(
        "#!/bin/sh\nwhile [ $# -gt 0 ]; do [ \"$1\" = --port ] && port=$2; shift; done\n\
         exec '{}' --ignored --exact --nocapture stub_server port=$port\n",
        this.display()
    );
    fs::write(&server, script).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();

    let jobs = jobs();
    assert!(jobs.len() >= 8, "{jobs:#?}");
    let path = std::env::var("PATH").unwrap();
    for command in jobs {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(&empty)
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("INFERCOST_CACHE", folder.path().join("cache"))
            .env("INFERCOST_OFFLINE", "1")
            .env("HOME", folder.path())
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        // not settled, and a limit that is passed, are answers
        assert!(matches!(output.status.code(), Some(0 | 3 | 4)), "{command}: {:?}\n{said}", output.status);
    }
    for file in ["report.html", "report.md", "report.svg"] {
        assert!(fs::metadata(empty.join(file)).unwrap().len() > 500, "{file}");
    }
}
