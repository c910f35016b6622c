//! What Ollama tells of a model beside the common API.

use infercost_core::{EngineIdentity, ServedFault};
use serde::{Deserialize, Serialize};

use crate::ServedAddress;
use crate::ask::Asker;
use crate::failure::{Failure, quote};

#[derive(Serialize)]
struct Ask<'a> {
    model: &'a str,
}

/// `/api/show`.
#[derive(Deserialize)]
struct Shown {
    #[serde(default)]
    details: Option<Details>,
    #[serde(default)]
    modelfile: Option<String>,
    /// What the Modelfile sets, one name and value a line.
    #[serde(default)]
    parameters: Option<String>,
    /// Set for a model that runs elsewhere.
    #[serde(default)]
    remote_host: Option<String>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    family: Option<String>,
    #[serde(default)]
    quantization_level: Option<String>,
}

/// `/api/ps`: the models in memory.
#[derive(Deserialize)]
struct Running {
    #[serde(default)]
    models: Option<Vec<RunningModel>>,
}

#[derive(Deserialize)]
struct RunningModel {
    name: String,
    #[serde(default)]
    context_length: Option<u32>,
}

/// Adds family, quantization, the hash of the weights and the repeat penalty; what is not told stays unknown.
///
/// # Errors
/// Where Ollama passes the model's requests on to another host: neither this machine's meters nor its price would be
/// the model's.
pub(super) async fn learn(
    asker: &Asker,
    address: &ServedAddress,
    model: &str,
    secret: Option<&str>,
    identity: &mut EngineIdentity,
) -> Result<(), Failure> {
    let shown: Result<Shown, Failure> = asker.post(address.beside("api/show"), &Ask { model }, secret).await;
    let Ok(shown) = shown else { return Ok(()) };
    if let Some(host) = shown.remote_host.filter(|host| !host.is_empty()) {
        let (model, host) = (quote(model, secret), quote(&host, secret));
        let message = format!(
            "`{model}` does not run here: Ollama passes its requests on to {host}, whose energy and price are not \
             this machine's; name a model that Ollama runs itself"
        );
        return Err(Failure::new(ServedFault::Status, message));
    }
    if let Some(details) = shown.details {
        let told =
            |text: Option<String>| text.filter(|text| !text.is_empty()).map(|text| quote(&text, secret));
        identity.family = told(details.family);
        identity.quantization = told(details.quantization_level);
    }
    identity.weights_sha256 = shown.modelfile.as_deref().and_then(weights);
    identity.build_flags = repeat_penalty(shown.parameters.as_deref().unwrap_or_default(), secret);
    Ok(())
}

/// The penalty on tokens that stood before, prompt included. Ollama applies one of its own where the Modelfile sets none,
/// and the common API cannot switch it off: then even a greedy answer is not made of the likeliest tokens.
fn repeat_penalty(parameters: &str, secret: Option<&str>) -> String {
    let set = parameters.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some("repeat_penalty")).then(|| words.next())?
    });
    match set {
        Some(set) => format!("repeat_penalty {}", quote(set, secret)),
        None => "repeat_penalty as Ollama sets it".to_owned(),
    }
}

/// The context that the model was loaded with; `None` while it is not in memory.
pub(crate) async fn loaded_context(asker: &Asker, address: &ServedAddress, model: &str) -> Option<u32> {
    let running: Running = super::optional(asker, address, "api/ps").await?;
    let found = running.models?.into_iter().find(|one| one.name == model)?;
    found.context_length.filter(|length| *length > 0)
}

/// The hash of the one weight file that a Modelfile is built on: Ollama names its files by it. `None` where an adapter
/// changes the weights.
fn weights(modelfile: &str) -> Option<String> {
    let lines: Vec<&str> = modelfile.lines().map(str::trim).collect();
    if lines.iter().any(|line| line.starts_with("ADAPTER ")) {
        return None;
    }

    let mut from = lines.iter().filter_map(|line| line.strip_prefix("FROM "));
    let (only, further) = (from.next()?, from.next());
    let (_, hash) = only.trim().trim_matches('"').rsplit_once("sha256-")?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hash && further.is_none()).then(|| hash.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalties() {
        for (parameters, expected) in [
            ("stop    \"<|im_end|>\"\nrepeat_penalty                 1\n", "repeat_penalty 1"),
            ("stop    \"<|im_end|>\"", "repeat_penalty as Ollama sets it"),
            ("repeat_penalty", "repeat_penalty as Ollama sets it"),
            ("", "repeat_penalty as Ollama sets it"),
        ] {
            assert_eq!(repeat_penalty(parameters, None), expected, "{parameters}");
        }
    }

    #[test]
    fn the_hash_of_the_weights() {
        let hash = "0123456789abcdef".repeat(4);
        let file = format!("FROM /models/blobs/sha256-{hash}");
        for (modelfile, expected) in [
            (format!("# Modelfile\n# FROM x:latest\n\n{file}\nTEMPLATE \"{{{{ .Prompt }}}}\"\n"), true),
            (file.replace("abcdef", "ABCDEF"), true),
            (format!("{file}\n{file}"), false),
            (format!("{file}\nADAPTER /models/blobs/sha256-{hash}"), false),
            (format!("FROM /models/blobs/sha256-{}", &hash[1..]), false),
            (format!("FROM /models/blobs/sha256-{}g", &hash[1..]), false),
            ("FROM smollm2:135m".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(weights(&modelfile), expected.then(|| hash.clone()), "{modelfile}");
        }
    }
}
