//! What a server tells about itself. Only the list of its models is required, and even that may be missing.

pub(crate) mod ollama;

use infercost_core::{EngineIdentity, ServedFault};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ServedAddress;
use crate::ask::{Asker, Reply};
use crate::failure::{Failure, is_page, quote};
use crate::model_list::{ModelEntry, models};

/// Names of models that an error lists.
const LISTED: usize = 20;
/// What Text Generation Inference's own documentation calls whatever model it serves; its list has the true name.
const TGI_NAME: &str = "tgi";

/// The servers whose ways beyond the common API are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerKind {
    /// llama.cpp's `llama-server`, and what embeds it.
    LlamaCpp,
    /// vLLM.
    Vllm,
    /// Ollama.
    Ollama,
    /// LM Studio.
    LmStudio,
    /// Text Generation Inference.
    Tgi,
    /// Any other: the common API alone is used.
    Other,
}

impl ServerKind {
    /// The name in [`EngineIdentity::engine`].
    pub fn name(self) -> &'static str {
        match self {
            Self::LlamaCpp => "llama.cpp",
            Self::Vllm => "vllm",
            Self::Ollama => "ollama",
            Self::LmStudio => "lm-studio",
            Self::Tgi => "tgi",
            Self::Other => "openai-compatible",
        }
    }
}

/// What was learned.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    pub(crate) kind: ServerKind,
    /// The model's name as the server spells it.
    pub(crate) model: String,
    pub(crate) identity: EngineIdentity,
}

/// llama.cpp's `/props`.
#[derive(Deserialize)]
struct Props {
    #[serde(default)]
    build_info: Option<String>,
    #[serde(default)]
    total_slots: Option<u32>,
    #[serde(default)]
    default_generation_settings: Option<GenerationSettings>,
}

#[derive(Deserialize)]
struct GenerationSettings {
    #[serde(default)]
    n_ctx: Option<u32>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct TgiInfo {
    version: String,
    #[serde(default)]
    model_dtype: Option<String>,
    #[serde(default)]
    max_total_tokens: Option<u32>,
}

#[derive(Deserialize)]
struct LmStudioModel {
    #[serde(default)]
    arch: Option<String>,
    #[serde(default)]
    quantization: Option<String>,
    #[serde(default)]
    loaded_context_length: Option<u32>,
    #[serde(default)]
    max_context_length: Option<u32>,
}

/// Asks the server what it is and whether it has the model.
pub(crate) async fn discover(
    asker: &Asker,
    address: &ServedAddress,
    secret: Option<&str>,
) -> Result<Discovered, Failure> {
    let reply = asker.get(address.below("models")).await?;
    let mut identity =
        EngineIdentity { device: format!("server at {}", address.base()), ..Default::default() };
    let listed = listed(&reply, address.model().is_some(), secret)?;
    let entry = listed.map(|entries| chosen(entries, address.model(), secret)).transpose()?;

    let mut kind = ServerKind::Other;
    if let Some(entry) = &entry {
        kind = match entry.owned_by.as_deref() {
            Some("llamacpp") => ServerKind::LlamaCpp,
            Some("vllm") => ServerKind::Vllm,
            _ => ServerKind::Other,
        };
        let meta = entry.meta.as_ref();
        identity.context_length =
            entry.max_model_len.or(meta.and_then(|meta| meta.n_ctx.or(meta.n_ctx_train)));
        identity.quantization = meta.and_then(|meta| meta.ftype.as_deref()).map(|ftype| quote(ftype, secret));
    }
    let model = match entry {
        Some(entry) => entry.id,
        None => address.model().unwrap_or_default().to_owned(),
    };
    let server = quote(&reply.server.unwrap_or_default(), secret);
    kind = learn_more(asker, address, kind, &model, &mut identity, secret).await;
    if kind == ServerKind::Ollama {
        ollama::learn(asker, address, &model, secret, &mut identity).await?;
    }
    identity.engine = kind.name().to_owned();
    if kind == ServerKind::Other && !server.is_empty() {
        identity.build_flags = format!("Server: {server}");
    }
    Ok(Discovered { kind, model, identity })
}

/// The server's models; `None` where it shows no list and none is needed, since the model `is_named`: then the first
/// request shows whether it is there. An empty list is no list.
fn listed(reply: &Reply, is_named: bool, secret: Option<&str>) -> Result<Option<Vec<ModelEntry>>, Failure> {
    // A key may be good for answers and not for the list.
    let has_none = matches!(reply.status, 400 | 403..=405 | 410 | 422 | 501);
    if has_none && is_named {
        return Ok(None);
    }

    match reply.json::<Value>("/models", secret) {
        Ok(json) => match models(&json) {
            None if !is_named => Err(Failure::protocol(
                "/models is not a list of models; name the model in the address (append #name)",
            )),
            // Servers that load what is asked for, and routers, may list nothing.
            Some(empty) if empty.is_empty() && is_named => Ok(None),
            found => Ok(found),
        },
        // a page for people is another address, and an error is an error
        Err(failure) if is_named && failure.fault == ServedFault::Protocol && !is_page(&reply.body) => {
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// Finds the wanted model, or the only one, among the server's.
fn chosen(
    mut entries: Vec<ModelEntry>,
    wanted: Option<&str>,
    secret: Option<&str>,
) -> Result<ModelEntry, Failure> {
    let names = entries.iter().map(|entry| entry.id.as_str());
    let listed = match entries.len() {
        0 => "it has none".to_owned(),
        many => {
            let shown = names.take(LISTED).map(|name| quote(name, secret)).collect::<Vec<_>>().join(", ");
            let rest = many.saturating_sub(LISTED);
            if rest > 0 { format!("it has {shown} and {rest} more") } else { format!("it has {shown}") }
        }
    };

    let position = match wanted {
        Some(wanted) => entries
            .iter()
            .position(|entry| entry.id == wanted)
            .or_else(|| entries.iter().position(|entry| entry.is_also_called(wanted)))
            .or_else(|| (wanted == TGI_NAME && is_of_tgi(&entries)).then_some(0)),
        None if entries.len() == 1 => Some(0),
        None => {
            return Err(missing(format!(
                "no model is named in the address (append #name); on the server: {listed}"
            )));
        }
    };

    match position {
        Some(position) => Ok(entries.swap_remove(position)),
        None => {
            let wanted = quote(wanted.unwrap_or_default(), secret);
            Err(missing(format!("the server has no model `{wanted}`; {listed}")))
        }
    }
}

fn missing(message: String) -> Failure {
    Failure::new(ServedFault::Status, message)
}

/// True for the list of Text Generation Inference: one model, which owns itself.
fn is_of_tgi(entries: &[ModelEntry]) -> bool {
    matches!(entries, [only] if only.owned_by.as_ref() == Some(&only.id))
}

/// Asks what only some servers know. Whatever goes wrong here leaves the fact unknown.
async fn learn_more(
    asker: &Asker,
    address: &ServedAddress,
    kind: ServerKind,
    model: &str,
    identity: &mut EngineIdentity,
    secret: Option<&str>,
) -> ServerKind {
    if kind != ServerKind::Vllm
        && let Some(props) = optional::<Props>(asker, address, "props").await
        && (props.build_info.is_some() || props.total_slots.is_some() || kind == ServerKind::LlamaCpp)
    {
        identity.version = props.build_info.map(|text| quote(&text, secret)).unwrap_or_default();
        let context = props.default_generation_settings.and_then(|settings| settings.n_ctx);
        identity.context_length = context.or(identity.context_length);
        if let Some(slots) = props.total_slots {
            identity.build_flags = format!("{slots} slots");
        }
        return ServerKind::LlamaCpp;
    }

    match kind {
        ServerKind::LlamaCpp => return kind,
        ServerKind::Vllm => {
            if let Some(version) = optional::<Version>(asker, address, "version").await {
                identity.version = quote(&version.version, secret);
            }
            return kind;
        }
        _ => {}
    }

    // A server of no kind so far: each has a path that no other has.
    if let Some(version) = optional::<Version>(asker, address, "api/version").await {
        identity.version = quote(&version.version, secret);
        return ServerKind::Ollama;
    }

    let path = format!("api/v0/models/{model}");
    if let Some(found) = optional::<LmStudioModel>(asker, address, &path).await
        && (found.arch.is_some() || found.quantization.is_some())
    {
        identity.family = found.arch.map(|text| quote(&text, secret));
        identity.quantization = found.quantization.map(|text| quote(&text, secret));
        identity.context_length = found.loaded_context_length.or(found.max_context_length);
        return ServerKind::LmStudio;
    }

    if let Some(info) = optional::<TgiInfo>(asker, address, "info").await {
        identity.version = quote(&info.version, secret);
        identity.compute_dtype = info.model_dtype.map(|text| quote(&text, secret));
        identity.context_length = info.max_total_tokens.or(identity.context_length);
        return ServerKind::Tgi;
    }
    kind
}

async fn optional<T: DeserializeOwned>(asker: &Asker, address: &ServedAddress, path: &str) -> Option<T> {
    let reply = asker.get(address.beside(path)).await.ok()?;
    reply.json(path, None).ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    fn list(json: &str) -> Vec<ModelEntry> {
        models(&serde_json::from_str(json).unwrap()).unwrap()
    }

    #[track_caller]
    fn check(ids: &[&str], wanted: Option<&str>, expected: Result<&str, &str>) {
        let entries: Vec<String> = ids.iter().map(|id| format!(r#"{{"id":"{id}"}}"#)).collect();
        let found = chosen(list(&format!(r#"{{"data":[{}]}}"#, entries.join(","))), wanted, Some("sk-1"));
        match (found, expected) {
            (Ok(entry), Ok(id)) => assert_eq!(entry.id, id),
            (Err(failure), Err(part)) => assert!(failure.message.contains(part), "{}", failure.message),
            (found, _) => panic!("{:?} is not {expected:?}", found.map(|entry| entry.id)),
        }
    }

    #[test]
    fn models_are_found_by_name() {
        check(&["a", "b"], Some("b"), Ok("b"));
        check(&["llama3:latest", "llama3:8b"], Some("llama3"), Ok("llama3:latest"));
        check(&["/models/m.gguf"], Some("m"), Ok("/models/m.gguf"));
        check(&["/models/m.gguf"], Some("m.gguf"), Ok("/models/m.gguf"));
        check(&["x/m", "m"], Some("m"), Ok("m"));
        check(&["only"], None, Ok("only"));
        check(&["a", "b"], Some("c"), Err("has no model `c`; it has a, b"));
        check(&["a", "b"], None, Err("append #name"));
        check(&[], Some("c"), Err("it has none"));
        check(&["a sk-1"], Some("c"), Err("it has a …"));
        check(&["a/b"], Some("tgi"), Err("no model `tgi`"));
        let many: Vec<String> = (0..30).map(|number| format!("m{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        check(&many, Some("c"), Err("m19 and 10 more"));
    }

    #[test]
    fn an_empty_list_is_none_where_the_model_is_named() {
        let reply = |body: &str| Reply { status: 200, server: None, body: body.into() };
        assert!(listed(&reply(r#"{"data":[]}"#), true, None).unwrap().is_none());
        assert_eq!(listed(&reply(r#"{"data":[]}"#), false, None).unwrap().unwrap().len(), 0);
        assert_eq!(listed(&reply(r#"{"data":[{"id":"a"}]}"#), true, None).unwrap().unwrap().len(), 1);
    }

    #[test]
    fn text_generation_inference_has_one_model_by_any_name() {
        let told = |owner: &str| {
            let one = format!(
                r#"{{"object":"list","data":[{{"id":"a/b","object":"model","owned_by":"{owner}"}}]}}"#
            );
            chosen(list(&one), Some("tgi"), None).map(|entry| entry.id).ok()
        };
        assert_eq!((told("a/b"), told("someone")), (Some("a/b".to_owned()), None));
    }
}
