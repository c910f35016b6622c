//! A baseline's distributions on disk, so that each further candidate costs one pass.
//!
//! A file is a line of JSON, the [`Contents`], and then a record for each position. Where the vocabulary is small,
//! a record is a `whole_row`; else it is a `kept_row`, the likelier tokens and what the others add up to.

mod codes;
mod kept_row;
mod whole_row;

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_analyzer::kept_divergence::KeptRow;
use infercost_core::EngineIdentity;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::usage::usage;

/// The largest vocabulary of which whole distributions are kept: at 2 bytes a token, 128 kB a position.
const SMALL_VOCABULARY: usize = 65_536;
/// Longest first line.
const LONGEST_HEADER: u64 = 1 << 16;
const FORMAT: &str = "infercost.baseline/2";

/// The baseline's distributions at some positions, as far as a file has them.
pub enum Rows {
    /// All of them, one after the other.
    Whole(Vec<f32>),
    /// The likelier tokens of each.
    Kept(Vec<KeptRow>),
}

/// What a file holds; equal contents mean equal distributions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// The file's format.
    format: String,
    /// SHA-256 of the baseline's weights.
    pub weights_sha256: String,
    /// What computed it, with version, device and build.
    pub engine: String,
    /// Fingerprint of its tokenizer.
    pub tokenizer_sha256: String,
    /// SHA-256 of the text's tokens.
    pub tokens_sha256: String,
    /// Tokens in a window.
    pub context: usize,
    /// Length of a distribution.
    pub vocabulary: usize,
    /// True where only the likelier tokens are kept.
    pub is_partial: bool,
}

impl Contents {
    /// What the file of a baseline with these weights is to hold, where `candidate` describes the engine and the
    /// tokenizer that both have.
    pub fn new(
        weights_sha256: &str,
        candidate: &EngineIdentity,
        tokens: &[u32],
        context: usize,
        vocabulary: usize,
    ) -> Self {
        let EngineIdentity { engine, version, device, build_flags, .. } = candidate;
        let mut hash = Sha256::new();
        tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        Self {
            format: FORMAT.into(),
            weights_sha256: weights_sha256.to_owned(),
            engine: format!("{engine} {version}, {device}, {build_flags}"),
            tokenizer_sha256: candidate.tokenizer_sha256.clone().unwrap_or_default(),
            tokens_sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
            context,
            vocabulary,
            is_partial: vocabulary > SMALL_VOCABULARY,
        }
    }
}

/// Writes a file; it appears under its name when it is whole.
pub struct BaselineWriter {
    file: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
    vocabulary: usize,
    is_partial: bool,
}

impl BaselineWriter {
    /// Begins a file, which appears under its name when it is finished.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path, contents: &Contents) -> anyhow::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let file = File::create(&part).with_context(|| format!("{}: cannot be written", part.display()))?;
        let mut file = BufWriter::new(file);
        serde_json::to_writer(&mut file, contents)?;
        file.write_all(b"\n")?;
        let Contents { vocabulary, is_partial, .. } = *contents;
        Ok(Self { file, part, path: path.to_owned(), vocabulary, is_partial })
    }

    /// Adds rows of ln-probabilities, each with the token that follows.
    pub fn add(&mut self, rows: &[f32], targets: &[u32]) -> anyhow::Result<()> {
        for (row, target) in rows.chunks_exact(self.vocabulary).zip(targets) {
            let write = if self.is_partial { kept_row::write } else { whole_row::write };
            write(&mut self.file, row, *target)
                .with_context(|| format!("{}: cannot be written", self.part.display()))?;
        }
        Ok(())
    }

    /// Ends the file and gives it its name.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.file.flush()?;
        fs::rename(&self.part, &self.path)
            .with_context(|| format!("{}: cannot be written", self.path.display()))
    }
}

/// Reads a file from the first position on.
#[derive(Debug)]
pub struct BaselineReader {
    file: BufReader<File>,
    path: PathBuf,
    contents: Contents,
}

impl BaselineReader {
    /// Opens a file; `None` where there is none.
    pub fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(usage(format!("{}: {error}", path.display()))),
        };
        let mut file = BufReader::new(file);
        let mut line = Vec::new();
        let read = file.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line);
        let contents = read.ok().and_then(|_| serde_json::from_slice::<Contents>(&line).ok());
        match contents {
            Some(contents) if contents.format == FORMAT => {
                Ok(Some(Self { file, path: path.to_owned(), contents }))
            }
            _ => Err(usage(format!("{}: no baseline of this version of infercost", path.display()))),
        }
    }

    /// Refuses a file that holds anything else.
    pub fn check(&self, wanted: &Contents) -> anyhow::Result<()> {
        let found = &self.contents;
        let differs = [
            ("weights", found.weights_sha256 != wanted.weights_sha256),
            ("engine", found.engine != wanted.engine),
            ("tokenizer", found.tokenizer_sha256 != wanted.tokenizer_sha256),
            ("text", found.tokens_sha256 != wanted.tokens_sha256),
            ("context", found.context != wanted.context),
            ("vocabulary", found.vocabulary != wanted.vocabulary || found.is_partial != wanted.is_partial),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((what, _)) => Err(usage(format!(
                "{}: was made with another {what}; name another file, or remove it",
                self.path.display()
            ))),
            None => Ok(()),
        }
    }

    /// The distributions of the next positions, one for each target.
    pub fn rows(&mut self, targets: &[u32]) -> anyhow::Result<Rows> {
        let vocabulary = self.contents.vocabulary;
        let file = &mut self.file;
        let rows = if self.contents.is_partial {
            targets
                .iter()
                .map(|_| kept_row::read(file, vocabulary))
                .collect::<io::Result<_>>()
                .map(Rows::Kept)
        } else {
            let rows = targets.iter().map(|target| whole_row::read(file, vocabulary, *target));
            rows.collect::<io::Result<Vec<_>>>().map(|rows| Rows::Whole(rows.concat()))
        };
        rows.with_context(|| format!("{}: is cut off or damaged; remove it", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    const VOCABULARY: usize = 500;

    fn contents(text: &str) -> Contents {
        Contents {
            format: FORMAT.into(),
            weights_sha256: "weights".into(),
            engine: "engine".into(),
            tokenizer_sha256: "tokenizer".into(),
            tokens_sha256: text.into(),
            context: 8,
            vocabulary: VOCABULARY,
            is_partial: false,
        }
    }

    fn partial(text: &str) -> Contents {
        Contents { is_partial: true, ..contents(text) }
    }

    fn whole(rows: Rows) -> Vec<f32> {
        match rows {
            Rows::Whole(rows) => rows,
            Rows::Kept(_) => panic!("whole rows were written"),
        }
    }

    /// Rows as a model gives them: a few likely tokens, a long tail, and some out of reach.
    fn rows() -> Vec<f32> {
        let mut rows = Vec::new();
        for position in 0..6_u32 {
            let logit = |id: u32| ((id * 37 + position * 11) % 101) as f32 * 0.31 - (id % 7) as f32 * 3.0;
            let logits: Vec<f32> = (0..VOCABULARY as u32).map(logit).collect();
            let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
            rows.extend(logits.iter().map(|logit| (f64::from(*logit) - sum.ln()) as f32));
        }
        rows
    }

    fn write(path: &Path, contents: &Contents, rows: &[f32], targets: &[u32]) {
        let mut writer = BaselineWriter::create(path, contents).unwrap();
        writer.add(&rows[..2 * VOCABULARY], &targets[..2]).unwrap();
        writer.add(&rows[2 * VOCABULARY..], &targets[2..]).unwrap();
        assert!(!path.exists(), "a file that is not whole bears another name");
        writer.finish().unwrap();
    }

    #[test]
    fn what_was_written_is_read_within_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.baseline");
        assert!(BaselineReader::open(&path).unwrap().is_none());
        let (rows, targets) = (rows(), [3, 499, 0, 77, 8, 250]);
        write(&path, &contents("text"), &rows, &targets);
        let mut reader = BaselineReader::open(&path).unwrap().unwrap();
        reader.check(&contents("text")).unwrap();
        let got = [&targets[..1], &targets[1..]].map(|targets| whole(reader.rows(targets).unwrap())).concat();
        assert_eq!(got.len(), rows.len());
        for (position, (got, wanted)) in got.chunks(VOCABULARY).zip(rows.chunks(VOCABULARY)).enumerate() {
            let target = targets[position] as usize;
            assert_eq!(got[target].to_bits(), wanted[target].to_bits(), "the text's own token is exact");
            let top = wanted.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let first = |row: &[f32]| row.iter().position(|value| *value >= top);
            assert_eq!(first(got), first(wanted), "the most likely token stays so");
            let mut off = 0.0;
            for (id, (got, wanted)) in got.iter().zip(wanted).enumerate().filter(|(id, _)| *id != target) {
                let wanted = wanted.max(top - codes::DEPTH);
                assert!((got - wanted).abs() < 0.000_5, "{id}: {got} is not {wanted}");
                off += f64::from((got - wanted).abs());
            }
            assert!(off / (VOCABULARY as f64) < 0.000_25);
        }
    }

    #[test]
    fn divergences_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.baseline");
        let (rows, targets) = (rows(), [3, 499, 0, 77, 8, 250]);
        write(&path, &contents("text"), &rows, &targets);
        let stored = whole(BaselineReader::open(&path).unwrap().unwrap().rows(&targets).unwrap());
        let shifted: Vec<f32> = rows.chunks(VOCABULARY).rev().flatten().copied().collect();
        let exact = infercost_analyzer::divergence(&rows, &shifted, VOCABULARY, &targets).unwrap();
        let got = infercost_analyzer::divergence(&stored, &shifted, VOCABULARY, &targets).unwrap();
        assert_eq!(got.top1_matches, exact.top1_matches);
        for (got, exact) in got.kld.iter().zip(&exact.kld) {
            assert!((got - exact).abs() < 0.000_3 * exact.max(1.0), "{got} is not {exact}");
        }
    }

    #[test]
    fn likelier_tokens_bound_the_divergence() {
        let folder = tempfile::tempdir().unwrap();
        let small = folder.path().join("kept.baseline");
        let (rows, targets) = (rows(), [3, 499, 0, 77, 8, 250]);
        write(&small, &partial("text"), &rows, &targets);
        let mut reader = BaselineReader::open(&small).unwrap().unwrap();
        reader.check(&partial("text")).unwrap();
        let Rows::Kept(kept) = reader.rows(&targets).unwrap() else { panic!("likelier tokens were written") };
        assert!(kept.iter().all(|row| row.tokens.len() < VOCABULARY), "something is left out");
        let shifted: Vec<f32> = rows.chunks(VOCABULARY).rev().flatten().copied().collect();
        let exact = infercost_analyzer::divergence(&rows, &shifted, VOCABULARY, &targets).unwrap();
        let kept_divergence = infercost_analyzer::kept_divergence::kept_divergence;
        let (got, slack) = kept_divergence(&kept, &shifted, VOCABULARY, &targets).unwrap();
        assert_eq!(got.top1_matches, exact.top1_matches);
        assert!((got.baseline_nll - exact.baseline_nll).abs() < 1e-12, "the text's own tokens are exact");
        for ((got, slack), exact) in got.kld.iter().zip(&slack).zip(&exact.kld) {
            let rounding = 0.000_3 * exact.max(1.0);
            assert!(got - rounding < *exact && *exact < got + slack + rounding, "{got} + {slack}, {exact}");
            assert!(*slack < 0.000_1, "{slack}");
        }
        let whole = fs::read(&small).unwrap();
        for cut in 1..40 {
            fs::write(&small, &whole[..whole.len() - cut]).unwrap();
            check_refused(&small, &partial("text"), "cut off");
        }
    }

    fn check_refused(path: &Path, wanted: &Contents, said: &str) {
        let mut reader = match BaselineReader::open(path) {
            Ok(reader) => reader.unwrap(),
            Err(error) => return assert!(error.to_string().contains(said), "{error}"),
        };
        let error = reader.check(wanted).and_then(|()| reader.rows(&[0; 6]).map(|_| ())).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }

    #[test]
    fn other_and_broken_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.baseline");
        write(&path, &contents("text"), &rows(), &[0; 6]);
        check_refused(&path, &contents("other"), "another text");
        let other = Contents { weights_sha256: "other".into(), ..contents("text") };
        check_refused(&path, &other, "another weights");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        check_refused(&path, &contents("text"), "cut off");
        for broken in [&b""[..], b"{}", b"no JSON\n", b"{\"format\":\"infercost.baseline/2\"}\n"] {
            fs::write(&path, broken).unwrap();
            check_refused(&path, &contents("text"), "no baseline of this version");
        }
    }
}
