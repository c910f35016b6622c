//! Fetching, expanding and quantizing, killed at random moments: what the cache holds is whole, and what was begun is
//! cleared away by the next start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use candle_core::quantized::GgmlDType;
use infercost_openai_mock::{Reply, StandIn, Step};
use tempfile::TempDir;

use super::{Moments, alone, kill_after, rounds, strays, tell};
use crate::program::infercost;
use crate::tiny;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A folder with a manifest of a model that is published in four bits: its full precision is expanded from that.
fn published() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("models")).unwrap();
    tiny::write_model(&folder.path().join("models/source.gguf"), 1, GgmlDType::Q4_1).unwrap();
    fs::write(
        folder.path().join("models/mine.toml"),
        "name = \"mine\"\ntitle = \"Mine\"\nlicense = { name = \"MIT\", url = \"https://example.org\" }\n\
         full_precision = \"full\"\ncompare = [\"full\", \"q8_0\"]\n\
         [[variant]]\nname = \"full\"\nsource = [{ kind = \"expand\", from = \"q4_1\" }]\n\
         [[variant]]\nname = \"q4_1\"\nsource = [{ kind = \"path\", path = \"source.gguf\" }]\n\
         [[variant]]\nname = \"q8_0\"\nsource = [{ kind = \"quantize\", recipe = \"Q8_0\" }]\n",
    )
    .unwrap();
    folder
}

/// Files below a folder that end with `.gguf`, by name, with their bytes.
fn models(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for path in below(folder) {
        if path.extension().is_some_and(|end| end == "gguf") {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()));
        }
    }
    found.sort();
    found
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            files.extend(below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Kills `command` in fresh folders, lets it run afterwards, and holds what `folder_of_models` then has against what it
/// has where nothing was killed.
fn check(
    what: &str,
    bench: impl Fn() -> TempDir,
    command: impl Fn(&Path) -> Command,
    folder_of_models: &str,
) {
    let _alone = alone();
    let whole = bench();
    let began = Instant::now();
    let output = command(whole.path()).output().unwrap();
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let (length, wanted) = (began.elapsed(), models(&whole.path().join(folder_of_models)));
    assert!(!wanted.is_empty(), "{what}: made nothing");
    let (mut moments, mut caught) = (Moments::seeded(), 0);

    for round in 0..rounds() {
        let folder = bench();
        caught += u32::from(kill_after(command(folder.path()), moments.within(length)));

        // what stands under its own name is whole already
        for (name, bytes) in models(&folder.path().join(folder_of_models)) {
            let whole = wanted.iter().find(|(known, _)| *known == name);
            assert!(whole.is_none_or(|(_, whole)| *whole == bytes), "{what}, round {round}: half of {name}");
        }

        let output = command(folder.path()).output().unwrap();
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(models(&folder.path().join(folder_of_models)), wanted, "{what}, round {round}");
        assert_eq!(strays(folder.path()), [] as [&Path; 0], "{what}, round {round}");
    }

    let tried = format!("{} kills, {caught} before its end", rounds());
    tell(
        what,
        &tried,
        "the same bytes as from an undisturbed start, nothing half under its name, nothing left over",
    );
}

#[test]
fn expanding_and_quantizing_for_the_cache() {
    let pull = |folder: &Path| infercost(folder, &["models", "pull", "mine/full", "mine/q8_0"]);
    check("`models pull`, expanding and quantizing", published, pull, "cache");
}

#[test]
fn quantizing_into_a_file() {
    let bench = || {
        let folder = tempfile::tempdir().unwrap();
        tiny::write_model(&folder.path().join("some.gguf"), 1, GgmlDType::F32).unwrap();
        fs::create_dir(folder.path().join("out")).unwrap();
        folder
    };
    let quantize = |folder: &Path| {
        // what stands there from before is replaced, as after a kill behind the last step
        fs::remove_file(folder.join("out/small.gguf")).ok();
        infercost(folder, &["quantize", "some.gguf", "Q4_0", "-o", "out/small.gguf"])
    };
    check("`quantize -o`", bench, quantize, "out");
}

#[test]
fn fetching_from_the_hub() {
    let content: String = (0..40_000).map(|line| format!("line {line} of a file\n")).collect();
    let sent = content.clone();
    let hub = StandIn::start(move |asked| {
        if !asked.path.contains("/resolve/") {
            return Reply::json(&format!("{{\"sha\":\"{COMMIT}\",\"siblings\":[]}}"));
        }
        part(&sent, asked.head)
    })
    .unwrap();
    let endpoint = hub.base().replace("/v1", "");

    let bench = || {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("models")).unwrap();
        fs::write(
            folder.path().join("models/mine.toml"),
            "name = \"mine\"\ntitle = \"Mine\"\nlicense = { name = \"MIT\", url = \"https://example.org\" }\n\
             full_precision = \"full\"\ncompare = [\"full\"]\n[[variant]]\nname = \"full\"\n\
             source = [{ kind = \"hub\", repo = \"o/r\", revision = \"main\", files = [{ path = \"tiny.gguf\" }] }]\n",
        )
        .unwrap();
        folder
    };
    let pull = move |folder: &Path| {
        let mut command = infercost(folder, &["models", "pull", "mine/full"]);
        command.env("HF_ENDPOINT", &endpoint).env("HF_HOME", folder.join("hub"));
        command.env_remove("HF_TOKEN").env_remove("HF_HUB_CACHE").env_remove("HF_HUB_OFFLINE");
        command
    };
    check("`models pull` from a hub", bench, pull, "hub");
}

/// The part of the file that is asked for, in ten pieces.
fn part(content: &str, head: &str) -> Reply {
    let range = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("range").then(|| value.trim().trim_start_matches("bytes=").to_owned())
    });
    let range = range.unwrap_or_else(|| "0-".to_owned());
    let (start, end) = range.split_once('-').unwrap();
    let start: usize = start.parse().unwrap_or(0);
    let end = end.parse().unwrap_or(content.len() - 1).min(content.len() - 1);
    let body = content.get(start..=end).unwrap_or_default();

    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nX-Repo-Commit: {COMMIT}\r\nETag: \"{}\"\r\nContent-Range: bytes {start}-{end}/{}\r\n\
         Content-Length: {}\r\n\r\n",
        hash(content),
        content.len(),
        body.len()
    );
    let mut steps = vec![Step::Send(head.into_bytes())];
    for piece in body.as_bytes().chunks(body.len().div_ceil(10).max(1)) {
        steps.extend([Step::Send(piece.to_vec()), Step::Wait(Duration::from_millis(20))]);
    }
    Reply::of(steps)
}

/// SHA-256, by the system's own tool: this crate has no library for it.
fn hash(content: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), content).unwrap();
    let output = Command::new("sha256sum").arg(file.path()).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split(' ').next().unwrap().to_owned()
}
