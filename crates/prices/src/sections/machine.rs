//! `[[machines]]`: what an hour of each machine costs, and which runs were made on it.

use infercost_core::Currency;
use infercost_core::MachineFacts;
use infercost_core::price::PriceBook;
use jiff::civil::Date;
use serde::Deserialize;

use crate::price_error::PriceError;
use crate::section::{Hardware, MachinePriceParts, PerHour, PerKilowattHour, PriceSection};
use crate::sections::{LoadSection, within};
use crate::written::Written;

/// One `[[machines]]` entry: at least one of `label`, `host` and `gpu`, all of which must hold, and prices as in
/// `[prices]`. What it does not give but for hardware is that of `[prices]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MachineSection {
    /// What `--label` called it.
    label: Option<String>,
    /// Its host name, or the host of the server that answers.
    host: Option<String>,
    /// A product's name among its GPUs: `RTX 4090`.
    gpu: Option<String>,
    currency: Option<Currency>,
    electricity: Option<Written<PerKilowattHour>>,
    hardware: Option<Hardware>,
    operation: Option<Written<PerHour>>,
    #[serde(alias = "utilisation")]
    utilization: Option<f64>,
    pue: Option<f64>,
}

/// How an entry was matched, the surest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MachineMatch {
    /// By a GPU.
    Gpu,
    /// By the host name.
    Host,
    /// By the label.
    Label,
}

/// A `[[machines]]` entry, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct PricedMachine {
    /// What it is called in messages: its label, host or GPU.
    pub title: String,
    label: Option<String>,
    host: Option<String>,
    gpu: Option<String>,
    /// Its prices.
    pub book: PriceBook,
}

impl MachineSection {
    /// Checks the entry. Amounts that stand alone are the user's own word, as of `today`.
    ///
    /// # Errors
    /// [`PriceError`] for an entry that no run can match, one without a currency, or amounts as in `[prices]`.
    pub fn checked(
        self,
        prices: Option<&PriceSection>,
        load: Option<&LoadSection>,
        today: Date,
    ) -> Result<PricedMachine, PriceError> {
        let named =
            [&self.label, &self.host, &self.gpu].into_iter().flatten().find(|name| !name.trim().is_empty());
        within(
            "machines",
            named.is_some(),
            "an entry needs a `label`, a `host` or a `gpu` that says which machine it is",
        )?;
        let title = named.cloned().unwrap_or_default();

        let currency = self.currency.or(prices.map(PriceSection::currency));
        within("machines.currency", currency.is_some(), "is needed where there is no [prices] section")?;
        let currency = currency.unwrap_or(Currency::USD);

        // amounts of another currency are none of this machine's
        let shared = prices.filter(|prices| prices.currency() == currency);
        let section = PriceSection::of_machine(
            &title,
            currency,
            MachinePriceParts {
                electricity: self.electricity,
                hardware: self.hardware,
                operation: self.operation,
                utilization: self.utilization,
                pue: self.pue,
            },
            shared,
        );

        let book = section.book(load, today)?;
        Ok(PricedMachine { title, label: self.label, host: self.host, gpu: self.gpu, book })
    }
}

impl PricedMachine {
    /// How the entry is that of a machine with these facts; `None` where it is not. Where a `server` on another host
    /// answers, that host is the machine, and the GPUs here are none of it.
    pub fn matches(&self, facts: &MachineFacts, server: Option<&str>) -> Option<MachineMatch> {
        let host = server.or(facts.host.as_deref());
        let mut surest = None;

        if let Some(gpu) = &self.gpu {
            surest = Some(MachineMatch::Gpu).filter(|_| server.is_none() && facts.has_gpu(gpu));
            surest?;
        }
        if let Some(wanted) = &self.host {
            surest = Some(MachineMatch::Host)
                .filter(|_| host.is_some_and(|host| host.eq_ignore_ascii_case(wanted)));
            surest?;
        }
        if let Some(label) = &self.label {
            surest = Some(MachineMatch::Label).filter(|_| facts.label.as_ref() == Some(label));
            surest?;
        }
        surest
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use infercost_core::price::HardwareCost;

    use super::*;

    fn entry(text: &str) -> Result<PricedMachine, String> {
        let prices: PriceSection = toml::from_str(
            "currency = 'EUR'\nelectricity = 0.31\nutilization = 0.4\n\
             hardware = { kind = 'rented', per_hour = 9, source = 'x', date = 2026-01-01 }",
        )
        .unwrap();
        let section: MachineSection = toml::from_str(text).map_err(|error| error.to_string())?;
        section.checked(Some(&prices), None, Date::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_an_entry_lacks_is_that_of_prices_but_for_hardware() {
        let plain = entry("label = 'a'\npue = 1.5").unwrap();
        assert_eq!(plain.book.electricity.as_ref().unwrap().value.to_string(), "0.31");
        assert_eq!((plain.book.utilization, plain.book.pue), (0.4, 1.5));
        assert_eq!(plain.book.hardware, None);

        let rented = "hardware = { kind = 'rented', per_hour = 0.34, source = 'x', date = 2026-01-01 }";
        let own = entry(&format!("gpu = 'RTX 4090'\n{rented}")).unwrap();
        assert!(matches!(own.book.hardware, Some(HardwareCost::Rented { .. })), "{own:?}");

        // euros are no dollars
        let dollars = entry(&format!("label = 'a'\ncurrency = 'USD'\n{rented}")).unwrap();
        assert_eq!((dollars.book.electricity, dollars.book.currency), (None, Currency::USD));
    }

    #[test]
    fn broken_entries() {
        for (text, wanted) in [
            ("pue = 1.1", "needs a `label`, a `host` or a `gpu`"),
            ("label = ' '", "needs a `label`"),
            ("label = 'a'\npue = 0.5", "pue"),
            ("label = 'a'\nprize = 1", "prize"),
        ] {
            let error = entry(text).unwrap_err();
            assert!(error.contains(wanted), "{error} lacks {wanted}");
        }

        let section: MachineSection = toml::from_str("label = 'a'").unwrap();
        let error = section.checked(None, None, Date::default()).unwrap_err().to_string();
        assert!(error.contains("currency"), "{error}");
    }

    #[test]
    fn machines_are_matched_by_all_that_is_given() {
        let facts = MachineFacts {
            label: Some("rack 1".to_owned()),
            host: Some("gpu-box".to_owned()),
            gpus: vec!["NVIDIA GeForce RTX 4090".to_owned()],
            ..MachineFacts::default()
        };
        for (text, server, found) in [
            ("label = 'rack 1'", None, Some(MachineMatch::Label)),
            ("label = 'rack 2'", None, None),
            ("host = 'GPU-Box'", None, Some(MachineMatch::Host)),
            ("gpu = 'rtx 4090'", None, Some(MachineMatch::Gpu)),
            ("gpu = 'rtx 4090'\nhost = 'other'", None, None),
            ("gpu = 'rtx 4090'\nlabel = 'rack 1'", None, Some(MachineMatch::Label)),
            ("host = 'gpu-box'", Some("far-away"), None),
            ("host = 'far-away'", Some("far-away"), Some(MachineMatch::Host)),
            ("gpu = 'rtx 4090'", Some("far-away"), None),
        ] {
            assert_eq!(entry(text).unwrap().matches(&facts, server), found, "{text}");
        }
    }
}
