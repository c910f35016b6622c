//! A commented `infercost.toml`, and what fetched prices add to one.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use infercost_core::Currency;
use infercost_core::hosting::{Charge, HostingOffer};
use infercost_core::market::ExchangeRate;
use jiff::civil::Date;
use rust_decimal::Decimal;
use tempfile::NamedTempFile;

use crate::fetch::FetchError;

/// What is known when a settings file is begun; `None` is left as a comment to be filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// Currency of all amounts; US dollars where not given.
    pub currency: Option<Currency>,
    /// Electricity, per kWh.
    pub electricity: Option<Decimal>,
    /// The machine; `None` where nothing is said.
    pub machine: Option<Machine>,
    /// Requests an hour, in hours with requests.
    pub requests_per_hour: Option<f64>,
    /// Hours a day with requests.
    pub hours_per_day: Option<f64>,
    /// Share of hours in which the machine works.
    pub utilization: Option<f64>,
    /// What an inference earns.
    pub revenue: Option<Decimal>,
}

/// What the machine costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Machine {
    /// It was bought.
    Bought {
        /// The price.
        price: Decimal,
        /// Years that it lives.
        life_years: f64,
    },
    /// It is rented, electricity included.
    Rented {
        /// The rate.
        per_hour: Decimal,
    },
}

impl Answers {
    /// The settings file, with a comment at each setting and everything that was not answered commented out.
    pub fn settings(&self, today: Date) -> String {
        let currency = self.currency.unwrap_or(Currency::USD);
        let dated = format!("source = \"given by you\", date = {today}");
        let mut text = format!(
            "# Settings of infercost, begun on {today}. Everything is optional; what is not here is said.\n\n"
        );

        text.push_str("[prices]\n");
        let _ = writeln!(text, "currency = \"{currency}\"");
        setting(&mut text, "electricity", self.electricity, "0.30", "per kWh, with taxes and fees");
        text.push_str(&self.machine(&dated));
        setting(&mut text, "operation", None::<f64>, "0.05", "per hour: people, space, licenses");
        setting(&mut text, "pue", None::<f64>, "1.2", "facility energy ÷ IT energy; 1 at home");
        setting(
            &mut text,
            "utilization",
            self.utilization,
            "0.3",
            "share of hours in which the machine works",
        );

        text.push_str("\n[load]\n");
        setting(&mut text, "requests_per_hour", self.requests_per_hour, "1800", "in hours with requests");
        setting(&mut text, "hours_per_day", self.hours_per_day, "24", "hours with requests");
        setting(
            &mut text,
            "capacity_per_hour",
            None::<f64>,
            "4500",
            "of one machine, instead of what was measured",
        );

        text.push_str(&self.revenue(&dated));
        text.push_str(POLICY);
        let _ = write!(text, "{}", offers_to_fill(currency, today));
        text
    }

    /// The machine that was named, and the other kind as a comment.
    fn machine(&self, dated: &str) -> String {
        let bought = |price: &str, life: &str| {
            format!(
                "hardware = {{ kind = \"owned\", purchase = {price}, salvage_share = 0.1, life_years = {life}, {dated} }}"
            )
        };
        let rented = |rate: &str| {
            format!(
                "hardware = {{ kind = \"rented\", per_hour = {rate}, includes_electricity = true, {dated} }}"
            )
        };
        match self.machine {
            Some(Machine::Bought { price, life_years }) => {
                format!("{}\n", bought(&price.to_string(), &life_years.to_string()))
            }
            Some(Machine::Rented { per_hour }) => format!("{}\n", rented(&per_hour.to_string())),
            None => format!("# {}\n# {}\n", bought("2400", "4"), rented("0.40")),
        }
    }

    fn revenue(&self, dated: &str) -> String {
        let dated = dated.replace(", ", "\n");
        match self.revenue {
            Some(amount) => format!(
                "\n[revenue]                # what `infercost audit` compares with\nper_inference = {amount}\n{dated}\nloss_zone = 0.15         # share of revenue from which cost is a loss\n"
            ),
            None => format!(
                "\n# [revenue]              # what `infercost audit` compares with\n# per_inference = 0.0005\n# {}\n# loss_zone = 0.15       # share of revenue from which cost is a loss\n",
                dated.replace('\n', "\n# ")
            ),
        }
    }
}

/// What a candidate may lose, as a comment.
const POLICY: &str = "
# [policy]                 # what a cheaper variant may lose
# margin = 0.02            # of task score, as a share; by the size of the prompt set where not given
# max_kld = 0.05           # mean KL divergence from the baseline, in nats
# min_top1 = 0.9           # share of tokens on which both agree
# confidence = 0.95
";

/// Offers as comments, with the commands that fetch real ones.
fn offers_to_fill(currency: Currency, today: Date) -> String {
    format!(
        "
# What `infercost host` compares with; kind: rent, spot, serverless, api. Until there is one, the shipped example
# stands in. `infercost prices fetch vast --gpu \"RTX 4090\" --fill` writes entries here, and so do
# `infercost prices fetch litellm --model NAME --fill` and `infercost prices fetch ecb --fill` (exchange rates).
# [[offers]]
# kind = \"rent\"
# name = \"cloud machine\"
# per_hour = 0.25
# currency = \"{currency}\"
# source = \"quotation\"
# date = {today}
"
    )
}

/// One setting with its comment; commented out with an example where it has no value.
fn setting<T: std::fmt::Display>(
    text: &mut String,
    key: &str,
    value: Option<T>,
    example: &str,
    comment: &str,
) {
    let line = match value {
        Some(value) => format!("{key} = {value}"),
        None => format!("# {key} = {example}"),
    };
    let _ = writeln!(text, "{line:<28} # {comment}");
}

/// An `[[offers]]` entry, as text to be added to a settings file.
pub fn offer_entry(offer: &HostingOffer) -> String {
    let mut text = String::from("\n[[offers]]\n");
    let price = &offer.price;

    match &offer.charge {
        Charge::Rent { billing_seconds, other_per_month, .. } => {
            let _ = write!(
                text,
                "kind = \"rent\"\nper_hour = {}\nbilling_seconds = {billing_seconds}\nother_per_month = {other_per_month}\n",
                price.value
            );
        }
        Charge::Spot { interruptions_per_hour, .. } => {
            let _ = write!(
                text,
                "kind = \"spot\"\nper_hour = {}\ninterruptions_per_hour = {interruptions_per_hour:?} # not in the list; write what you see\n",
                price.value
            );
        }
        Charge::Serverless { keep_warm_seconds, .. } => {
            let _ = write!(
                text,
                "kind = \"serverless\"\nper_second = {}\nkeep_warm_seconds = {keep_warm_seconds:?}\n",
                price.value
            );
        }
        Charge::Api { input, output } => {
            let million = Decimal::from(1_000_000);
            let each = [*input, *output].map(|token| (token * million).normalize());
            let [input, output] = each;
            let _ =
                write!(text, "kind = \"api\"\ninput_per_million = {input}\noutput_per_million = {output}\n");
        }
    }

    let _ = write!(
        text,
        "name = {}\ncurrency = \"{}\"\nsource = {}\ndate = {}\n",
        quoted(&offer.name),
        price.currency,
        quoted(&price.source),
        price.date
    );

    for open in &offer.open {
        let _ = writeln!(text, "# not in the price: {}", open.part);
    }
    text
}

/// An `[[exchange]]` entry, as text to be added to a settings file.
pub fn exchange_entry(rate: &ExchangeRate) -> String {
    let ExchangeRate { from, to, rate, source, date } = rate;
    format!(
        "\n[[exchange]]\nfrom = \"{from}\"\nto = \"{to}\"\nrate = {rate}\nsource = {}\ndate = {date}\n",
        quoted(source)
    )
}

/// Puts a text in the place of a file, whole or not at all.
///
/// # Errors
/// [`FetchError::File`] where the folder cannot be written.
pub fn replace(file: &Path, text: &str) -> Result<(), FetchError> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = NamedTempFile::new_in(folder).and_then(|mut fresh| {
        fresh.write_all(text.as_bytes())?;
        fresh.as_file().sync_all()?;
        fresh.persist(file).map_err(|error| error.error)
    });
    match written {
        Ok(_) => Ok(()),
        Err(error) => Err(FetchError::File { path: file.display().to_string(), reason: error.to_string() }),
    }
}

/// Text as TOML quotes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;
    use crate::example_offers;
    use crate::sections::{ExchangeSection, LoadSection, OfferSection, RevenueSection};
    use crate::{PriceSection, sections};

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        prices: PriceSection,
        load: LoadSection,
        revenue: Option<RevenueSection>,
        #[serde(default)]
        offers: Vec<OfferSection>,
        #[serde(default)]
        exchange: Vec<ExchangeSection>,
        #[serde(rename = "policy")]
        _policy: Option<infercost_core::Policy>,
    }

    fn today() -> Date {
        "2026-11-29".parse().unwrap()
    }

    /// Every setting of a file, with the comments taken for settings.
    fn uncommented(text: &str) -> String {
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") && !rest.contains('`') => rest,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_answered_is_set_and_the_rest_is_explained() {
        let nothing = Answers::default().settings(today());
        let file: File = toml::from_str(&nothing).unwrap();
        let book = file.prices.book(Some(&file.load), today()).unwrap();
        assert!(book.electricity.is_none() && book.hardware.is_none() && file.revenue.is_none());
        // Each comment is a setting that the file may have; hardware is there in both its kinds.
        let all = uncommented(&nothing);
        let rented = all.find("hardware = { kind = \"rented\"").unwrap();
        let end = all[rented..].find('\n').unwrap() + rented;
        let file: File = toml::from_str(&format!("{}{}", &all[..rented], &all[end..])).unwrap();
        assert_eq!(file.offers.len(), 1);
        assert!(file.prices.book(Some(&file.load), today()).unwrap().hardware.is_some());
        assert!(
            file.revenue
                .unwrap()
                .checked(Currency::USD, jiff::civil::date(2026, 11, 1))
                .unwrap()
                .per_inference
                .is_some()
        );

        let answers = Answers {
            currency: Some(Currency::EUR),
            electricity: Some("0.31".parse().unwrap()),
            machine: Some(Machine::Rented { per_hour: "0.34".parse().unwrap() }),
            requests_per_hour: Some(1200.0),
            hours_per_day: Some(16.0),
            utilization: None,
            revenue: Some("0.0002".parse().unwrap()),
        };
        let file: File = toml::from_str(&answers.settings(today())).unwrap();
        let book = file.prices.book(Some(&file.load), today()).unwrap();
        assert_eq!(book.electricity.unwrap().value.to_string(), "0.31");
        assert_eq!(file.load.hours_per_day, Some(16.0));
    }

    #[test]
    fn added_entries_are_read_again() {
        let offers = example_offers().unwrap();
        let rate = ExchangeRate {
            from: Currency::EUR,
            to: Currency::USD,
            rate: "1.08".parse().unwrap(),
            source: "a \"bank\"".to_owned(),
            date: today(),
        };
        let entries: String = offers.iter().map(offer_entry).collect();
        let text = format!("[prices]\ncurrency = 'EUR'\n[load]\n{entries}{}", exchange_entry(&rate));
        let file: File = toml::from_str(&text).unwrap();
        for (section, offer) in file.offers.into_iter().zip(&offers) {
            let again = section.checked().unwrap();
            assert_eq!((&again.name, again.price.value), (&offer.name, offer.price.value));
        }
        let [section] = <[sections::ExchangeSection; 1]>::try_from(file.exchange).unwrap();
        assert_eq!(section.rate().unwrap(), rate);
    }
}
