//! Ollama's own interface (`/api/ps`): which models are loaded. It counts no tokens and no requests.

use serde::Deserialize;

use crate::observation::{ServerFacts, ServerKind};

/// More models than Ollama loads.
const MOST_MODELS: usize = 32;
const LONGEST_NAME: usize = 120;

#[derive(Debug, Deserialize)]
struct Loaded {
    models: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    name: String,
}

/// What an answer of `/api/ps` tells.
///
/// # Errors
/// One plain line where it is none.
pub(super) fn facts(text: &str) -> Result<ServerFacts, String> {
    let loaded: Loaded = serde_json::from_str(text).map_err(|_| "its /api/ps is not Ollama's".to_owned())?;
    let names = loaded.models.iter().take(MOST_MODELS);
    let models =
        names.map(|model| infercost_core::text::printable_up_to(&model.name, LONGEST_NAME).into_owned());

    Ok(ServerFacts {
        kind: ServerKind::Ollama,
        models: models.collect(),
        output_tokens: untold("output tokens"),
        input_tokens: untold("input tokens"),
        requests: untold("how many requests it answered"),
        running: untold("requests under way"),
        waiting: untold("requests that wait"),
        cache: untold("how full its cache is"),
        first_token: Err("Ollama does not tell its time to first token".to_owned()),
    })
}

fn untold(what: &str) -> Result<f64, String> {
    Err(format!("Ollama does not tell {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_models_and_nothing_else() {
        let facts = facts(r#"{"models":[{"name":"llama3.2:3b","size_vram":3},{"name":"a\u001b[2J"}]}"#);
        let Ok(facts) = facts else { panic!("{facts:?}") };
        assert_eq!(facts.models, ["llama3.2:3b", "a\\u{1b}[2J"]);
        assert!(facts.running.is_err() && facts.output_tokens.is_err());
        assert!(super::facts("{}").is_err() && super::facts("<html>").is_err());
    }
}
