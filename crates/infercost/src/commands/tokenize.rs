//! `infercost tokenize`: the ids that a model sees.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use infercost_engine::decoder::WeightSource;
use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};
use infercost_run::models;
use infercost_run::usage;
use serde_json::{Value, json};

use crate::flags::GlobalFlags;
use crate::output;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  echo \"Hello there\" | infercost tokenize model.gguf
  infercost tokenize model.gguf --text book.txt --pieces
  infercost tokenize smollm2-135m-instruct/q8_0 --jsonl texts.jsonl --literal")]
pub(crate) struct TokenizeCommand {
    /// Manifest name, name/variant, file, folder or hf:owner/repo
    pub(crate) model: String,
    /// File to tokenize [default: standard input]
    #[arg(long, value_name = "FILE")]
    pub(crate) text: Option<PathBuf>,
    /// File of JSON strings, one a line; prints one array a line
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub(crate) jsonl: Option<PathBuf>,
    /// Take the names of special tokens as plain text
    #[arg(long)]
    pub(crate) literal: bool,
    /// Print the pieces next to the ids
    #[arg(long)]
    pub(crate) pieces: bool,
}

pub(crate) fn run(arguments: &TokenizeCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    let texts = match &arguments.jsonl {
        Some(path) => strings(path)?,
        None => vec![text(arguments.text.as_deref())?],
    };
    let model = models::resolve_one(&arguments.model, global.offline)?;
    let path =
        model.location.path().ok_or_else(|| usage("a server does not show its tokenizer; name a file"))?;
    let source = WeightSource::open(path)?;
    let tokenizer = match source.gguf() {
        Some(content) => TextTokenizer::from_gguf(&content.metadata)?,
        None => TextTokenizer::from_folder(source.folder())?,
    };
    let special = if arguments.literal { Special::AsText } else { Special::Parse };
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        all.push(tokens(&tokenizer, &text, special)?);
    }

    if global.json {
        let texts: Vec<Value> = all.iter().map(|tokens| tokens.object(arguments.pieces)).collect();
        let object = json!({"schema": "infercost.tokenize/1", "variant": model.variant, "texts": texts});
        output::line(&serde_json::to_string_pretty(&object)?);
        return Ok(ExitCode::SUCCESS);
    }
    for tokens in &all {
        output::line(&tokens.array(arguments.pieces).to_string());
    }
    Ok(ExitCode::SUCCESS)
}

/// What a text is cut into.
struct Tokens {
    ids: Vec<u32>,
    /// The bytes of each, as far as they are UTF-8.
    pieces: Vec<String>,
}

impl Tokens {
    /// A line without --json: the ids alone, or each with its piece.
    fn array(&self, with_pieces: bool) -> Value {
        if !with_pieces {
            return json!(self.ids);
        }
        let tokens = self.ids.iter().zip(&self.pieces);
        tokens.map(|(id, piece)| json!({"id": id, "piece": piece})).collect()
    }

    /// One text of --json; `pieces` is null where nobody asked for them.
    fn object(&self, with_pieces: bool) -> Value {
        json!({"ids": self.ids, "pieces": with_pieces.then_some(&self.pieces)})
    }
}

fn tokens(tokenizer: &TextTokenizer, text: &str, special: Special) -> anyhow::Result<Tokens> {
    let mut tokens = Tokens { ids: Vec::new(), pieces: Vec::new() };
    for piece in tokenizer.encode_pieces(text, special, Boundaries::AsConfigured)? {
        tokens.ids.push(piece.id);
        tokens.pieces.push(String::from_utf8_lossy(&piece.bytes).into_owned());
    }
    Ok(tokens)
}

/// The text of a file or of standard input; bytes that are no UTF-8 are replaced by U+FFFD.
fn text(path: Option<&Path>) -> anyhow::Result<String> {
    let bytes = match path {
        Some(path) => read(path)?,
        None => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
            bytes
        }
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn strings(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    let mut strings = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let string = serde_json::from_str(line)
            .map_err(|error| usage(format!("{}:{number}: not a JSON string: {error}", path.display())))?;
        strings.push(string);
    }
    Ok(strings)
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).map_err(|error| usage(format!("{}: cannot read the text: {error}", path.display())))
}
