//! What the commands of unit economics start from: a measured workload, prices in one currency, and what the
//! settings say about revenue, load and offers.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use infercost_analyzer::workload;
use infercost_core::hosting::HostingOffer;
use infercost_core::market::{Curve, ExchangeRate};
use infercost_core::price::{Price, PriceBook, UtilizationBasis};
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::{
    Currency, EconomicsFact, Findings, RunHeader, RunRecord, Severity, VariantId, Workload,
};
use infercost_economics::bill::double;
use infercost_economics::power::{AssumedPower, assume};
use infercost_economics::schedule::Retail;
use infercost_prices::sections::{LoadSection, PricedMachine, Revenue, TariffSection, exchange};
use jiff::civil::Date;
use rust_decimal::Decimal;

use crate::config::{self, ConfigFile};
use crate::today::today;
use crate::usage::usage;
use crate::{console, machine_prices, run_folder};

/// Confidence of every interval that unit economics print.
const CONFIDENCE: f64 = 0.95;

const SECONDS_PER_HOUR: f64 = 3600.0;

/// Where measurements, prices and settings of unit economics come from.
#[derive(Debug, Clone)]
pub struct EconomicsRequest {
    /// The variant whose inferences are priced; `None` for the run's baseline.
    pub variant: Option<String>,
    /// The folder that holds the runs.
    pub traces: PathBuf,
    /// The settings file; `None` for `infercost.toml`, if there.
    pub config: Option<PathBuf>,
    /// The currency of the answer; `None` for that of the prices.
    pub currency: Option<String>,
    /// Power to assume where none was measured.
    pub assume_watts: Option<AssumedPower>,
    /// The folder of fetched prices; `None` for the one in the cache.
    pub price_store: Option<PathBuf>,
}

/// The settings, checked.
pub struct EconomicsInputs {
    /// What was asked for.
    pub request: EconomicsRequest,
    /// What an inference earns.
    pub revenue: Revenue,
    /// How much is asked, and when.
    pub load: LoadSection,
    /// Ways to host.
    pub offers: Vec<HostingOffer>,
    /// The tariff of the settings.
    pub tariff: Option<TariffSection>,
    /// Exchange rates: of the settings, then fetched ones.
    pub rates: Vec<ExchangeRate>,
    /// Prices of hosted models by the token.
    pub token_prices: Vec<PricePerMillion>,
    /// The day, in UTC.
    pub today: Date,
    prices: Option<PriceBook>,
    machines: Vec<PricedMachine>,
    wanted: Option<Currency>,
}

impl EconomicsInputs {
    /// Reads the settings file.
    pub fn read(request: EconomicsRequest) -> anyhow::Result<Self> {
        let arguments = &request;
        let file = config::file(arguments.config.as_deref())?;
        let name = arguments.config.as_deref().unwrap_or(Path::new(config::DEFAULT_FILE)).display();
        let wrong = |error: infercost_prices::PriceError| usage(format!("{name}: {error}"));
        let ConfigFile { prices, machines, revenue, load, offers, tariff, exchange, token_prices, .. } = file;
        let load = load.unwrap_or_default().checked().map_err(wrong)?;
        let today = today();
        let machines = config::machines(machines, prices.as_ref(), &load)?;
        let prices = prices.map(|section| section.book(Some(&load), today)).transpose().map_err(wrong)?;
        let currency = prices.as_ref().map_or(Currency::USD, |book| book.currency);
        let wanted = arguments.currency.as_deref().map(str::parse).transpose();
        let revenue = revenue.map(|section| section.checked(currency, today)).transpose().map_err(wrong)?;
        let rates: Result<Vec<_>, _> = exchange.into_iter().map(|section| section.rate()).collect();
        let mut rates = rates.map_err(wrong)?;
        rates.extend(crate::price_store::rates(arguments.price_store.as_deref())?);
        let wanted = wanted.map_err(|error| usage(format!("--currency: {error}")))?;

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
            token_prices: config::token_prices(token_prices).map_err(wrong)?,
            today,
            prices,
            machines,
            wanted,
            request,
        })
    }

    /// The price book in force where no run says which machine it is of, in the currency of the answer.
    pub fn book(&self, recorded: &PriceBook) -> anyhow::Result<PriceBook> {
        self.converted(self.prices.as_ref().unwrap_or(recorded))
    }

    /// The prices of a run's machine: its `[[machines]]` entry, else those of the settings, else what it recorded.
    fn of_run<'b>(&'b self, header: &'b RunHeader) -> anyhow::Result<&'b PriceBook> {
        let entry = machine_prices::entry_of(&self.machines, header)?.map(|entry| &entry.book);
        Ok(entry.or(self.prices.as_ref()).unwrap_or(&header.prices))
    }

    fn converted(&self, book: &PriceBook) -> anyhow::Result<PriceBook> {
        let wanted = self.wanted.unwrap_or(book.currency);
        exchange::convert_book(book, wanted, &self.rates).map_err(|error| usage(error.to_string()))
    }

    /// The price book of a measured workload's machine: its utilization follows from `[load]`, where there is one, and from
    /// the requests an hour that the machine answers: `capacity_per_hour`, else as given there, else as measured. So an
    /// audit counts the hours that a comparison of ways to host counts.
    ///
    /// # Errors
    /// As [`EconomicsInputs::book`], and a usage error where two `[[machines]]` entries fit the machine.
    pub fn book_for(
        &self,
        header: &RunHeader,
        workload: &Workload,
        capacity_per_hour: Option<f64>,
    ) -> anyhow::Result<PriceBook> {
        let book = self.converted(self.of_run(header)?)?;
        Ok(self.at_load(book, workload, capacity_per_hour))
    }

    /// The same of a workload that no run's header goes with, by the prices that it was measured under.
    ///
    /// # Errors
    /// As [`EconomicsInputs::book`].
    pub fn book_under(&self, recorded: &PriceBook, workload: &Workload) -> anyhow::Result<PriceBook> {
        let book = self.book(recorded)?;
        Ok(self.at_load(book, workload, None))
    }

    fn at_load(&self, book: PriceBook, workload: &Workload, capacity_per_hour: Option<f64>) -> PriceBook {
        let measured = SECONDS_PER_HOUR / workload.busy_s.point;
        let capacity = capacity_per_hour.or(self.load.capacity_per_hour).unwrap_or(measured);
        match self.load.utilization_at(capacity) {
            Some(utilization) => book.at_load(utilization),
            None => book,
        }
    }

    /// Facility energy ÷ IT energy, by the settings, else as recorded.
    ///
    /// # Errors
    /// A usage error where two `[[machines]]` entries fit the machine.
    pub fn pue(&self, header: &RunHeader) -> anyhow::Result<f64> {
        Ok(self.of_run(header)?.pue)
    }

    /// The currency of an answer that rests on no run.
    pub fn currency(&self) -> anyhow::Result<Currency> {
        Ok(self.book(&infercost_prices::example()?)?.currency)
    }

    /// A price in the currency of the answer.
    pub fn convert(&self, price: &Price, to: Currency) -> anyhow::Result<Price> {
        exchange::convert_price(price, to, &self.rates).map_err(|error| usage(error.to_string()))
    }

    /// Puts the prices of a run's hosted models into the currency of the other prices.
    ///
    /// # Errors
    /// A usage error where no exchange rate leads there.
    pub fn reprice(&self, run: &mut RunRecord, to: Currency) -> anyhow::Result<()> {
        let of_variants = run.header.variants.iter_mut().filter_map(|variant| variant.token_price.as_mut());
        for price in of_variants.chain(&mut run.header.hosted) {
            let converted = exchange::convert_token_price(price, to, &self.rates);
            *price = converted.map_err(|error| usage(format!("{}: {error}", price.model)))?;
        }
        Ok(())
    }

    /// The factor from one currency to another.
    pub fn rate(&self, from: Currency, to: Currency) -> anyhow::Result<f64> {
        let rate = exchange::rate_between(&self.rates, from, to).map_err(|error| usage(error.to_string()))?;
        Ok(double(rate))
    }

    /// What turns the curve into a bill: the adder and tax of `[tariff]`, on exchange prices only.
    pub fn retail(&self, curve: &Curve) -> anyhow::Result<Option<Retail>> {
        let adders = self.tariff.as_ref().map(TariffSection::adders).transpose();
        let adders = adders.map_err(|error| usage(error.to_string()))?.flatten();
        let retail = adders.map(|adders| Retail { adder: double(adders.adder), tax: double(adders.tax) });
        Ok(retail.filter(|_| curve.wholesale))
    }

    /// Revenue per inference by the flag, else by the settings.
    pub fn earned(&self, flag: Option<f64>, currency: Currency) -> anyhow::Result<Option<Price>> {
        let Some(amount) = flag else {
            return self
                .revenue
                .per_inference
                .as_ref()
                .map(|price| self.convert(price, currency))
                .transpose();
        };
        let value = Decimal::try_from(amount).map_err(|error| usage(format!("--revenue: {error}")))?;
        Ok(Some(Price {
            name: "revenue".to_owned(),
            value,
            currency,
            unit: "inference".to_owned(),
            source: "given with --revenue".to_owned(),
            date: self.today,
        }))
    }
}

/// A run as unit economics read it.
pub struct Measured {
    /// The run.
    pub run: RunRecord,
    /// What one inference takes.
    pub workload: Workload,
}

/// Reads a run and what one inference of the chosen variant takes.
pub fn measured(arguments: &EconomicsRequest, name: Option<&str>) -> anyhow::Result<Measured> {
    let run = infercost_trace::read_run(&run_folder::named_or_newest(&arguments.traces, name)?)?;
    let variant = variant(&run, arguments.variant.as_deref())?;
    let workload = workload_of(&run, &variant, arguments)?;
    Ok(Measured { run, workload })
}

/// Unit economics are those of a machine's time; what is paid by its tokens has a price already.
fn refuse_hosted(run: &RunRecord, variant: &VariantId) -> anyhow::Result<()> {
    let hosted = run.header.variants.iter().filter(|known| known.token_price.is_some());
    if !hosted.into_iter().any(|known| known.id == *variant) {
        return Ok(());
    }
    Err(usage(format!(
        "{variant} is paid by its tokens, and no machine of yours works for it; `infercost report {}` says what it costs, \
         and --variant takes another one",
        run.header.id
    )))
}

/// What one inference of a variant takes.
pub fn workload_of(
    run: &RunRecord,
    variant: &VariantId,
    arguments: &EconomicsRequest,
) -> anyhow::Result<Workload> {
    refuse_hosted(run, variant)?;
    let workload = workload(std::slice::from_ref(run), variant, CONFIDENCE)?;
    Ok(match arguments.assume_watts {
        Some(power) => assume(workload, power),
        None => workload,
    })
}

/// The variant by its name or the end of it; the baseline where none is named.
pub fn variant(run: &RunRecord, name: Option<&str>) -> anyhow::Result<VariantId> {
    let Some(name) = name else { return Ok(run.header.baseline.clone()) };
    let ids: Vec<&VariantId> = run.header.variants.iter().map(|variant| &variant.id).collect();
    let whole = ids.iter().find(|id| id.as_str() == name);
    let found = whole.or_else(|| ids.iter().find(|id| id.variant_name() == name));

    found.map(|id| VariantId::clone(id)).ok_or_else(|| {
        let known: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        usage(format!("--variant {name}: run {} has {}", run.header.id, known.join(", ")))
    })
}

/// Writes a chart where one is wanted.
pub fn write_chart(path: Option<&Path>, chart: impl FnOnce() -> String) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    fs::write(path, chart()).with_context(|| format!("cannot write the chart {}", path.display()))?;
    console::note(&format!("chart: {}", path.display()));
    Ok(())
}

/// That nobody says what the machine costs, where it is to be compared with others.
pub fn unpriced(book: &PriceBook) -> Findings {
    let mut findings = Findings::default();
    if book.hardware.is_none() {
        findings.add(Severity::Warning, EconomicsFact::MachineUnpriced);
    }
    findings
}

/// What must be known before the numbers: that prices or energy are assumed.
pub fn findings(book: &PriceBook, workload: &Workload) -> Findings {
    let mut findings = Findings::default();
    if book.assumed {
        findings.add(Severity::Warning, EconomicsFact::ExamplePrices);
    }
    if book.utilization_basis == UtilizationBasis::Assumed {
        let utilization = book.utilization;
        findings.add(Severity::Warning, EconomicsFact::ExampleUtilization { utilization });
    }
    if let Some(stated) = book.contradicted_utilization() {
        let follows = book.utilization;
        findings.add(Severity::Warning, EconomicsFact::UtilizationContradictsLoad { stated, follows });
    }

    let note = workload.energy_note.as_ref().map(ToString::to_string);
    match note {
        _ if workload.joules.is_none() => {
            findings.add(Severity::Warning, EconomicsFact::EnergyLeftOut { why: note.unwrap_or_default() });
        }
        Some(note) => findings.add(Severity::Warning, EconomicsFact::Energy { note }),
        None => {}
    }
    findings
}
