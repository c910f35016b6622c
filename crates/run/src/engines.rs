//! From resolved models to engines.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use infercost_core::{Engine, EngineError, VariantId};
use infercost_engine::{InProcessEngine, InProcessOptions, ModelDevice};
use infercost_models::{ModelLocation, ResolvedModel};
use infercost_served::{
    ApiKey, RetryPolicy, ServedAddress, ServedEngine, ServedModel, ServedOptions, Timeouts,
};

use crate::request::RunRequest;
use crate::serving::{LogFile, ServeCommand, Server};
use crate::usage::usage;

/// Loads one model into this process.
///
/// # Errors
/// [`EngineError::Load`]; a server's address is refused: nothing of it is in this process.
pub fn load_in_process(
    model: &ResolvedModel,
    device: ModelDevice,
    threads: Option<u16>,
) -> Result<InProcessEngine, EngineError> {
    let options =
        InProcessOptions { device, weights_sha256: model.sha256.clone(), threads: threads.map(usize::from) };

    match &model.location {
        ModelLocation::Gguf(path) | ModelLocation::SafetensorsFolder(path) => {
            InProcessEngine::load(path, &options)
        }
        ModelLocation::Server { .. } => Err(EngineError::Load {
            path: model.variant.to_string(),
            reason:
                "this needs the model in process, and a server does not give it; name a file or a manifest"
                    .into(),
        }),
    }
}

/// How servers are asked, as the command line says.
pub(crate) fn served_options(request: &RunRequest) -> anyhow::Result<ServedOptions> {
    let key = environment_key(ApiKey::from_environment())?;
    let usual = Timeouts::default();
    let whole = request.request_timeout()?;
    let timeouts = Timeouts {
        connect: usual.connect.min(whole),
        first_byte: usual.first_byte.min(whole),
        stall: usual.stall.min(whole),
        whole,
    };
    Ok(ServedOptions {
        timeouts,
        key,
        allow_prompt_cache: request.spec.servers.prompt_cache,
        ..ServedOptions::default()
    })
}

/// Keys to servers.
pub(crate) struct Keys {
    /// To hosted models.
    pub(crate) hosted: Option<ApiKey>,
    /// To all other servers.
    pub(crate) servers: Option<ApiKey>,
}

/// The keys of the environment. Where a hosted model takes part, `OPENAI_API_KEY` is shown to nobody else: the other
/// servers of the run get `INFERCOST_API_KEY`, which a hosted model gets where it is the only one.
///
/// # Errors
/// A usage error where a variable holds what no header can.
pub(crate) fn keys(has_hosted: bool) -> anyhow::Result<Keys> {
    if !has_hosted {
        let key = environment_key(ApiKey::from_environment())?;
        return Ok(Keys { hosted: key.clone(), servers: key });
    }

    let servers = environment_key(ApiKey::of_variable("INFERCOST_API_KEY"))?;
    let hosted = environment_key(ApiKey::of_variable("OPENAI_API_KEY"))?;
    Ok(Keys { hosted: hosted.or_else(|| servers.clone()), servers })
}

fn environment_key(found: Result<Option<ApiKey>, &'static str>) -> anyhow::Result<Option<ApiKey>> {
    found.map_err(|name| usage(format!("{name} holds what no HTTP header can; check the key")))
}

/// The model behind an address.
///
/// # Errors
/// [`EngineError::Served`], or [`EngineError::Load`] where the address is none.
pub(crate) fn connect(
    url: &str,
    served_name: Option<&str>,
    options: &ServedOptions,
) -> Result<ServedEngine, EngineError> {
    let text = served_name.map_or_else(|| url.to_owned(), |name| format!("{url}#{name}"));
    let address: ServedAddress = text.parse().map_err(|error: infercost_served::AddressError| {
        EngineError::Load { path: error.address.clone(), reason: error.reason }
    })?;
    ServedModel::connect(&address, options)
}

/// What starting a server needs beside the model.
pub(crate) struct Serving<'a> {
    pub(crate) command: &'a ServeCommand,
    pub(crate) options: &'a ServedOptions,
    pub(crate) timeout: Duration,
    pub(crate) stop: &'a AtomicBool,
    /// Where the server's log is kept at first.
    pub(crate) folder: &'a Path,
}

/// Starts a server for the model and waits until it answers. The server ends when the engine is dropped.
///
/// # Errors
/// [`EngineError::Load`] with the end of the server's log.
pub(crate) fn serve(
    variant: &VariantId,
    model: &ResolvedModel,
    serving: &Serving<'_>,
) -> Result<(Box<dyn Engine>, LogFile), EngineError> {
    let failed = |reason| EngineError::Load { path: variant.to_string(), reason };
    let path =
        model.location.path().ok_or_else(|| failed("a server cannot serve a server's address".into()))?;
    let path = std::path::absolute(path).map_err(|error| failed(error.to_string()))?;
    let mut server = Server::start(serving.command, &path, variant, serving.folder).map_err(failed)?;
    let log = server.log();

    // while it starts, whether to try again is decided here
    let patient = ServedOptions {
        retries: RetryPolicy { most: 0, ..serving.options.retries },
        ..serving.options.clone()
    };
    let engine = server
        .await_ready(serving.timeout, serving.stop, |url| {
            connect(url, None, &patient).map_err(|error| (error.to_string(), may_come(&error)))
        })
        .map_err(failed)?;

    // the engine that measures tries again as any other does
    let engine = match connect(&server.url(), None, serving.options) {
        Ok(patient) => patient,
        Err(_) => engine,
    };

    Ok((Box::new(engine.keeping(server)), log))
}

/// Whether a server that is starting may still get over this error.
fn may_come(error: &EngineError) -> bool {
    use infercost_core::FailureKind::{Connection, Status, Timeout};
    match error.kind() {
        Connection | Timeout => true,
        Status => error.served_facts().and_then(|facts| facts.status).is_some_and(|status| status >= 500),
        _ => false,
    }
}
