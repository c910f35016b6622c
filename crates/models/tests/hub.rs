//! The hub path against a replica on the loopback interface: good answers, broken ones, none.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use infercost_models::hub::{Patience, Token};
use infercost_models::{
    Catalog, HubSettings, ModelCache, ModelError, ModelStore, Pip, Progress, ResolvedModel,
};
use sha2::{Digest, Sha256};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const LENGTH: usize = 700_000;

/// How the replica misbehaves.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Behavior {
    Good,
    /// Closes the connection in the middle of the body, the first time.
    CutOnce,
    /// Closes it every time, after no byte.
    CutAlways,
    /// Answers a range request with the whole file.
    IgnoresRange,
    /// Sends other bytes than its own hash says.
    WrongBytes,
    /// Redirects to a store, as the hub does for large files.
    Redirects,
    /// A mirror: redirects without a word, its store tells an ETag alone, the listing tells the commit.
    Mirror,
    /// A plain file server: no ETag, no commit, no ranges, no listing.
    Bare,
    /// A repository that has another name by now.
    Renamed,
    NotFound,
    Gated,
    Garbage,
    /// Takes the request and says nothing.
    Silent,
    /// Stops in the middle of the body.
    Stalls,
    /// Sends a byte now and then, for ever.
    Trickles,
    /// A mirror whose listing begins and never ends.
    ListingStalls,
    /// An ETag that would leave the folder.
    EvilEtag,
}

struct Replica {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

fn content() -> Vec<u8> {
    (0..LENGTH).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn replica(behavior: Behavior) -> Replica {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&requests);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            thread::spawn(move || serve(stream, behavior, &seen));
        }
    });
    Replica { endpoint, requests }
}

fn serve(mut stream: TcpStream, behavior: Behavior, seen: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let request = lines.next().and_then(Result::ok).unwrap_or_default();
    let head: Vec<String> =
        lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };

    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    let range = header("range").unwrap_or_default();
    let cuts_before = {
        let mut seen = seen.lock().unwrap();
        seen.push(format!("{path} {range} {}", header("authorization").unwrap_or_default()));
        seen.iter().filter(|one| !one.contains("bytes=0-0")).count()
    };

    let content = content();
    let probe = range == "bytes=0-0";
    let start: usize = range.trim_start_matches("bytes=").split('-').next().unwrap().parse().unwrap_or(0);
    let etag = if behavior == Behavior::EvilEtag { "../../../evil".to_owned() } else { hash(&content) };
    let hub_headers = format!("X-Repo-Commit: {COMMIT}\r\nETag: \"{etag}\"\r\n");
    let mut send = |head: String, body: &[u8]| {
        stream.write_all(format!("HTTP/1.1 {head}Connection: close\r\n\r\n").as_bytes()).ok();
        stream.write_all(body).ok();
        stream.flush().ok();
    };

    let body = if probe { &content[..1] } else { &content[start..] };
    let partial = |length: usize| {
        let last = start + length - 1;
        format!(
            "206 Partial\r\n{hub_headers}Content-Range: bytes {start}-{last}/{LENGTH}\r\nContent-Length: {length}\r\n"
        )
    };

    match behavior {
        Behavior::NotFound => {
            send("404 Not Found\r\nX-Error-Code: EntryNotFound\r\nContent-Length: 0\r\n".into(), b"");
        }
        Behavior::Gated => {
            send("401 Unauthorized\r\nX-Error-Code: GatedRepo\r\nContent-Length: 0\r\n".into(), b"");
        }
        Behavior::Garbage => send("\u{1b}[31mnonsense\r\n".into(), b"\x00\x01\x02"),
        Behavior::Silent => thread::sleep(Duration::from_secs(20)),
        Behavior::Redirects if path.contains("/resolve/") => send(
            format!(
                "302 Found\r\nX-Repo-Commit: {COMMIT}\r\nX-Linked-Etag: \"{etag}\"\r\nETag: \"other\"\r\nLocation: \
                 /store/x\r\nContent-Length: 0\r\n"
            ),
            b"",
        ),
        Behavior::Mirror if path.starts_with("/api/") => {
            let listing = format!("{{\"sha\":\"{COMMIT}\",\"siblings\":[]}}");
            send(format!("200 OK\r\nContent-Length: {}\r\n", listing.len()), listing.as_bytes());
        }
        Behavior::ListingStalls if path.starts_with("/api/") => {
            send("200 OK\r\nContent-Length: 100\r\n".into(), b"{");
            thread::sleep(Duration::from_secs(20));
        }
        Behavior::Mirror | Behavior::ListingStalls if path.contains("/resolve/") => {
            send("302 Found\r\nLocation: /store/x?y=1\r\nContent-Length: 0\r\n".into(), b"");
        }
        Behavior::Mirror | Behavior::ListingStalls => {
            let head = partial(body.len()).replace(&format!("X-Repo-Commit: {COMMIT}\r\n"), "");
            send(head.replace("ETag: \"", "ETag: W/\""), body);
        }
        Behavior::Bare if path.starts_with("/api/") => send("404 Not Found\r\nContent-Length: 0\r\n".into(), b""),
        Behavior::Bare => send(format!("200 OK\r\nContent-Length: {LENGTH}\r\n"), &content),
        Behavior::Renamed if path.starts_with("/o/r/") => send(
            "307 Temporary Redirect\r\nETag: \"of the redirect\"\r\nLocation: /n/s/resolve/main/tiny.gguf\r\n\
             Content-Length: 0\r\n"
                .into(),
            b"",
        ),
        _ if probe => send(partial(1), body),
        Behavior::CutOnce if cuts_before == 1 => send(partial(body.len()), &body[..300_000]),
        Behavior::CutAlways => send(partial(body.len()), b""),
        Behavior::Stalls => {
            send(partial(body.len()), &body[..100_000]);
            thread::sleep(Duration::from_secs(20));
        }
        Behavior::Trickles => {
            send(partial(body.len()), &body[..1]);
            for byte in body.chunks(1).skip(1).take(80) {
                thread::sleep(Duration::from_millis(250));
                if stream.write_all(byte).is_err() {
                    break;
                }
            }
        }
        Behavior::IgnoresRange => {
            send(format!("200 OK\r\n{hub_headers}Content-Length: {LENGTH}\r\n"), &content);
        }
        Behavior::WrongBytes => {
            let mut wrong = body.to_vec();
            wrong[7] ^= 1;
            send(partial(wrong.len()), &wrong);
        }
        _ => send(partial(body.len()), body),
    }

    // What the client still sends is taken, so that closing does not cut off what it has not read.
    stream.shutdown(std::net::Shutdown::Write).ok();
    stream.set_read_timeout(Some(Duration::from_millis(200))).ok();
    let mut rest = [0; 64];
    while stream.read(&mut rest).is_ok_and(|count| count > 0) {}
}

struct Bench {
    _folder: tempfile::TempDir,
    root: PathBuf,
    store: ModelStore,
}

fn bench(endpoint: &str, sha256: Option<&str>) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_owned();
    let promised = sha256.map_or_else(String::new, |hash| format!(", sha256 = \"{hash}\""));
    fs::create_dir(root.join("models")).unwrap();
    fs::write(
        root.join("models/tiny.toml"),
        format!(
            "name = \"tiny\"\ntitle = \"Tiny\"\nlicense = {{ name = \"MIT\", url = \"https://example.org\", notice = \"Mind it.\" }}\n\
             full_precision = \"full\"\ncompare = [\"full\"]\n[[variant]]\nname = \"full\"\n\
             source = [{{ kind = \"hub\", repo = \"o/r\", revision = \"main\", files = [{{ path = \"tiny.gguf\"{promised} }}] }}]\n"
        ),
    )
    .unwrap();

    let hub = HubSettings {
        endpoint: Some(endpoint.to_owned()),
        cache: Some(root.join("hub")),
        token: Some(Token("secret".into())),
        offline: false,
        patience: Patience {
            connect: Duration::from_secs(2),
            answer: Duration::from_secs(1),
            stall: Duration::from_secs(1),
        },
    };

    let store = ModelStore {
        catalog: Catalog::load(Some(&root.join("models"))),
        cache: ModelCache::at(root.join("cache")),
        hub,
        pip: Pip { commands: Vec::new() },
        offline: false,
    };

    Bench { _folder: folder, root, store }
}

impl Bench {
    fn resolve(&self) -> Result<ResolvedModel, ModelError> {
        self.store.resolve_all(&["tiny".to_owned()], &mut |_| ()).map(|mut models| models.remove(0))
    }

    /// Files below the hub's cache, locks apart.
    fn kept(&self) -> Vec<PathBuf> {
        let mut kept = Vec::new();
        walk(&self.root.join("hub"), &mut kept);
        kept.retain(|path| path.extension().is_none_or(|end| end != "lock"));
        kept.sort();
        kept
    }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() { walk(&entry.path(), into) } else { into.push(entry.path()) }
    }
}

#[test]
fn good_answers() {
    let check = |behavior: Behavior, requests: usize| {
        let replica = replica(behavior);
        let bench = bench(&replica.endpoint, Some(&hash(&content())));
        let model = bench.resolve().unwrap();
        assert_eq!(fs::read(model.location.path().unwrap()).unwrap(), content(), "{behavior:?}");
        assert_eq!(model.sha256.as_deref(), Some(hash(&content()).as_str()));
        assert_eq!(model.provenance.to_string(), "published, from hub o/r@0123456789ab");
        assert_eq!(replica.requests.lock().unwrap().len(), requests, "{behavior:?}");
        // The layout that every hub client shares.
        let snapshot = bench.root.join(format!("hub/models--o--r/snapshots/{COMMIT}/tiny.gguf"));
        assert_eq!(model.location.path(), Some(snapshot.as_path()));
        assert_eq!(
            fs::read_link(&snapshot).unwrap(),
            Path::new("../../blobs").join(hash(&content())),
            "a relative link"
        );
        let noted = fs::read_to_string(bench.root.join("hub/models--o--r/refs/main")).unwrap();
        assert_eq!(noted, COMMIT);
        // A second time needs no network, and neither does being offline.
        assert_eq!(bench.resolve().unwrap(), model);
        let mut offline = bench;
        offline.store.hub.offline = true;
        assert_eq!(offline.resolve().unwrap(), model);
        assert_eq!(replica.requests.lock().unwrap().len(), requests, "{behavior:?}");
    };

    check(Behavior::Good, 2);
    check(Behavior::CutOnce, 3);
    check(Behavior::IgnoresRange, 2);
    check(Behavior::Redirects, 4);
}

#[test]
fn mirrors_may_keep_hash_and_commit_to_themselves() {
    for (behavior, sha256, source) in [
        (Behavior::Mirror, None, "hub o/r@0123456789ab"),
        (Behavior::Bare, None, "hub o/r@unknown-comm"),
        (Behavior::Bare, Some(hash(&content())), "hub o/r@unknown-comm"),
        (Behavior::Renamed, None, "hub o/r@0123456789ab"),
    ] {
        let replica = replica(behavior);
        let bench = bench(&replica.endpoint, sha256.as_deref());
        let model = bench.resolve().unwrap_or_else(|error| panic!("{behavior:?}: {error}"));
        assert_eq!(fs::read(model.location.path().unwrap()).unwrap(), content(), "{behavior:?}");
        assert_eq!(model.sha256.as_deref(), Some(hash(&content()).as_str()), "{behavior:?}");
        assert_eq!(model.provenance.to_string(), format!("published, from {source}"), "{behavior:?}");
        let requests = replica.requests.lock().unwrap().len();
        assert_eq!(bench.resolve().unwrap(), model, "{behavior:?}");
        assert_eq!(
            replica.requests.lock().unwrap().len(),
            requests,
            "{behavior:?}: a second time asks nobody"
        );
    }
}

#[test]
fn a_cut_download_is_resumed_where_it_stopped() {
    let replica = replica(Behavior::CutOnce);
    bench(&replica.endpoint, None).resolve().unwrap();
    let requests = replica.requests.lock().unwrap().clone();
    assert!(requests[2].contains("bytes=300000-"), "{requests:?}");
}

#[test]
fn a_partial_file_of_an_earlier_run_is_taken_up() {
    let replicas = [(Behavior::Good, "bytes=250000-"), (Behavior::IgnoresRange, "bytes=250000-")];
    for (behavior, wanted) in replicas {
        let replica = replica(behavior);
        let bench = bench(&replica.endpoint, Some(&hash(&content())));
        let blobs = bench.root.join("hub/models--o--r/blobs");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(format!("{}.incomplete", hash(&content()))), &content()[..250_000]).unwrap();
        let model = bench.resolve().unwrap();
        assert_eq!(fs::read(model.location.path().unwrap()).unwrap(), content(), "{behavior:?}");
        assert!(replica.requests.lock().unwrap()[1].contains(wanted));
    }
}

#[test]
fn bad_answers() {
    let check = |behavior: Behavior, sha256: Option<&str>, wanted: &[&str], kept: usize| {
        let replica = replica(behavior);
        let bench = bench(&replica.endpoint, sha256);
        let started = Instant::now();
        let error = bench.resolve().unwrap_err().to_string();
        for wanted in wanted {
            assert!(error.contains(wanted), "{behavior:?}: {error}\nlacks {wanted}");
        }
        assert!(!error.contains("secret") && !error.contains('\u{1b}'), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{behavior:?} took {:?}", started.elapsed());
        assert_eq!(bench.kept().len(), kept, "{behavior:?}: {:?}", bench.kept());
    };
    let right = hash(&content());
    let other = "0".repeat(64);
    check(Behavior::NotFound, None, &["no such file", "hub o/r@main"], 0);
    check(Behavior::Gated, None, &["license", "HF_TOKEN"], 0);
    check(Behavior::Garbage, None, &["cannot be reached"], 0);
    check(Behavior::Silent, None, &["in time"], 0);
    check(Behavior::Stalls, None, &["no byte came for 1 s", "resumes where it stopped"], 1);
    check(Behavior::Trickles, None, &["bytes came in 5 s", "resumes where it stopped"], 1);
    check(Behavior::CutAlways, None, &["at byte 0 of 700000"], 1);
    check(Behavior::EvilEtag, None, &["no usable ETag"], 0);
    check(Behavior::WrongBytes, Some(&right), &["wrong SHA-256", &right, "found"], 0);
    check(Behavior::WrongBytes, None, &["wrong SHA-256", &right], 0);
    // The hub's own word already breaks the manifest's promise: nothing is fetched.
    check(Behavior::Good, Some(&other), &["wrong SHA-256", &right, &other], 0);
}

/// What a listing would tell is done without, or is an error; a hub that never ends it holds nothing up.
#[test]
fn a_listing_that_never_ends_is_given_up() {
    let replica = replica(Behavior::ListingStalls);
    let bench = bench(&replica.endpoint, None);
    let started = Instant::now();
    let _ = bench.resolve();
    assert!(replica.requests.lock().unwrap().iter().any(|request| request.starts_with("/api/")));
    assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let endpoint = format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let error = bench(&endpoint, None).resolve().unwrap_err();
    let ModelError::NoSource { failures, .. } = &error else { panic!("{error}") };
    assert_eq!(failures.len(), 1);
    assert!(error.to_string().contains("cannot be reached"), "{error}");

    let mut offline = bench(&endpoint, None);
    offline.store.offline = true;
    let error = offline.resolve().unwrap_err().to_string();
    assert!(error.contains("--offline"), "{error}");
}

#[test]
fn the_token_goes_to_the_hub_and_the_license_is_shown_first() {
    let replica = replica(Behavior::Good);
    let bench = bench(&replica.endpoint, None);
    let mut told = Vec::new();
    bench.store.resolve_all(&["tiny/full".to_owned()], &mut |progress| told.push(progress)).unwrap();
    assert!(matches!(&told[0], Progress::LicenseNotice { text, .. } if text == "Mind it."), "{:?}", told[0]);
    let notices = told.iter().filter(|progress| matches!(progress, Progress::LicenseNotice { .. })).count();
    assert_eq!(notices, 1);
    let last = told.iter().rev().find_map(|progress| match progress {
        Progress::Step { done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    assert_eq!(last, Some((LENGTH as u64, Some(LENGTH as u64))));
    assert!(replica.requests.lock().unwrap().iter().all(|request| request.contains("Bearer secret")));
}
