//! Which flags of a shipped space a build knows, by its own help.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use infercost_sprint::Parameter;
use infercost_sprint::shipped::ShippedSpace;

use crate::usage::usage;

/// How long a program may take to print its help.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// Bytes of help that are read.
const MOST_HELP: u64 = 4 << 20;

/// What a build knows of a space.
pub(super) struct KnownFlags {
    pub(super) parameters: Vec<Parameter>,
    /// What is said of the others.
    pub(super) notes: Vec<String>,
}

/// The parameters of the space that the command's program knows, and what is said of the others. Where no help can be
/// had, all of them: what is not known then fails, and is an outcome.
///
/// # Errors
/// A usage error where the command is none.
pub(super) fn of(shipped: &ShippedSpace, command: &str) -> anyhow::Result<KnownFlags> {
    let space = shipped.space(command).map_err(|error| usage(error.to_string()))?;
    let mut notes = Vec::new();
    let words = program(command, shipped);
    let help = match help(&words, &shipped.help) {
        Ok(help) => help,
        Err(reason) => {
            notes.push(format!(
                "{} gives no help ({reason}); flags that it does not know will fail",
                shipped.name
            ));
            return Ok(KnownFlags { parameters: space.parameters, notes });
        }
    };

    let unknown = shipped.unknown(&help);
    let (mut known, mut strange) = (Vec::new(), Vec::new());
    for parameter in space.parameters {
        if unknown.contains(&parameter.name) {
            strange.push(parameter.flag.unwrap_or(parameter.name));
        } else {
            known.push(parameter);
        }
    }
    if !strange.is_empty() {
        notes.push(format!(
            "not tried: this build does not know {} (by its {})",
            strange.join(", "),
            shipped.help
        ));
    }
    // what this build does not know, or the command sets, no other parameter can ask for
    let names: BTreeSet<String> = known.iter().map(|parameter| parameter.name.clone()).collect();
    for parameter in &mut known {
        parameter.implies.retain(|name, _| names.contains(name));
    }
    Ok(KnownFlags { parameters: known, notes })
}

/// The words that start the program, before its own flags.
fn program(command: &str, shipped: &ShippedSpace) -> Vec<String> {
    let mut words = Vec::new();
    let mut is_module = false;
    for word in shlex::split(command).unwrap_or_default() {
        let names_module = word == "-m" && !is_module;
        let is_program = shipped.programs.contains(&word);
        if words.is_empty() || is_program || is_module || word == "serve" {
            is_module = false;
            words.push(word);
        } else if names_module && words.last().is_some_and(|last| last.contains("python")) {
            is_module = true;
            words.push(word);
        } else if word.starts_with('-') || word.contains('{') {
            break;
        } else {
            words.push(word);
        }
    }
    words
}

/// What the program prints when it is asked for help.
fn help(words: &[String], flag: &str) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("there is no program")?;
    let mut child = Command::new(program)
        .args(arguments)
        .arg(flag)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let readers = [std::thread::spawn(move || read(output)), std::thread::spawn(move || read(errors))];

    let clock = Instant::now();
    let ended = ended_by(&mut child, clock);
    let [output, errors] = readers.map(|reader| reader.join().unwrap_or_default());
    if !ended {
        return Err(format!("it did not end within {} s", PATIENCE.as_secs()));
    }
    if output.len() + errors.len() == 0 {
        return Err("it printed nothing".to_owned());
    }
    Ok(output + &errors)
}

/// True where the child has ended in time; else it is stopped.
fn ended_by(child: &mut Child, clock: Instant) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) if clock.elapsed() < PATIENCE => sleep(LOOK),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

fn read(from: Option<impl std::io::Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // what was read before an error is still help
        let _ = from.take(MOST_HELP).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    #[test]
    fn the_program_is_found_before_its_flags() {
        for (name, command, words) in [
            ("llama.cpp", "llama-server -m {model} --port {port}", "llama-server"),
            ("vllm", "vllm serve {model} --port {port}", "vllm serve"),
            (
                "sglang",
                "python3 -m sglang.launch_server --model-path {model}",
                "python3 -m sglang.launch_server",
            ),
        ] {
            let shipped = ShippedSpace::named(name).unwrap();
            assert_eq!(program(command, &shipped).join(" "), words);
        }
    }

    #[test]
    fn help_is_read_and_its_absence_is_said() {
        let words = ["sh", "-c", "echo --parallel N; echo --threads N >&2"].map(str::to_owned);
        let said = help(&words, "--help").unwrap();
        assert!(said.contains("--parallel") && said.contains("--threads"), "{said}");
        assert!(help(&["/no/such/program".to_owned()], "--help").is_err());
        let silent = ["sh", "-c", "exit 0"].map(str::to_owned);
        assert!(help(&silent, "--help").unwrap_err().contains("nothing"));
    }
}
