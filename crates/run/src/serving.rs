//! Servers that `--serve` starts: awaited, used through their address, and stopped with everything they started.
//!
//! A server is the leader of a process group of its own, so that stopping it stops its workers too, and nothing
//! that infercost did not start. It is stopped when its engine is dropped, and on the way out by a
//! signal that can be caught: Ctrl-C, SIGTERM, SIGHUP, SIGQUIT.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_core::VariantId;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::console;
use crate::usage::usage;

/// How long a server may take to end by itself once it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a starting or ending server is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Bytes from the end of a server's log that an error shows.
const TAIL: u64 = 1500;

/// Leaders of the process groups that are to be stopped, for the way out that runs no destructors.
static RUNNING: Mutex<BTreeMap<u32, ()>> = Mutex::new(BTreeMap::new());

/// Stops every server at once, without patience.
pub(crate) fn kill_all() {
    let running = std::mem::take(&mut *RUNNING.lock().unwrap_or_else(PoisonError::into_inner));
    for id in running.into_keys() {
        signal(id, Signal::KILL);
    }
}

/// The command of `--serve`, in words.
#[derive(Debug, Clone)]
pub(crate) struct ServeCommand {
    words: Vec<String>,
}

impl ServeCommand {
    /// Splits the command as a shell would, without running one.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let Some(words) = shlex::split(text).filter(|words| !words.is_empty()) else {
            return Err(usage("--serve: the command is empty, or a quote in it is left open"));
        };
        for place in ["{model}", "{port}"] {
            if !words.iter().skip(1).any(|word| word.contains(place)) {
                return Err(usage(format!(
                    "--serve: the command must hold {place}, as in \"llama-server -m {{model}} --port {{port}}\""
                )));
            }
        }
        Ok(Self { words })
    }

    /// The program and its arguments for one model.
    fn filled(&self, model: &str, port: u16) -> impl Iterator<Item = String> {
        let port = port.to_string();
        // a model's path may hold a brace of its own, so it is put in last
        self.words.iter().map(move |word| {
            word.split("{model}").map(|part| part.replace("{port}", &port)).collect::<Vec<_>>().join(model)
        })
    }
}

/// A server that was started here.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    variant: VariantId,
    port: u16,
    log: LogFile,
}

/// Where a server's output goes; the file moves into the run's folder once that is there, or is no more where the run
/// keeps no content.
#[derive(Debug, Clone)]
pub(crate) struct LogFile(Arc<Mutex<Option<PathBuf>>>);

impl LogFile {
    fn path(&self) -> Option<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the file's name away: what the server writes from now on is read by nobody, and gone when it ends.
    pub(crate) fn discard(&self) -> std::io::Result<()> {
        let path = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        path.map_or(Ok(()), fs::remove_file)
    }

    /// Moves the file into `folder` under a name that is free there.
    pub(crate) fn move_into(&self, folder: &Path, variant: &VariantId) -> std::io::Result<()> {
        let mut path = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stem: String = variant
            .as_str()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' })
            .collect();
        let free = (1_u32..)
            .map(|count| match count {
                1 => folder.join(format!("server-{stem}.log")),
                count => folder.join(format!("server-{stem}-{count}.log")),
            })
            .find(|path| !path.exists());
        if let (Some(from), Some(to)) = (&*path, free) {
            fs::rename(from, &to)?;
            *path = Some(to);
        }
        Ok(())
    }

    /// The end of what the server said, in one line.
    fn tail(&self) -> String {
        let Some(path) = self.path() else { return "what it said was not kept".to_owned() };
        let bytes = end_of(&path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() {
            "it said nothing".to_owned()
        } else {
            format!("it said: {}", lines.join(" | "))
        }
    }
}

/// The last bytes of a file.
fn end_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;

    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Server {
    /// Starts the command for one model. Its output goes to a file in `folder`.
    ///
    /// # Errors
    /// One plain line: the program is not there, or no port or file could be had.
    pub(crate) fn start(
        command: &ServeCommand,
        model: &Path,
        variant: &VariantId,
        folder: &Path,
    ) -> Result<Self, String> {
        let port = free_port().map_err(|error| format!("no free port on this machine: {error}"))?;
        let words: Vec<String> = command.filled(&model.to_string_lossy(), port).collect();
        let Some((program, arguments)) = words.split_first() else { return Err("no command".to_owned()) };
        let path = folder.join(format!(".server-{}-{port}.log", std::process::id()));
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let log = options
            .open(&path)
            .and_then(|file| Ok((file.try_clone()?, file)))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.0)
            .stderr(log.1)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                let _ = fs::remove_file(&path);
                format!("cannot start `{program}`: {error}; is it installed and on the PATH?")
            })?;
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).insert(child.id(), ());
        let log = LogFile(Arc::new(Mutex::new(Some(path))));

        Ok(Self { child, variant: variant.clone(), port, log })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// Its log.
    pub(crate) fn log(&self) -> LogFile {
        self.log.clone()
    }

    /// Asks `connect` until it succeeds.
    ///
    /// `connect` says of a failure whether another attempt may help.
    ///
    /// # Errors
    /// One plain line with the end of the server's log: it ended, `connect` failed for good, the time is over, or
    /// `stop` was set.
    pub(crate) fn await_ready<T>(
        &mut self,
        timeout: Duration,
        stop: &AtomicBool,
        mut connect: impl FnMut(&str) -> Result<T, (String, bool)>,
    ) -> Result<T, String> {
        let clock = Instant::now();

        loop {
            if stop.load(Ordering::Relaxed) {
                return Err("interrupted while the server was starting".to_owned());
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(format!("the server ended before it answered ({status}); {}", self.log.tail()));
            }

            match connect(&self.url()) {
                Ok(connected) => return Ok(connected),
                Err((reason, true)) if clock.elapsed() < timeout => {
                    tracing::debug!(variant = %self.variant, reason, "the server is not ready");
                    sleep(LOOK.max(clock.elapsed() / 20));
                }
                Err((reason, again)) => {
                    let waited = if again {
                        format!(" within {} s (--serve-timeout)", timeout.as_secs_f64())
                    } else {
                        String::new()
                    };
                    return Err(format!("the server did not answer{waited}: {reason}; {}", self.log.tail()));
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let id = self.child.id();
        if let Ok(Some(status)) = self.child.try_wait() {
            let log = self.log.path().map(|path| format!(" (log: {})", path.display())).unwrap_or_default();
            console::warn(&format!(
                "the server of {} ended by itself ({status}); {}{log}",
                self.variant,
                self.log.tail()
            ));
        }

        // workers of a leader that has ended are still in its group
        signal(id, Signal::TERM);
        let clock = Instant::now();
        while clock.elapsed() < PATIENCE && !matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
            sleep(LOOK);
        }

        signal(id, Signal::KILL);
        let _ = self.child.wait();
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);

        // a log that never moved into a run's folder belongs to no run
        let is_hidden =
            |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));

        if self.log.path().is_some_and(|path| is_hidden(&path)) {
            let _ = self.log.discard();
        }
    }
}

fn signal(leader: u32, signal: Signal) {
    if let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // a group that is gone needs no signal
        let _ = kill_process_group(group, signal);
    }
}

/// A port that was free a moment ago; the server binds it next.
fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    #[test]
    fn commands_are_split_and_filled() {
        let command = ServeCommand::parse("run -m {model} --port={port} --alias 'two words'").unwrap();
        let words: Vec<String> = command.filled("/a b/{port}.gguf", 8080).collect();
        assert_eq!(words, ["run", "-m", "/a b/{port}.gguf", "--port=8080", "--alias", "two words"]);
        for (text, wanted) in [
            ("", "empty"),
            ("run 'open", "left open"),
            ("run {port}", "{model}"),
            ("run {model}", "{port}"),
            ("{model}{port}", "{model}"),
        ] {
            let error = ServeCommand::parse(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    /// Commands that a server's place takes; `sh` is there wherever the tests run.
    fn started(script: &str) -> (tempfile::TempDir, Server) {
        let folder = tempfile::tempdir().unwrap();
        let command = ServeCommand::parse(&format!("sh -c '{script}' {{model}} {{port}}")).unwrap();
        let server = Server::start(&command, Path::new("m"), &VariantId::from("a/b"), folder.path()).unwrap();
        (folder, server)
    }

    #[test]
    fn a_server_that_ends_says_why() {
        let (_folder, mut server) = started("echo no such flag >&2; exit 3");
        let stop = AtomicBool::new(false);
        let result: Result<(), String> =
            server.await_ready(Duration::from_secs(20), &stop, |_| Err(("refused".into(), true)));
        let error = result.unwrap_err();
        assert!(error.contains("exit status: 3") && error.contains("no such flag"), "{error}");
    }

    #[test]
    fn a_server_that_never_answers_is_given_up() {
        let (_folder, mut server) = started("sleep 60");
        let stop = AtomicBool::new(false);
        let result: Result<(), String> =
            server.await_ready(Duration::from_millis(100), &stop, |_| Err(("refused".into(), true)));
        assert!(result.unwrap_err().contains("within 0.1 s"));
        let result: Result<(), String> =
            server.await_ready(Duration::from_secs(60), &stop, |_| Err(("no such model".into(), false)));
        assert!(result.unwrap_err().contains("no such model"));
        stop.store(true, Ordering::Relaxed);
        assert!(server.await_ready(Duration::from_secs(60), &stop, |_| Ok(())).is_err());
    }

    #[test]
    fn what_a_server_started_ends_with_it() {
        let (folder, server) = started("sleep 61 & echo $!; wait");
        let clock = Instant::now();
        let worker = loop {
            let said = fs::read_to_string(server.log().path().unwrap()).unwrap();
            if let Some(line) = said.strip_suffix('\n') {
                break line.to_owned();
            }
            assert!(clock.elapsed() < Duration::from_secs(20), "the script never ran");
            sleep(LOOK);
        };
        server.log().move_into(folder.path(), &VariantId::from("a/b")).unwrap();
        assert!(folder.path().join("server-a_b.log").is_file());
        let worker = Path::new("/proc").join(worker);
        let alive = || fs::read_to_string(worker.join("stat")).is_ok_and(|stat| !stat.contains(") Z "));
        assert!(alive());
        drop(server);
        let clock = Instant::now();
        while alive() {
            assert!(clock.elapsed() < Duration::from_secs(20), "the worker outlived its server");
            sleep(LOOK);
        }
    }
}
