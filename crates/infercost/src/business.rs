//! What the commands of unit economics start from: a measured workload, prices in one currency, and what the
//! settings say about revenue, load and offers.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use infercost_analyzer::workload;
use infercost_core::hosting::HostingOffer;
use infercost_core::market::{Curve, ExchangeRate};
use infercost_core::price::{Price, PriceBook, UtilizationBasis};
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::{Currency, RunRecord, VariantId, Workload};
use infercost_economics::bill::double;
use infercost_economics::power::assume;
use infercost_economics::schedule::Retail;
use infercost_prices::sections::{LoadSection, Revenue, TariffSection, exchange};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

use crate::arguments::economics::EconomicsArguments;
use crate::config::{self, ConfigFile};
use crate::exit::usage;
use crate::{output, run_folder};

/// Confidence of every interval that unit economics print.
const CONFIDENCE: f64 = 0.95;

/// What must be known where nobody says how much of the time the machine works.
pub(crate) const ASSUMED_UTILIZATION: &str = "Utilization of 30 % is assumed; give `utilization` in [prices], or requests_per_hour and capacity_per_hour in [load].";

/// The settings, checked.
pub(crate) struct Business {
    pub(crate) revenue: Revenue,
    pub(crate) load: LoadSection,
    pub(crate) offers: Vec<HostingOffer>,
    pub(crate) tariff: Option<TariffSection>,
    pub(crate) rates: Vec<ExchangeRate>,
    pub(crate) token_prices: Vec<PricePerMillion>,
    pub(crate) today: Date,
    prices: Option<PriceBook>,
    wanted: Option<Currency>,
}

impl Business {
    /// Reads the settings file.
    pub(crate) fn read(arguments: &EconomicsArguments) -> anyhow::Result<Self> {
        let file = config::file(arguments.config.as_deref())?;
        let name = arguments.config.as_deref().unwrap_or(Path::new(config::DEFAULT_FILE)).display();
        let wrong = |error: infercost_prices::PriceError| usage(format!("{name}: {error}"));
        let ConfigFile { prices, revenue, load, offers, tariff, exchange, token_prices, .. } = file;
        let load = load.unwrap_or_default().checked().map_err(wrong)?;
        let today = today();
        let prices = prices.map(|section| section.book(Some(&load), today)).transpose().map_err(wrong)?;
        let currency = prices.as_ref().map_or(Currency::USD, |book| book.currency);
        let wanted = arguments.currency.as_deref().map(str::parse).transpose();
        let revenue = revenue.map(|section| section.checked(currency)).transpose().map_err(wrong)?;
        let rates: Result<Vec<_>, _> = exchange.into_iter().map(|section| section.rate()).collect();
        let mut rates = rates.map_err(wrong)?;
        rates.extend(crate::price_store::rates(&arguments.store)?);
        Ok(Self {
            revenue: revenue.unwrap_or_default(),
            load,
            offers: offers
                .into_iter()
                .map(|offer| offer.checked())
                .collect::<Result<_, _>>()
                .map_err(wrong)?,
            tariff,
            rates,
            token_prices,
            today,
            prices,
            wanted: wanted.map_err(|error| usage(format!("--currency: {error}")))?,
        })
    }

    /// The price book in force, in the currency of the answer.
    pub(crate) fn book(&self, recorded: &PriceBook) -> anyhow::Result<PriceBook> {
        let book = self.prices.as_ref().unwrap_or(recorded);
        let wanted = self.wanted.unwrap_or(book.currency);
        exchange::convert_book(book, wanted, &self.rates).map_err(|error| usage(error.to_string()))
    }

    /// Facility energy ÷ IT energy, by the settings, else as recorded.
    pub(crate) fn pue(&self, recorded: &PriceBook) -> f64 {
        self.prices.as_ref().unwrap_or(recorded).pue
    }

    /// The currency of an answer that rests on no run.
    pub(crate) fn currency(&self) -> anyhow::Result<Currency> {
        Ok(self.book(&infercost_prices::example()?)?.currency)
    }

    /// A price in the currency of the answer.
    pub(crate) fn convert(&self, price: &Price, to: Currency) -> anyhow::Result<Price> {
        exchange::convert_price(price, to, &self.rates).map_err(|error| usage(error.to_string()))
    }

    /// The factor from one currency to another.
    pub(crate) fn rate(&self, from: Currency, to: Currency) -> anyhow::Result<f64> {
        let rate = exchange::rate_between(&self.rates, from, to).map_err(|error| usage(error.to_string()))?;
        Ok(double(rate))
    }

    /// What turns the curve into a bill: the adder and tax of `[tariff]`, on exchange prices only.
    pub(crate) fn retail(&self, curve: &Curve) -> anyhow::Result<Option<Retail>> {
        let adders = self.tariff.as_ref().map(TariffSection::adders).transpose();
        let adders = adders.map_err(|error| usage(error.to_string()))?.flatten();
        let retail = adders.map(|adders| Retail { adder: double(adders.adder), tax: double(adders.tax) });
        Ok(retail.filter(|_| curve.wholesale))
    }

    /// Revenue per inference by the flag, else by the settings.
    pub(crate) fn earned(&self, flag: Option<f64>, currency: Currency) -> anyhow::Result<Option<Price>> {
        let Some(amount) = flag else {
            return self
                .revenue
                .per_inference
                .as_ref()
                .map(|price| self.convert(price, currency))
                .transpose();
        };
        let value = Decimal::try_from(amount).map_err(|error| usage(format!("--revenue: {error}")))?;
        let text = |text: &str| text.to_owned();
        let (name, unit, source) = (text("revenue"), text("inference"), text("given with --revenue"));
        Ok(Some(Price { name, value, currency, unit, source, date: self.today }))
    }
}

/// A run as unit economics read it.
pub(crate) struct Measured {
    pub(crate) run: RunRecord,
    pub(crate) workload: Workload,
}

/// Reads a run and what one inference of the chosen variant takes.
pub(crate) fn measured(arguments: &EconomicsArguments, name: Option<&str>) -> anyhow::Result<Measured> {
    let run = infercost_trace::read_run(&run_folder::named_or_newest(&arguments.traces, name)?)?;
    let variant = variant(&run, arguments.variant.as_deref())?;
    let workload = workload_of(&run, &variant, arguments)?;
    Ok(Measured { run, workload })
}

/// What one inference of a variant takes.
pub(crate) fn workload_of(
    run: &RunRecord,
    variant: &VariantId,
    arguments: &EconomicsArguments,
) -> anyhow::Result<Workload> {
    let workload = workload(std::slice::from_ref(run), variant, CONFIDENCE)?;
    Ok(match arguments.assume_watts {
        Some(power) => assume(workload, power),
        None => workload,
    })
}

/// The variant by its name or the end of it; the baseline where none is named.
pub(crate) fn variant(run: &RunRecord, name: Option<&str>) -> anyhow::Result<VariantId> {
    let Some(name) = name else { return Ok(run.header.baseline.clone()) };
    let ids = || run.header.variants.iter().map(|variant| &variant.id);
    ids()
        .find(|id| id.as_str() == name)
        .or_else(|| ids().find(|id| id.variant_name() == name))
        .cloned()
        .ok_or_else(|| {
            let known: Vec<&str> = ids().map(|id| id.as_str()).collect();
            usage(format!("--variant {name}: run {} has {}", run.header.id, known.join(", ")))
        })
}

/// Writes a chart where one is wanted.
pub(crate) fn write_chart(path: Option<&Path>, chart: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, chart()).with_context(|| format!("cannot write the chart {}", path.display()))?;
    output::note(&format!("chart: {}", path.display()));
    Ok(())
}

/// The day, in UTC.
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// What must be known before the numbers: that prices or energy are assumed.
pub(crate) fn notes(book: &PriceBook, workload: &Workload) -> Vec<String> {
    let mut notes = Vec::new();
    if book.assumed {
        notes.push(
            "Prices are assumed: the shipped example, not yours; put your own into infercost.toml."
                .to_owned(),
        );
    }
    if book.utilization_basis == UtilizationBasis::Assumed {
        notes.push(ASSUMED_UTILIZATION.to_owned());
    }
    if workload.joules.is_some() && !workload.energy_note.is_empty() {
        notes.push(workload.energy_note.clone());
    }
    notes
}
