//! `infercost.toml`, and how flags override it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use infercost_analyzer::MachinePrices;
use infercost_core::market::ExchangeRate;
use infercost_core::price::PriceBook;
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::toml_text;
use infercost_core::{Currency, LatencyTargets, Policy, RunRecord};
use infercost_prices::sections::{
    ExchangeSection, LoadSection, MachineSection, OfferSection, PricedMachine, RevenueSection, SourceSection,
    TariffSection, TokenPriceSection,
};
use infercost_prices::{PriceError, PriceSection};
use serde::Deserialize;

use crate::machine_prices::PriceSources;
use crate::policy_section::PolicySection;
use crate::today::today;
use crate::usage::usage;

/// Settings files are small; a larger one is a mistake.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// The settings file that is read where none is named.
pub const DEFAULT_FILE: &str = "infercost.toml";

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// `[prices]`.
    pub prices: Option<PriceSection>,
    /// `[policy]`.
    pub policy: Option<PolicySection>,
    /// `[revenue]`.
    pub revenue: Option<RevenueSection>,
    /// `[load]`.
    pub load: Option<LoadSection>,
    /// `[[machines]]`.
    #[serde(default)]
    pub machines: Vec<MachineSection>,
    /// `[[offers]]`.
    #[serde(default)]
    pub offers: Vec<OfferSection>,
    /// `[tariff]`.
    pub tariff: Option<TariffSection>,
    /// `[[exchange]]`.
    #[serde(default)]
    pub exchange: Vec<ExchangeSection>,
    /// `[sources.NAME]`.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceSection>,
    /// What hosted models cost by the token, for other programs' traces.
    #[serde(default)]
    pub token_prices: Vec<TokenPriceSection>,
}

/// What a report is computed with.
pub struct Settings {
    /// Thresholds.
    pub policy: Policy,
    /// Prices of the machine.
    pub prices: PriceBook,
}

/// What the command line says of thresholds and prices; `None` where it says nothing.
#[derive(Debug, Clone, Default)]
pub struct PolicyFlags {
    /// Non-inferiority margin of the task score.
    pub margin: Option<f64>,
    /// Largest mean KL divergence from the baseline, in nats.
    pub max_kld: Option<f64>,
    /// Smallest share of positions with the baseline's most likely token.
    pub min_top1: Option<f64>,
    /// Smallest task score of a candidate itself.
    pub min_score: Option<f64>,
    /// One-sided confidence of every gate.
    pub confidence: Option<f64>,
    /// Latencies to keep under load.
    pub slo: Option<LatencyTargets>,
    /// The settings file; `None` for `infercost.toml`, if there.
    pub config: Option<PathBuf>,
    /// The only currency in which prices are taken.
    pub currency: Option<String>,
    /// True where a machine without prices of its own is rented at the cheapest fetched offer of its GPUs.
    pub market: bool,
}

/// What the user gave: `None` where nothing was said, and then a recorded run's own settings hold.
pub struct SettingsOverrides {
    policy: Option<Policy>,
    prices: Option<PriceBook>,
    machines: Vec<PricedMachine>,
    token_prices: Vec<PricePerMillion>,
    offers: Vec<OfferSection>,
    exchange: Vec<ExchangeSection>,
    arguments: PolicyFlags,
}

impl SettingsOverrides {
    /// Reads the settings file and checks it.
    pub fn read(arguments: &PolicyFlags) -> anyhow::Result<Self> {
        let file = file(arguments.config.as_deref())?;
        let load = file.load.unwrap_or_default().checked().map_err(|error| usage(error.to_string()))?;
        let machines = machines(file.machines, file.prices.as_ref(), &load)?;
        let prices = file.prices.map(|section| section.book(Some(&load), today()));
        let prices = prices.transpose().map_err(|error| usage(error.to_string()))?;
        let token_prices = token_prices(file.token_prices).map_err(|error| usage(error.to_string()))?;
        let policy = file.policy.map(PolicySection::checked);

        Ok(Self {
            policy: policy.transpose().map_err(usage)?,
            prices,
            machines,
            token_prices,
            offers: file.offers,
            exchange: file.exchange,
            arguments: arguments.clone(),
        })
    }

    /// The user's own prices of the machine; the shipped example is nobody's.
    pub fn own_prices(&self) -> Option<&PriceBook> {
        self.prices.as_ref()
    }

    /// The user's prices of hosted models.
    pub fn token_prices(&self) -> &[PricePerMillion] {
        &self.token_prices
    }

    /// The user's offers.
    pub(crate) fn offers(&self) -> &[OfferSection] {
        &self.offers
    }

    /// The user's exchange rates.
    pub(crate) fn exchange(&self) -> &[ExchangeSection] {
        &self.exchange
    }

    /// Settings for a new run: flags, then the file, then the defaults.
    ///
    /// Servers show little of their distributions, and what is not shown never passes a gate; so where one takes
    /// part, divergence is limited only on demand.
    pub fn for_new_run(&self, servers: bool) -> anyhow::Result<Settings> {
        let default = match servers {
            true => Policy { max_kld: None, min_top1: None, ..Policy::default() },
            false => Policy::default(),
        };
        self.over(&default, &infercost_prices::example()?)
    }

    /// Each machine's own prices behind the runs: its `[[machines]]` entry, else, where `--market` asks for it, the
    /// cheapest fetched rent of its GPUs, else, of several machines and without `[prices]`, what its runs recorded.
    ///
    /// # Errors
    /// A usage error where two entries are one machine's, or amounts cannot be converted.
    pub fn machine_prices(
        &self,
        runs: &[RunRecord],
        settings: &Settings,
    ) -> anyhow::Result<Vec<MachinePrices>> {
        let rates = self.exchange.iter().cloned().map(|section| section.rate());
        let rates: Vec<ExchangeRate> =
            rates.collect::<Result<_, _>>().map_err(|error| usage(error.to_string()))?;
        let sources = PriceSources {
            entries: &self.machines,
            market: self.arguments.market,
            recorded: self.prices.is_none(),
            shared: &settings.prices,
            rates: &rates,
        };
        sources.of(runs)
    }

    /// Settings for a report: flags, then the file, then what the run was recorded with.
    pub fn over(&self, policy: &Policy, prices: &PriceBook) -> anyhow::Result<Settings> {
        let mut policy = self.policy.clone().unwrap_or_else(|| policy.clone());
        let given = &self.arguments;
        policy.margin = given.margin.or(policy.margin);
        policy.max_kld = given.max_kld.or(policy.max_kld);
        policy.min_top1 = given.min_top1.or(policy.min_top1);
        policy.min_score = given.min_score.or(policy.min_score);
        policy.slo = given.slo.or(policy.slo);
        policy.confidence = given.confidence.unwrap_or(policy.confidence);
        let prices = self.prices.clone().unwrap_or_else(|| prices.clone());
        if let Some(code) = &given.currency {
            let wanted: Currency = code.parse().map_err(|error| usage(format!("--currency: {error}")))?;
            if wanted != prices.currency {
                let have = prices.currency;
                return Err(usage(format!(
                    "--currency {wanted}: the prices in force are in {have}, and are not converted here; give [prices] in {wanted} in {DEFAULT_FILE}"
                )));
            }
        }

        Ok(Settings { policy, prices })
    }
}

/// The `[[machines]]` entries, checked.
pub(crate) fn machines(
    sections: Vec<MachineSection>,
    prices: Option<&PriceSection>,
    load: &LoadSection,
) -> anyhow::Result<Vec<PricedMachine>> {
    let mut machines = Vec::with_capacity(sections.len());
    for section in sections {
        let machine = section.checked(prices, Some(load), today());
        machines.push(machine.map_err(|error| usage(format!("[[machines]]: {error}")))?);
    }
    Ok(machines)
}

/// The `[[token_prices]]` entries, checked.
pub(crate) fn token_prices(sections: Vec<TokenPriceSection>) -> Result<Vec<PricePerMillion>, PriceError> {
    sections.into_iter().map(TokenPriceSection::checked).collect()
}

/// The named settings file, else the default one, else nothing.
pub fn file(path: Option<&Path>) -> anyhow::Result<ConfigFile> {
    match path {
        Some(path) => parse(path),
        None if Path::new(DEFAULT_FILE).exists() => found(Path::new(DEFAULT_FILE)),
        None => Ok(ConfigFile::default()),
    }
}

/// Reads a file that nobody named. A pipe of that name would hold up every command in its folder.
fn found(path: &Path) -> anyhow::Result<ConfigFile> {
    parse_text(path, &infercost_text::read_regular(path, MAX_CONFIG_BYTES, "settings file")?)
}

fn parse(path: &Path) -> anyhow::Result<ConfigFile> {
    parse_text(path, &infercost_text::read(path, MAX_CONFIG_BYTES, "settings file")?)
}

/// The settings that a text holds.
///
/// # Errors
/// A usage error with the file's name, the line and what is wrong there.
pub fn parse_text(path: &Path, text: &str) -> anyhow::Result<ConfigFile> {
    let name = path.display().to_string();
    toml_text::read(text).map_err(|error| usage(error.in_file(&name)))
}

impl ConfigFile {
    /// What amounts are in; US dollars where there are no prices.
    pub fn currency(&self) -> Currency {
        self.prices.as_ref().map_or(Currency::USD, PriceSection::currency)
    }

    /// Whether an offer of that name, or an exchange rate between those currencies, is written down.
    pub fn has_entry(&self, title: &str) -> bool {
        self.offers.iter().any(|offer| offer.name() == title)
            || self.exchange.iter().any(|exchange| exchange.title() == title)
    }
}
