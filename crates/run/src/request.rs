//! What a user wants of a run: what is stored with it, and what is not.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use infercost_core::{ArrivalProcess, LoadSpec, MeterSpec, OperatingPoint, RunSpec, VariantId};
use infercost_energy::MeterChoice;
use infercost_engine::ModelDevice;
use infercost_export::{DestinationError, Headers, OtlpOptions, Protocol};
use infercost_harness::LoadPlan;
use infercost_harness::load::Arrivals;
use infercost_models::ModelArgument;
use infercost_served::ServedAddress;
use regex::Regex;

use crate::usage::usage;

/// Longest time that a stored specification may name.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A run that is wanted: its specification, and what only this invocation knows.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// What is stored in the run's header.
    pub spec: RunSpec,
    /// Patterns that are taken out of every text.
    pub redact: Vec<Regex>,
    /// The server to start for each model file; `None` starts none.
    pub serve: Option<ServeRequest>,
    /// True where the network is not used.
    pub offline: bool,
    /// The folder that holds the runs.
    pub traces: PathBuf,
    /// True where the run goes to a store beside runs of other machines: its id then holds more than the second.
    pub is_shared: bool,
    /// Where the run is sent.
    pub live: LiveExportTarget,
    /// True where a run that goes on asks the addresses in its header, whoever wrote them.
    pub trust: bool,
    /// Models in these settings take part, the first as the baseline, in place of each model as it is; never stored.
    pub settings: Vec<ContenderSetting>,
}

/// A model in a setting of its own.
#[derive(Debug, Clone)]
pub struct ContenderSetting {
    /// The name under which it takes part.
    pub id: VariantId,
    /// The model, by its own name.
    pub variant: VariantId,
    /// Worker threads of a model in process; `None` for those of the run.
    pub threads: Option<u16>,
    /// The command that serves it; `None` for that of the run.
    pub serve: Option<String>,
    /// Most tokens of its answers, where prompts allow more; `None` for what they allow.
    pub max_tokens: Option<u32>,
}

/// How servers are started.
#[derive(Debug, Clone)]
pub struct ServeRequest {
    /// The command, as a shell would read it; `{model}` is the file, `{port}` a free port.
    pub command: String,
    /// How long a server may take until it answers.
    pub timeout: Duration,
}

/// Where a run is sent while it is recorded, or when it is done.
#[derive(Debug, Clone, Default)]
pub struct LiveExportTarget {
    /// Which back-end.
    pub place: PlaceOfExport,
    /// How spans are carried; `None` for the usual way.
    pub protocol: Option<Protocol>,
    /// Headers of each request, `NAME=VALUE`; never shown and never stored.
    pub headers: Vec<String>,
    /// The project to file the run under.
    pub project: Option<String>,
    /// Prometheus metrics are served at this address while the run lasts.
    pub metrics_listen: Option<SocketAddr>,
}

/// A back-end that runs are sent to; at most one is named.
#[derive(Debug, Clone, Default)]
pub struct PlaceOfExport {
    /// An OTLP collector's address.
    pub otlp: Option<String>,
    /// A Phoenix's address.
    pub phoenix: Option<String>,
    /// LangSmith, by its environment variables.
    pub langsmith: bool,
    /// Langfuse, by its environment variables.
    pub langfuse: bool,
}

impl PlaceOfExport {
    /// True for a back-end that takes a run when it is done, and not while it is recorded.
    pub fn wants_whole_runs(&self) -> bool {
        self.phoenix.is_some() || self.langsmith || self.langfuse
    }
}

impl LiveExportTarget {
    /// What was said about the wire.
    ///
    /// # Errors
    /// [`DestinationError`] for a header that is none.
    pub fn options(&self) -> Result<OtlpOptions, DestinationError> {
        Ok(OtlpOptions {
            url: self.place.otlp.clone(),
            protocol: self.protocol,
            headers: headers(&self.headers)?,
            ..OtlpOptions::default()
        })
    }
}

/// Headers from `NAME=VALUE` pairs.
///
/// # Errors
/// [`DestinationError`] for a pair that is none.
pub(crate) fn headers(pairs: &[String]) -> Result<Headers, DestinationError> {
    let mut headers = Headers::default();
    for pair in pairs {
        headers.set_pair(pair)?;
    }
    Ok(headers)
}

impl RunRequest {
    /// The same request with what is stored made ready for another day and another folder: files by absolute paths,
    /// addresses without credentials, patterns and commands as a number and a mark.
    ///
    /// # Errors
    /// Where the working folder is gone.
    pub(crate) fn made_storable(mut self) -> anyhow::Result<Self> {
        self.spec.redactions = u32::try_from(self.redact.len()).unwrap_or(u32::MAX);
        self.spec.servers.started = self.serve.is_some();
        // Standard input is in no folder.
        if let Some(prompts) = self.spec.prompts.take() {
            let is_input = prompts.as_os_str() == infercost_text::STANDARD_INPUT;
            self.spec.prompts = Some(if is_input { prompts } else { absolute(&prompts)? });
        }

        for model in &mut self.spec.models {
            // a name may be a manifest's or the hub's, wherever it is used
            if let Ok(ModelArgument::Path(path)) = ModelArgument::parse(model)
                && path.exists()
            {
                *model = absolute(&path)?.to_string_lossy().into_owned();
            }
        }
        Ok(self)
    }

    /// The specification as it goes to disk.
    pub(crate) fn stored_spec(&self) -> RunSpec {
        let models = self.spec.models.iter().map(|model| without_credentials(model)).collect();
        let hosted = self.spec.hosted.iter().map(|model| without_credentials(model)).collect();
        RunSpec { models, hosted, ..self.spec.clone() }
    }

    /// The run that goes on by a stored specification, with what this invocation gives.
    ///
    /// # Errors
    /// A usage error where the run needs a command or patterns that are not stored and were not given again.
    pub(crate) fn of_stored(spec: &RunSpec, given: &Self, run: &str) -> anyhow::Result<Self> {
        if spec.servers.started && given.serve.is_none() {
            return Err(usage(format!(
                "run {run} was measured on servers that it started, and their command is not stored; give it again: \
                 --resume={run} --serve \"COMMAND\""
            )));
        }
        let given_again = u32::try_from(given.redact.len()).unwrap_or(u32::MAX);
        if spec.redactions != given_again {
            return Err(usage(format!(
                "run {run} keeps what {} patterns find out of its texts, and the patterns are not stored; give each \
                 --redact again",
                spec.redactions
            )));
        }

        let serve = given.serve.clone().filter(|_| spec.servers.started);
        Ok(Self { spec: spec.clone(), serve, ..given.clone() })
    }

    /// How energy is read.
    ///
    /// # Errors
    /// A usage error where the instrument has no such name.
    pub fn meter(&self) -> anyhow::Result<MeterRequest> {
        MeterRequest::of(&self.spec.meter)
    }

    /// Where models in process run.
    ///
    /// # Errors
    /// A usage error where there is no such device.
    pub fn device(&self) -> anyhow::Result<ModelDevice> {
        device(&self.spec.device).map_err(|reason| usage(format!("--device {}: {reason}", self.spec.device)))
    }

    /// How long a server may take for one answer.
    pub(crate) fn request_timeout(&self) -> anyhow::Result<Duration> {
        time("--request-timeout", self.spec.servers.request_timeout_s)
    }

    /// The load that is asked for; `None` for none.
    pub(crate) fn load_plan(&self) -> anyhow::Result<Option<LoadPlan>> {
        self.spec.load.as_ref().map(load_plan).transpose()
    }
}

/// Reads `cpu`, `cuda` or `cuda:N`.
///
/// # Errors
/// What would do instead: of another name, and of CUDA where this build has none.
pub fn device(text: &str) -> Result<ModelDevice, String> {
    let index = match text {
        "cpu" => return Ok(ModelDevice::Cpu),
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let index = index.ok_or_else(|| "use cpu, cuda or cuda:N".to_owned())?;

    if cfg!(feature = "cuda") {
        Ok(ModelDevice::Cuda(index))
    } else {
        Err("this build has no CUDA; use cpu, or build with --features cuda".to_owned())
    }
}

fn load_plan(spec: &LoadSpec) -> anyhow::Result<LoadPlan> {
    let closed = spec.concurrency.iter().map(|n| OperatingPoint::Closed { concurrency: *n });
    let open = spec.rate.iter().map(|rate| OperatingPoint::Open { rate: *rate });
    let duration = time("--duration", spec.duration_s)?;

    Ok(LoadPlan {
        points: closed.chain(open).collect(),
        sweep: spec.sweep_limit,
        arrivals: match spec.arrivals {
            ArrivalProcess::Poisson => Arrivals::Poisson,
            ArrivalProcess::Constant => Arrivals::Constant,
        },
        warm_up: match spec.warm_up_s {
            Some(seconds) => time("--load-warm-up", seconds)?,
            None => duration / 10,
        },
        duration,
    })
}

/// A length of time from a file, which may say anything.
fn time(name: &str, seconds: f64) -> anyhow::Result<Duration> {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| !time.is_zero() && *time <= LONGEST);
    time.ok_or_else(|| usage(format!("{name}: {seconds} s is not above 0 and at most a day")))
}

/// How energy is read, with the instrument looked up.
#[derive(Debug, Clone)]
pub struct MeterRequest {
    /// The instrument.
    pub choice: MeterChoice,
    /// True where the run stops if energy cannot be measured.
    pub require_measured: bool,
    /// True where energy is estimated from the CPU's thermal design power if nothing measures it.
    pub estimate: bool,
    /// Constant power in watts that is assumed where nothing measures.
    pub assume_watts: Option<f64>,
}

impl MeterRequest {
    /// What a specification says of the meter.
    ///
    /// # Errors
    /// A usage error where the instrument has no such name.
    pub fn of(spec: &MeterSpec) -> anyhow::Result<Self> {
        let MeterSpec { ref instrument, require_measured, estimate, assume_watts } = *spec;
        let choice = instrument.parse().map_err(|error| usage(format!("--meter: {error}")))?;
        Ok(Self { choice, require_measured, estimate, assume_watts })
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot tell where {} is", path.display()))
}

/// An address without a user name, a password and a query, any of which may be a key; other texts as they are.
fn without_credentials(model: &str) -> String {
    if !ServedAddress::is_meant(model) {
        return model.to_owned();
    }

    let Some((scheme, rest)) = model.split_once("://") else { return model.to_owned() };

    // the served name stands behind `#`, and may hold any character
    let (address, name) = match rest.split_once('#') {
        Some((address, name)) => (address, Some(name)),
        None => (rest, None),
    };
    let address = address.split('?').next().unwrap_or_default();
    let (host, path) = match address.find('/') {
        Some(at) => address.split_at(at),
        None => (address, ""),
    };
    let host = host.rsplit('@').next().unwrap_or_default();

    match name {
        Some(name) => format!("{scheme}://{host}{path}#{name}"),
        None => format!("{scheme}://{host}{path}"),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use infercost_core::ServerSpec;

    use super::*;

    fn given() -> RunRequest {
        RunRequest {
            spec: RunSpec::default(),
            redact: Vec::new(),
            serve: None,
            offline: true,
            traces: PathBuf::from("traces"),
            is_shared: false,
            live: LiveExportTarget::default(),
            trust: false,
            settings: Vec::new(),
        }
    }

    #[test]
    fn addresses_are_stored_without_credentials() {
        for (given, stored) in [
            ("http://u:p@h:1/v1#m@x?y", "http://h:1/v1#m@x?y"),
            ("https://h/v1?api_key=k#m", "https://h/v1#m"),
            ("http://h:8080/v1", "http://h:8080/v1"),
            ("a@b?c", "a@b?c"),
        ] {
            assert_eq!(without_credentials(given), stored, "{given}");
        }
    }

    /// Nothing of what starts programs, opens doors or must not be kept is in what is stored.
    #[test]
    fn no_secret_and_no_command_is_stored() {
        let secret = "S3CRET";
        let live = LiveExportTarget {
            place: PlaceOfExport {
                otlp: Some(format!("https://{secret}@h?k={secret}")),
                phoenix: Some(format!("https://{secret}@h")),
                ..PlaceOfExport::default()
            },
            headers: vec![format!("authorization=Bearer {secret}")],
            project: Some(secret.to_owned()),
            ..LiveExportTarget::default()
        };
        let command = format!("srv -m {{model}} --port {{port}} --api-key {secret} -H 'x: {secret}'");
        let request = RunRequest {
            spec: RunSpec {
                models: vec![format!("http://u:{secret}@h/v1?key={secret}#m")],
                ..RunSpec::default()
            },
            redact: vec![Regex::new(secret).unwrap()],
            serve: Some(ServeRequest { command, timeout: Duration::from_secs(1) }),
            live,
            ..given()
        };
        let request = request.made_storable().unwrap();
        let stored = serde_json::to_string(&request.stored_spec()).unwrap();
        assert!(!stored.contains(secret) && !stored.contains("srv"), "{stored}");
        assert!(stored.contains(r#""started":true"#) && stored.contains(r#""redactions":1"#), "{stored}");
    }

    #[test]
    fn a_resumed_run_starts_no_command_that_is_not_given_again() {
        let servers = ServerSpec { started: true, ..ServerSpec::default() };
        let spec = RunSpec { servers, ..RunSpec::default() };
        let error = RunRequest::of_stored(&spec, &given(), "r").unwrap_err().to_string();
        assert!(error.contains("--resume=r --serve"), "{error}");

        let serve = ServeRequest { command: "x {model} {port}".to_owned(), timeout: Duration::from_secs(1) };
        let again = RunRequest { serve: Some(serve), ..given() };
        let resumed = RunRequest::of_stored(&spec, &again, "r").unwrap();
        assert_eq!(resumed.serve.map(|serve| serve.command).as_deref(), Some("x {model} {port}"));

        // a run on models in process starts none, whatever is given
        let resumed = RunRequest::of_stored(&RunSpec::default(), &again, "r").unwrap();
        assert!(resumed.serve.is_none());
    }

    #[test]
    fn patterns_are_given_again() {
        let spec = RunSpec { redactions: 1, ..RunSpec::default() };
        assert!(RunRequest::of_stored(&spec, &given(), "r").is_err());
        let again = RunRequest { redact: vec![Regex::new("a+").unwrap()], ..given() };
        assert!(RunRequest::of_stored(&spec, &again, "r").is_ok());
    }

    #[test]
    fn lengths_of_time_from_files_have_bounds() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(time("x", seconds).is_err(), "{seconds}");
        }
        assert_eq!(time("x", 0.5).ok(), Some(Duration::from_millis(500)));
    }
}
