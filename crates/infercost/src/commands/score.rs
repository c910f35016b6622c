//! `infercost score`: perplexity on a text and divergence from a baseline, as llama-perplexity defines them.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use infercost_analyzer::text_divergence::TextDivergence;
use infercost_core::{Engine as _, VariantId};
use infercost_engine::{DistributionRows, Distributions, InProcessEngine, TextWindow, TextWindows};
use infercost_models::ResolvedModel;
use infercost_run::baseline_store::{BaselineReader, BaselineWriter, Contents, Rows};
use infercost_run::usage;
use infercost_run::{engines, models};

use crate::flags::GlobalFlags;
use crate::flags::answer::AnswerFlags;
use crate::flags::processor::ProcessorFlags;
use crate::output;
use crate::output::answer::delivery::{self, deliver};
use crate::output::progress::WindowProgress;
use crate::output::score::Scored;

/// The text is cut into windows that do not overlap; the second half of each is scored.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost score smollm2-135m-instruct/q4_0 --text book.txt
  infercost score q4.gguf --baseline f32.gguf --text book.txt --json")]
pub(crate) struct ScoreCommand {
    /// Manifest name, name/variant, file, folder or hf:owner/repo
    pub(crate) model: String,
    /// UTF-8 text to score
    #[arg(long, value_name = "FILE")]
    pub(crate) text: PathBuf,
    /// Model to measure the divergence from; it must have the same tokenizer
    #[arg(long, value_name = "MODEL")]
    pub(crate) baseline: Option<String>,
    /// Keep the baseline's distributions in this file, or take them from it: 2 bytes a token of the vocabulary and
    /// scored position; each further candidate then costs one pass
    #[arg(long, value_name = "FILE", requires = "baseline")]
    pub(crate) baseline_store: Option<PathBuf>,
    /// Tokens in a window
    #[arg(long, value_name = "TOKENS", default_value_t = 512, value_parser = clap::value_parser!(u32).range(8..))]
    pub(crate) context: u32,
    #[command(flatten)]
    pub(crate) processor: ProcessorFlags,

    #[command(flatten)]
    pub(crate) answer: AnswerFlags,
}

/// Longest text; its tokens and four numbers a token are kept in memory.
const LONGEST_TEXT: u64 = 256 << 20;

/// A loaded model under its name.
struct Model {
    name: VariantId,
    engine: InProcessEngine,
}

/// Where the baseline's distributions come from.
enum Baseline {
    /// Computed, and perhaps kept for the next candidate.
    Computed(Box<Model>, Option<BaselineWriter>),
    /// Computed before.
    Stored(BaselineReader),
    /// Not comparable with the candidate's, for this reason.
    Refused(String),
}

pub(crate) fn run(arguments: &ScoreCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    delivery::check(&arguments.answer, false)?;
    let text = read_text(&arguments.text)?;
    let mut candidate = load(&models::resolve_one(&arguments.model, global.offline)?, arguments)?;
    let context = arguments.context as usize;
    let windows = TextWindows::cut(candidate.engine.tokenizer(), &text, context)
        .map_err(|error| usage(format!("{}: {error}", arguments.text.display())))?;
    let mut baseline = match &arguments.baseline {
        Some(name) => Some(baseline(name, &candidate, &windows, &text, arguments, global.offline)?),
        None => None,
    };
    let statistics = score(&mut candidate, baseline.as_mut(), &windows)?;
    let score = statistics.score().context("the text has no position to score")?;
    let refused = match baseline {
        Some(Baseline::Computed(_, Some(writer))) => {
            writer.finish()?;
            None
        }
        Some(Baseline::Refused(reason)) => Some(reason),
        _ => None,
    };
    let scored = Scored {
        model: &candidate.name,
        identity: candidate.engine.identity(),
        baseline: arguments.baseline.as_deref(),
        refused: refused.as_deref(),
        context: arguments.context,
        windows: windows.count(),
        tokens: windows.tokens().len(),
        score: &score,
    };

    deliver(&scored.answer(), &scored.json(), None, &arguments.answer, global)?;

    Ok(ExitCode::SUCCESS)
}

fn baseline(
    name: &str,
    candidate: &Model,
    windows: &TextWindows,
    text: &str,
    arguments: &ScoreCommand,
    offline: bool,
) -> anyhow::Result<Baseline> {
    let model = models::resolve_one(name, offline)?;
    let store = match &arguments.baseline_store {
        Some(path) => {
            let weights = model.sha256.as_deref();
            let weights = weights.ok_or_else(|| usage("this baseline cannot be stored: it has no hash"))?;
            let engine = &candidate.engine;
            let (tokens, vocabulary) = (windows.tokens(), engine.vocabulary());
            let contents = Contents::new(weights, engine.identity(), tokens, windows.context(), vocabulary);
            if let Some(stored) = BaselineReader::open(path)? {
                stored.check(&contents)?;
                return Ok(Baseline::Stored(stored));
            }
            Some((path, contents))
        }
        None => None,
    };
    let baseline = load(&model, arguments)?;
    if let Some(reason) = refusal(candidate, &baseline, windows, text)? {
        output::note(&format!("warning: no divergence is computed: {reason}"));
        return Ok(Baseline::Refused(reason));
    }

    let writer = store.map(|(path, contents)| BaselineWriter::create(path, &contents)).transpose()?;

    Ok(Baseline::Computed(Box::new(baseline), writer))
}

/// Scores window after window. Both models read a window whole; their distributions are computed and compared a few
/// positions at a time, since those of a window would take hundreds of megabytes.
fn score(
    candidate: &mut Model,
    mut baseline: Option<&mut Baseline>,
    windows: &TextWindows,
) -> anyhow::Result<TextDivergence> {
    let progress = WindowProgress::new(windows.count());
    let mut statistics = TextDivergence::default();
    for (index, window) in windows.iter().enumerate() {
        score_window(candidate, baseline.as_deref_mut(), &window, &mut statistics)
            .with_context(|| format!("window {} of the text", index + 1))?;
        progress.scored(statistics.perplexity());
    }
    Ok(statistics)
}

fn score_window(
    candidate: &mut Model,
    baseline: Option<&mut Baseline>,
    window: &TextWindow,
    statistics: &mut TextDivergence,
) -> anyhow::Result<()> {
    let vocabulary = candidate.engine.vocabulary();
    let mut after = candidate.distributions(window)?;
    match baseline {
        Some(Baseline::Computed(model, writer)) => {
            let mut before = model.distributions(window)?;
            while let Some(Part { rows: after, targets }) = after.next(window)? {
                let before = before
                    .next(window)?
                    .context("two models of one vocabulary gave different numbers of rows")?;
                if let Some(writer) = writer {
                    writer.add(before.rows, targets)?;
                }
                statistics.add_pair(before.rows, after, vocabulary, targets)?;
            }
        }
        Some(Baseline::Stored(stored)) => {
            while let Some(Part { rows: after, targets }) = after.next(window)? {
                match stored.rows(targets)? {
                    Rows::Whole(before) => statistics.add_pair(&before, after, vocabulary, targets)?,
                    Rows::Kept(before) => statistics.add_kept(&before, after, vocabulary, targets)?,
                }
            }
        }
        Some(Baseline::Refused(_)) | None => {
            while let Some(Part { rows, targets }) = after.next(window)? {
                statistics.add(rows, vocabulary, targets)?;
            }
        }
    }

    Ok(())
}

/// One model's distributions in a window.
struct WindowRows<'a> {
    name: &'a VariantId,
    distributions: Distributions<'a>,
}

/// Some of them, with the tokens that follow.
struct Part<'a> {
    rows: &'a [f32],
    targets: &'a [u32],
}

impl Model {
    fn distributions(&mut self, window: &TextWindow) -> anyhow::Result<WindowRows<'_>> {
        let Self { name, engine } = self;
        let distributions =
            engine.distributions(&window.input, window.first).with_context(|| name.to_string())?;
        Ok(WindowRows { name, distributions })
    }
}

impl WindowRows<'_> {
    fn next<'a>(&'a mut self, window: &'a TextWindow) -> anyhow::Result<Option<Part<'a>>> {
        let vocabulary = self.distributions.vocabulary().max(1);
        let rows = self.distributions.next_rows().with_context(|| self.name.to_string())?;
        let Some(DistributionRows { first, rows }) = rows else { return Ok(None) };

        let targets = window.targets.get(first..first + rows.len() / vocabulary);
        let targets = targets.context("a window has a target for each row")?;
        Ok(Some(Part { rows, targets }))
    }
}

/// Why the two models' distributions cannot be compared on this text, if they cannot.
///
/// Equal tokens of this text over an equal vocabulary are enough: a GGUF file and a `tokenizer.json` state their
/// rules differently even where they agree.
fn refusal(
    candidate: &Model,
    baseline: &Model,
    windows: &TextWindows,
    text: &str,
) -> anyhow::Result<Option<String>> {
    let (ours, theirs) = (candidate.engine.tokenizer(), baseline.engine.tokenizer());
    let names = format!("{} and {}", candidate.name, baseline.name);
    let (rows, other_rows) = (candidate.engine.vocabulary(), baseline.engine.vocabulary());
    if rows != other_rows {
        return Ok(Some(format!("{names} have vocabularies of {rows} and {other_rows} tokens")));
    }
    if ours.fingerprint() == theirs.fingerprint() {
        return Ok(None);
    }
    let ids = 0..u32::try_from(rows).unwrap_or(u32::MAX);
    if ids.into_iter().any(|id| ours.token_text(id) != theirs.token_text(id)) {
        return Ok(Some(format!("{names} have different vocabularies")));
    }
    if TextWindows::cut(theirs, text, windows.context())?.tokens() != windows.tokens() {
        return Ok(Some(format!("{names} cut this text into different tokens")));
    }
    Ok(None)
}

fn load(model: &ResolvedModel, arguments: &ScoreCommand) -> anyhow::Result<Model> {
    let processor = &arguments.processor;
    let engine = engines::load_in_process(model, processor.device, processor.threads)?;
    match engine.identity().context_length {
        Some(limit) if limit < arguments.context => Err(usage(format!(
            "{}: the model's context is {limit} tokens; lower --context from {}",
            model.variant, arguments.context
        ))),
        _ => Ok(Model { name: model.variant.clone(), engine }),
    }
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_TEXT + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(path, &error.to_string()))?;
    if bytes.len() as u64 > LONGEST_TEXT {
        return Err(unreadable(path, &format!("it is longer than {} MiB", LONGEST_TEXT >> 20)));
    }

    String::from_utf8(bytes).map_err(|error| {
        unreadable(path, &format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1))
    })
}

fn unreadable(path: &Path, reason: &str) -> anyhow::Error {
    usage(format!("{}: cannot read the text: {reason}", path.display()))
}
