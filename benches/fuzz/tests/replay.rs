//! The seeds of every fuzz target, as they are and changed in many places: an answer or a refusal, soon, and never a panic.

#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use infercost_fuzz_entries::ENTRIES;

/// Changed inputs made of each seed, unless `INFERCOST_FUZZ_CHANGES` says how many.
const CHANGES: usize = 150;
/// No input may take longer, on however busy a machine.
const LONGEST: Duration = Duration::from_secs(10);

fn fuzz_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// xorshift64*: the same changes everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % limit.max(1)
    }

    /// A copy that was damaged as files are: bits, cuts, repetitions, numbers out of bounds.
    fn damage(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes.truncate(at),
                1 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                2 if !bytes.is_empty() => bytes[at] = [0, 0xff, b'"', b'{', b'\n', 0x80][self.below(6)],
                3 if bytes.len() >= at + 8 => bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes()),
                4 => bytes.splice(at..at, seed.iter().copied().take(self.below(64))).for_each(drop),
                _ => bytes.splice(at..at, *b"99999999999999999999").for_each(drop),
            }
        }
        bytes
    }
}

/// A row of the table of `docs/reliability.md`, into the file that `INFERCOST_FUZZ_TABLE` names.
fn tell(target: &str, inputs: usize, longest: Duration) {
    let Some(path) = std::env::var_os("INFERCOST_FUZZ_TABLE") else { return };
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    writeln!(file, "| `{target}` | {inputs} | none | {:.1} ms |", longest.as_secs_f64() * 1e3).unwrap();
}

#[test]
fn every_seed_and_what_becomes_of_it_is_survived() {
    let changes = std::env::var("INFERCOST_FUZZ_CHANGES").ok().and_then(|text| text.parse().ok());
    let changes = changes.unwrap_or(CHANGES);

    for entry in ENTRIES {
        let folder = fuzz_folder().join("seeds").join(entry.name);
        let mut seeds: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|file| file.unwrap().path())
            .collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{}: no seeds", folder.display());
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let (mut inputs, mut longest) = (0, Duration::ZERO);

        for path in seeds {
            let seed = fs::read(&path).unwrap();
            for change in 0..=changes {
                let input = if change == 0 { seed.clone() } else { dice.damage(&seed) };
                let began = Instant::now();
                (entry.run)(&input);
                let took = began.elapsed();
                assert!(took < LONGEST, "{} took {took:?}, change {change}", path.display());
                (inputs, longest) = (inputs + 1, longest.max(took));
            }
        }
        tell(entry.name, inputs, longest);
    }
}

/// Each parser is a target of its own, and no target lacks its parser.
#[test]
fn targets_are_the_entries() {
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    let targets = fs::read_dir(fuzz_folder().join("fuzz_targets")).unwrap();
    let mut targets: Vec<String> = targets
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    targets.sort();
    let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();

    assert_eq!(targets, names);
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
    }
}
