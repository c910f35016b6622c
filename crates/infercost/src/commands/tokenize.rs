//! `infercost tokenize`: the ids that a model sees.

use std::fs;
use std::io::{self, Read as _};
use std::process::ExitCode;

use anyhow::Context as _;
use infercost_engine::decoder::WeightSource;
use infercost_engine::tokenizer::{Boundaries, Special, TextTokenizer};

use crate::arguments::TokenizeArguments;
use crate::exit::usage;
use crate::{models, output};

pub(crate) fn run(arguments: &TokenizeArguments) -> anyhow::Result<ExitCode> {
    let bytes = match &arguments.text {
        Some(path) => fs::read(path)
            .map_err(|error| usage(format!("{}: cannot read the text: {error}", path.display())))?,
        None => {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
            bytes
        }
    };
    let text = String::from_utf8_lossy(&bytes);
    let model = models::resolve_one(&arguments.model, arguments.offline)?;
    let path =
        model.location.path().ok_or_else(|| usage("a server does not show its tokenizer; name a file"))?;
    let source = WeightSource::open(path)?;
    let tokenizer = match source.gguf() {
        Some(content) => TextTokenizer::from_gguf(&content.metadata)?,
        None => TextTokenizer::from_folder(source.folder())?,
    };
    let pieces = tokenizer.encode_pieces(&text, Special::Parse, Boundaries::AsConfigured)?;
    let json = if arguments.pieces {
        let shown = pieces
            .iter()
            .map(|piece| serde_json::json!({"id": piece.id, "piece": String::from_utf8_lossy(&piece.bytes)}));
        serde_json::Value::from_iter(shown)
    } else {
        serde_json::Value::from_iter(pieces.iter().map(|piece| piece.id))
    };
    output::line(&json.to_string());
    Ok(ExitCode::SUCCESS)
}
