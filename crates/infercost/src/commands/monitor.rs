//! `infercost monitor`: this machine while it serves, in the terminal, as a web page, for Prometheus.

mod farm;
mod interrupt;
mod pushing;
mod watching;

use std::io::{self, IsTerminal as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use infercost_core::{MeterError, ServerPlace};
use infercost_energy::devices::Devices;
use infercost_energy::{WatchedProcesses, listeners};
use infercost_export::listener::Listener;
use infercost_monitor::alert::{Alerts, Rule, RuleError, Webhook};
use infercost_monitor::money::LOSS_ZONE;
use infercost_monitor::sampling::{Sampling, SystemClock};
use infercost_monitor::servers::{AddressError, Servers, base_address};
use infercost_monitor::web::{Access, Board, MonitorPages, Token};
use infercost_monitor::{Monitor, MonitorOptions, Tariffs};
use infercost_run::MeterRequest;
use infercost_run::economics_inputs::{EconomicsInputs, EconomicsRequest};
use infercost_run::machine::meter_options;
use infercost_run::usage;

use crate::flags::GlobalFlags;
use crate::flags::export::WireFlags;
use crate::flags::load::time;
use crate::flags::meter::MeterFlags;
use crate::flags::numbers::above_zero;
use crate::output;
use watching::{Screen, Watching};

/// Shortest and longest time between observations.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(60);
/// Where the operating system tells about processes.
const PROC: &str = "/proc";
/// More servers than one machine runs.
const MOST_SERVERS: usize = 32;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  infercost monitor
      this machine's devices
  infercost monitor --server localhost:8080
      and a server: llama.cpp, vLLM, SGLang, TGI or Ollama
  infercost monitor --server localhost:8000 --listen 127.0.0.1:9464
      a page, /metrics for Prometheus, a JSON stream
  infercost monitor --alert \"gpu.temperature > 85 for 30s\" \\
    --alert \"idle_waste > 0.10 USD/h for 10m\"
  infercost monitor --server localhost:8000 --record
  infercost audit traces/20261129-101500
      what the recording costs
  infercost monitor --json --interval 10s >> seen.jsonl
      a snapshot every ten seconds
  infercost monitor http://a:9464 http://b:9464
      several machines, each with a monitor that listens

In a terminal q ends it; elsewhere it prints a line an interval.")]
pub(crate) struct MonitorCommand {
    /// Monitors of other machines to show together, up to 64 [default: this machine]
    #[arg(value_name = "URL", value_parser = server, conflicts_with_all = ["servers", "alerts", "webhook", "otlp", "record"])]
    pub(crate) machines: Vec<String>,

    /// Server to watch, by its address; may be given several times
    #[arg(long = "server", value_name = "URL", value_parser = server)]
    pub(crate) servers: Vec<String>,

    /// Time between observations, 100ms to 60s
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    pub(crate) interval: Duration,

    /// End after this time [default: when it is interrupted]
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) duration: Option<Duration>,

    /// Print a line an interval, in a terminal too
    #[arg(long)]
    pub(crate) lines: bool,

    #[command(flatten)]
    pub(crate) alert: AlertFlags,

    #[command(flatten)]
    pub(crate) page: PageFlags,

    #[command(flatten)]
    pub(crate) keep: KeepFlags,

    #[command(flatten)]
    pub(crate) money: MoneyFlags,

    #[command(flatten)]
    pub(crate) meter: MeterFlags,
}

/// Who is told when something is wrong.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Alerts")]
pub(crate) struct AlertFlags {
    /// Condition to tell of; may be given several times.
    #[arg(
        long = "alert",
        value_name = "RULE",
        value_parser = rule,
        help = "Condition to tell of, as \"gpu.temperature > 85 for 30s\"; may be given several times. A wrong quantity \
                lists all of them"
    )]
    pub(crate) alerts: Vec<Rule>,

    /// Address that alerts are posted to as JSON, as Slack and Mattermost take it
    #[arg(long, value_name = "URL", env = "INFERCOST_MONITOR_WEBHOOK", hide_env_values = true)]
    pub(crate) webhook: Option<String>,
}

/// Who may look from elsewhere.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Web page")]
pub(crate) struct PageFlags {
    /// Serve a page, /metrics and a JSON stream here; an address that others can reach wants --token
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,

    /// Token that readers must show, 16 characters or more
    #[arg(long, value_name = "TOKEN", env = "INFERCOST_MONITOR_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Name under which the page may be asked, in addition to its address and localhost; may be given several times
    #[arg(long = "host", value_name = "NAME", requires = "listen")]
    pub(crate) hosts: Vec<String>,
}

/// Where what was seen goes besides.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Export")]
pub(crate) struct KeepFlags {
    /// Push metrics to this OTLP collector
    #[arg(long, value_name = "URL")]
    pub(crate) otlp: Option<String>,

    #[command(flatten)]
    pub(crate) wire: WireFlags,

    /// Time between two pushes, and between two lines of a recording
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub(crate) push_every: Duration,

    /// Keep what was seen in a folder below --traces, as OTLP; `infercost audit` bills it
    #[arg(long)]
    pub(crate) record: bool,
}

/// What answers earn, and in what everything is counted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Money")]
pub(crate) struct MoneyFlags {
    /// Currency of amounts; prices in another are converted at a dated rate, or refused without one
    #[arg(long, value_name = "CODE")]
    pub(crate) currency: Option<String>,

    /// Revenue of one answered request [default: the settings']
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero)]
    pub(crate) revenue: Option<f64>,

    /// Revenue of a million output tokens, where servers count no requests
    #[arg(long, value_name = "AMOUNT", value_parser = above_zero, conflicts_with = "revenue")]
    pub(crate) revenue_per_million: Option<f64>,
}

pub(crate) fn run(arguments: &MonitorCommand, global: &GlobalFlags) -> anyhow::Result<ExitCode> {
    if arguments.servers.len() > MOST_SERVERS {
        return Err(usage(format!("at most {MOST_SERVERS} servers are watched at a time")));
    }

    // Everything that can be refused is refused before anything is started.
    let access = access(&arguments.page)?;
    if !arguments.machines.is_empty() {
        return farm::run(arguments, global, access);
    }
    let tariffs = tariffs(&arguments.money, global)?;
    check_currencies(&arguments.alert.alerts, &tariffs)?;
    let machine = host_name();
    let webhook = arguments.alert.webhook.as_deref().map(|url| Webhook::start(url, &machine));
    let webhook = webhook.transpose().map_err(|error| usage(error.to_string()))?;
    let devices = devices(arguments)?;

    let servers = Servers::start(&arguments.servers).context("cannot start a thread that asks a server")?;
    let clock = SystemClock::default();
    let sampling = Sampling::new(Box::new(devices), Box::new(servers), clock, arguments.interval);
    let board = Arc::new(Board::default());
    let listener = access.map(|access| listen(access, &board)).transpose()?;
    let pushes = pushing::start(&arguments.keep, &arguments.servers, &machine, global)?;

    let options = MonitorOptions {
        machine,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        interval: arguments.interval,
        tariffs,
    };
    let screen = screen(arguments, global)?;
    let watching = Watching {
        monitor: Monitor::new(options),
        sampling,
        alerts: Alerts::new(arguments.alert.alerts.clone()),
        webhook,
        pushes,
        board,
        screen,
        duration: arguments.duration,
    };
    watching.run()?;

    drop(listener);
    Ok(ExitCode::SUCCESS)
}

/// Every device, with the instruments that the flags choose.
fn devices(arguments: &MonitorCommand) -> anyhow::Result<Devices> {
    let meter = MeterRequest::of(&arguments.meter.spec())?;
    let watched = if meter.estimate { watched(&arguments.servers) } else { WatchedProcesses::default() };
    let devices = Devices::open(&meter_options(&meter, &watched))?;
    if meter.require_measured && !devices.is_metered() {
        return Err(MeterError::RequiredMeterMissing {
            meter: "measuring".to_owned(),
            reason: devices.unmetered().to_owned(),
            fix: "`infercost doctor` names each meter and what would make it readable".to_owned(),
        }
        .into());
    }
    Ok(devices)
}

/// Processes of servers on this machine, whose CPU time an estimate counts. Those that are left out are said.
fn watched(servers: &[String]) -> WatchedProcesses {
    let watched = WatchedProcesses::default();
    for server in servers {
        let place = ServerPlace::of(server);
        let found = match place.port.filter(|_| place.is_this_machine()) {
            Some(port) => listeners(Path::new(PROC), port),
            None => Err("it runs on another machine".to_owned()),
        };
        match found {
            Ok(processes) => processes.into_iter().for_each(|process| watched.add(process)),
            Err(why) => output::note(&format!("! the estimate leaves out {server}: {why}")),
        }
    }
    watched
}

/// Who may read what is shown, where it is shown.
fn access(flags: &PageFlags) -> anyhow::Result<Option<Access>> {
    let Some(address) = flags.listen else { return Ok(None) };
    let token = flags.token.as_deref().map(Token::new).transpose();
    let token = token.map_err(|error| usage(format!("--token: {error}")))?;
    if !address.ip().is_loopback() && token.is_none() {
        return Err(usage(format!(
            "--listen {address}: others can reach this address, so it needs --token (or INFERCOST_MONITOR_TOKEN); \
             127.0.0.1 needs none"
        )));
    }
    Ok(Some(Access { address, token, names: flags.hosts.clone() }))
}

fn listen(access: Access, board: &Arc<Board>) -> anyhow::Result<Listener> {
    let address = access.address;
    let has_token = access.token.is_some();
    let pages = MonitorPages::new(Arc::clone(board), access);
    let listener = Listener::start(address, Arc::new(pages)).map_err(|error| {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program listens there, maybe another monitor; choose another port".to_owned()
            }
            _ => error.to_string(),
        };
        usage(format!("--listen {address}: {why}"))
    })?;

    let token = if has_token { "/?token=…" } else { "/" };
    output::note(&format!(
        "page: http://{}{token}, Prometheus: /metrics, JSON: /api/stream",
        listener.address()
    ));
    Ok(listener)
}

/// What joules, hours and answers are worth, by the settings and the flags.
fn tariffs(flags: &MoneyFlags, global: &GlobalFlags) -> anyhow::Result<Tariffs> {
    let request = EconomicsRequest {
        variant: None,
        traces: global.traces.clone(),
        config: global.config.clone(),
        currency: flags.currency.clone(),
        assume_watts: None,
        price_store: None,
    };
    let tariffs = tariffs_of(&EconomicsInputs::read(request)?, flags.revenue)?;
    let per_request = tariffs.revenue_per_request.filter(|_| flags.revenue_per_million.is_none());
    Ok(Tariffs {
        revenue_per_request: per_request,
        revenue_per_million: flags.revenue_per_million,
        ..tariffs
    })
}

/// The same by settings that are read already; `revenue` of one request comes before theirs.
pub(crate) fn tariffs_of(inputs: &EconomicsInputs, revenue: Option<f64>) -> anyhow::Result<Tariffs> {
    let book = inputs.book(&infercost_prices::example()?)?;
    let tariffs = Tariffs::of(&book).map_err(|error| usage(error.to_string()))?;
    let earned = inputs.earned(revenue, book.currency)?;
    Ok(Tariffs {
        revenue_per_request: earned.map(|price| infercost_economics::bill::double(price.value)),
        loss_zone: inputs.revenue.loss_zone.unwrap_or(LOSS_ZONE),
        ..tariffs
    })
}

/// A limit in money is in the currency of all other amounts: none is converted behind its reader's back.
fn check_currencies(rules: &[Rule], tariffs: &Tariffs) -> anyhow::Result<()> {
    let other = rules.iter().find(|rule| rule.currency().is_some_and(|code| code != tariffs.currency));
    match other {
        None => Ok(()),
        Some(rule) => Err(usage(format!(
            "--alert \"{}\": amounts are in {}; give the limit in it, or choose another with --currency",
            rule.text(),
            tariffs.currency
        ))),
    }
}

/// The view where there is a terminal, else lines.
fn screen(arguments: &MonitorCommand, global: &GlobalFlags) -> anyhow::Result<Screen> {
    if global.json {
        return Ok(Screen::Json);
    }
    if !full_screen(arguments, global) {
        return Ok(Screen::lines());
    }
    Screen::view().context("cannot take over the terminal; --lines prints lines")
}

/// Whether there is a terminal to fill.
fn full_screen(arguments: &MonitorCommand, global: &GlobalFlags) -> bool {
    !global.json && !arguments.lines && io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// The machine's name, as the kernel has it.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "this machine".to_owned(),
        name => output::terminal::plain(name),
    }
}

fn server(text: &str) -> Result<String, AddressError> {
    base_address(text)
}

fn rule(text: &str) -> Result<Rule, RuleError> {
    text.parse()
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = time(text)?;
    if INTERVALS.contains(&interval) { Ok(interval) } else { Err("must be 100ms to 60s".to_owned()) }
}
