//! Hosted models, paid by their tokens: which are asked, which stand beside the variants by their price alone, and where the
//! prices come from.
//!
//! A price is what `--hosted NAME=IN/OUT` gives, else what `[[token_prices]]` or an offer of kind `api` in the settings says,
//! else the newest fetched list. One that nobody states ends the run before anything is asked.

use infercost_core::hosting::Charge;
use infercost_core::price_per_million::PricePerMillion;
use infercost_core::text::{count, printable};
use infercost_core::{Currency, Prompt, RunHeader, RunRecord, RunSpec};
use infercost_cost::{TokenUsage, cost_of_tokens};
use infercost_models::{DEFAULT_MODEL, ModelArgument, ModelLocation};
use infercost_prices::sections::exchange;
use infercost_served::ServedAddress;
use rust_decimal::Decimal;

use crate::config::SettingsOverrides;
use crate::request::RunRequest;
use crate::today::today;
use crate::usage::usage;
use crate::{console, number, price_store};

/// Tokens of the unit in which prices are stated.
const MILLION: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);
/// The source of a price that the command line gives: settings do not replace it.
const GIVEN: &str = "given with --hosted";

/// The hosted models of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hosted {
    /// Those that are asked.
    asked: Vec<AskedModel>,
    /// Prices of those that are not.
    pub(crate) by_price: Vec<PricePerMillion>,
}

/// A hosted model that is asked at its address.
#[derive(Debug, Clone)]
struct AskedModel {
    address: ModelArgument,
    price: PricePerMillion,
}

/// What one `--hosted` says.
#[derive(Debug, PartialEq)]
struct HostedArgument<'a> {
    /// The address or the name, as it was typed.
    place: &'a str,
    /// The model's name, by which prices are looked for.
    name: String,
    /// The price per million tokens read and written, where it was given.
    price: Option<(Decimal, Decimal)>,
}

impl HostedArgument<'_> {
    fn is_address(&self) -> bool {
        ServedAddress::is_meant(self.place)
    }
}

/// Reads `NAME`, `https://host/v1#NAME`, either with `=IN/OUT` behind it.
fn argument(text: &str) -> anyhow::Result<HostedArgument<'_>> {
    let (place, price) = match text.rsplit_once('=') {
        Some((place, price)) => match pair(price) {
            Some(pair) => (place, Some(pair)),
            None => (text, None),
        },
        None => (text, None),
    };
    if place.is_empty() || place.chars().any(char::is_control) {
        return Err(usage("--hosted: a model's name is empty, or holds control characters"));
    }
    if !ServedAddress::is_meant(place) {
        return Ok(HostedArgument { place, name: place.to_owned(), price });
    }

    let address: ServedAddress = place.parse().map_err(|error| usage(format!("--hosted: {error}")))?;
    match address.model() {
        Some(name) => Ok(HostedArgument { place, name: name.to_owned(), price }),
        None => Err(usage(format!(
            "--hosted {address}: name the model behind #, as in {address}#NAME: its price is looked for by that name"
        ))),
    }
}

/// `0.15/0.60`: prices of a million tokens read and written.
fn pair(text: &str) -> Option<(Decimal, Decimal)> {
    let (input, output) = text.split_once('/')?;
    let amount = |text: &str| text.parse::<Decimal>().ok().filter(|amount| !amount.is_sign_negative());
    Some((amount(input)?, amount(output)?))
}

/// The request with the hosted models that are asked among its models.
///
/// # Errors
/// A usage error for an address that names no model.
pub(crate) fn entered(mut request: RunRequest) -> anyhow::Result<RunRequest> {
    let mut addresses = Vec::new();
    for text in &request.spec.hosted {
        let argument = argument(text)?;
        if argument.is_address() && !request.spec.models.iter().any(|model| model == argument.place) {
            addresses.push(argument.place.to_owned());
        }
    }

    // Hosted models stand beside others: the built-in ones where none is named.
    if !addresses.is_empty() && request.spec.models.is_empty() {
        request.spec.models.push(DEFAULT_MODEL.to_owned());
    }
    request.spec.models.extend(addresses);
    Ok(request)
}

/// The models that a machine of the user's works for.
///
/// # Errors
/// A usage error for an address that names no model.
pub(crate) fn on_machines(spec: &RunSpec) -> anyhow::Result<Vec<String>> {
    let mut places = Vec::with_capacity(spec.hosted.len());
    for text in &spec.hosted {
        places.push(argument(text)?.place);
    }
    Ok(spec.models.iter().filter(|model| !places.contains(&model.as_str())).cloned().collect())
}

/// The hosted models of `--hosted` with the prices of their tokens, in the currency of the other prices.
///
/// # Errors
/// A usage error where nobody states a price, or no exchange rate leads from its currency.
pub(crate) fn find(
    arguments: &[String],
    overrides: &SettingsOverrides,
    currency: Currency,
) -> anyhow::Result<Hosted> {
    let mut hosted = Hosted::default();
    for text in arguments {
        let argument = argument(text)?;
        let price = overrides.in_currency(&price_of(&argument, overrides, currency)?, currency)?;
        if argument.is_address() {
            let address = ModelArgument::parse(argument.place).map_err(usage)?;
            hosted.asked.push(AskedModel { address, price });
        } else {
            hosted.by_price.push(price);
        }
    }
    Ok(hosted)
}

/// The price of one model's tokens.
fn price_of(
    argument: &HostedArgument<'_>,
    overrides: &SettingsOverrides,
    currency: Currency,
) -> anyhow::Result<PricePerMillion> {
    let name = &argument.name;
    if let Some((input, output)) = argument.price {
        return Ok(PricePerMillion {
            model: name.clone(),
            input_per_million: input,
            output_per_million: output,
            cached_input_per_million: None,
            cache_write_per_million: None,
            currency,
            source: GIVEN.to_owned(),
            date: today(),
        });
    }

    let found = match overrides.token_price(name)? {
        Some(price) => Some(price),
        None => fetched(name)?,
    };
    found.ok_or_else(|| {
        usage(format!(
            "--hosted {name}: what its tokens cost is not known; give it as '{}=IN/OUT' (per million tokens read and \
             written), write [[token_prices]] into infercost.toml, or fetch a list: infercost prices fetch litellm",
            argument.place
        ))
    })
}

/// The price in the newest fetched list: by the whole name, else by what stands behind the provider's.
fn fetched(name: &str) -> anyhow::Result<Option<PricePerMillion>> {
    let mut listed = price_store::tokens(None, name)?;
    if listed.is_none()
        && let Some((provider, rest)) = name.split_once('/')
    {
        let of_provider = price_store::tokens(None, rest)?;
        listed = of_provider.filter(|listed| listed.price.provider.as_deref() == Some(provider));
    }
    let Some(listed) = listed else { return Ok(None) };

    if !listed.as_hosting().open.is_empty() {
        return Err(usage(format!(
            "--hosted {name}: {} states a price of 0, which is a claim; give the price as '{name}=IN/OUT'",
            listed.source
        )));
    }
    let per_million = |single: Decimal| (single * MILLION).normalize();
    Ok(Some(PricePerMillion {
        model: name.to_owned(),
        input_per_million: per_million(listed.price.input),
        output_per_million: per_million(listed.price.output),
        cached_input_per_million: listed.price.cached_input.map(per_million),
        cache_write_per_million: None,
        currency: listed.price.currency,
        source: listed.source,
        date: listed.date,
    }))
}

impl Hosted {
    /// The hosted models of a run that goes on, at the prices with which it began.
    ///
    /// # Errors
    /// A usage error where its specification names what is none.
    pub(crate) fn of_run(header: &RunHeader, spec: &RunSpec) -> anyhow::Result<Self> {
        let mut asked = Vec::new();
        for text in &spec.hosted {
            let argument = argument(text)?;
            let prices = header.variants.iter().filter_map(|variant| variant.token_price.as_ref());
            let price = prices.into_iter().find(|price| price.model == argument.name);
            if let (true, Some(price)) = (argument.is_address(), price) {
                let address = ModelArgument::parse(argument.place).map_err(usage)?;
                asked.push(AskedModel { address, price: price.clone() });
            }
        }
        Ok(Self { asked, by_price: header.hosted.clone() })
    }

    /// The price of the tokens of a model at this place; `None` where it is not a hosted one.
    pub(crate) fn price_at(&self, location: &ModelLocation) -> Option<&PricePerMillion> {
        let ModelLocation::Server { url, served_name } = location else { return None };
        let place = ModelArgument::Served { url: url.clone(), served_name: served_name.clone() };
        self.asked.iter().find(|asked| asked.address == place).map(|asked| &asked.price)
    }

    /// Says what asking costs before anything is asked: somebody pays for each token.
    pub(crate) fn announce(&self, prompts: &[Prompt], spec: &RunSpec) {
        let written: u64 = prompts.iter().map(|prompt| u64::from(prompt.max_tokens)).sum();
        let written = written * u64::from(spec.repetitions);
        let more = if spec.load.is_some() { ", and the load test more" } else { "" };

        for AskedModel { price, .. } in &self.asked {
            let tokens = TokenUsage { output: written as f64, ..TokenUsage::default() };
            let most = number::significant(cost_of_tokens(price, &tokens));
            console::note(&format!(
                "{} is paid by its tokens: {} cost up to {most} {} for what is written, what is read comes on top{more}",
                printable(&price.model),
                count(prompts.len() as u64 * u64::from(spec.repetitions), "request"),
                price.currency
            ));
        }
    }

    /// True where one is asked.
    pub(crate) fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }
}

impl SettingsOverrides {
    /// What the settings say of the price of a model's tokens: `[[token_prices]]`, then offers of kind `api`.
    fn token_price(&self, name: &str) -> anyhow::Result<Option<PricePerMillion>> {
        if let Some(price) = self.token_prices().iter().find(|price| price.is_of(name)) {
            return Ok(Some(PricePerMillion { model: name.to_owned(), ..price.clone() }));
        }

        for offer in self.offers() {
            let offer = offer.clone().checked().map_err(|error| usage(error.to_string()))?;
            if let (true, Charge::Api { input, output }) = (offer.name == name, &offer.charge) {
                return Ok(Some(PricePerMillion {
                    model: offer.name,
                    input_per_million: (*input * MILLION).normalize(),
                    output_per_million: (*output * MILLION).normalize(),
                    cached_input_per_million: None,
                    cache_write_per_million: None,
                    currency: offer.price.currency,
                    source: offer.price.source,
                    date: offer.price.date,
                }));
            }
        }
        Ok(None)
    }

    /// A price of tokens in another currency.
    fn in_currency(&self, price: &PricePerMillion, to: Currency) -> anyhow::Result<PricePerMillion> {
        if price.currency == to {
            return Ok(price.clone());
        }

        let mut rates = Vec::new();
        for section in self.exchange() {
            rates.push(section.clone().rate().map_err(|error| usage(error.to_string()))?);
        }
        rates.extend(price_store::rates(None)?);
        exchange::convert_token_price(price, to, &rates)
            .map_err(|error| usage(format!("--hosted {}: {error}", price.model)))
    }

    /// Puts the prices of tokens in force into runs that were read back: those of the settings where they name the model,
    /// else as recorded; in the currency of the other prices.
    ///
    /// # Errors
    /// A usage error where no exchange rate leads there.
    pub fn reprice(&self, runs: &mut [RunRecord], currency: Currency) -> anyhow::Result<()> {
        for run in runs {
            let of_variants =
                run.header.variants.iter_mut().filter_map(|variant| variant.token_price.as_mut());
            for price in of_variants.chain(&mut run.header.hosted) {
                let of_settings = if price.source == GIVEN { None } else { self.token_price(&price.model)? };
                *price = self.in_currency(of_settings.as_ref().unwrap_or(price), currency)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

    use super::*;

    #[test]
    fn arguments_are_read() {
        let read = |text| {
            let found = argument(text).unwrap();
            (
                found.place.to_owned(),
                found.name,
                found.price.map(|(read, written)| format!("{read} {written}")),
            )
        };
        let wanted = |place: &str, name: &str, price: Option<&str>| {
            (place.to_owned(), name.to_owned(), price.map(str::to_owned))
        };
        assert_eq!(read("gpt-4o"), wanted("gpt-4o", "gpt-4o", None));
        assert_eq!(read("gpt-4o=0.15/0.6"), wanted("gpt-4o", "gpt-4o", Some("0.15 0.6")));
        assert_eq!(read("a=b"), wanted("a=b", "a=b", None));
        let at = "https://h/v1#org/m";
        assert_eq!(read(at), wanted(at, "org/m", None));
        assert_eq!(read("https://h/v1#org/m=2/8"), wanted(at, "org/m", Some("2 8")));

        for (text, why) in [
            ("", "empty"),
            ("=1/2", "empty"),
            ("a\u{1b}b", "control"),
            ("https://h/v1", "behind #"),
            ("https://u:secret@h/v1#m", "credentials"),
        ] {
            let error = argument(text).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("secret"), "{text}: {error}");
        }
        assert!(argument("m=-1/2").unwrap().price.is_none(), "no price is negative");
    }

    /// An instrument that is pointed at one machine is none of a hosted model's.
    #[test]
    fn a_hosted_model_works_on_no_machine_of_the_users() {
        let spec = RunSpec {
            models: vec!["a.gguf".to_owned(), "https://h/v1#m".to_owned(), "http://10.0.0.7/v1#n".to_owned()],
            hosted: vec!["https://h/v1#m=1/2".to_owned(), "by-name".to_owned()],
            ..RunSpec::default()
        };
        assert_eq!(on_machines(&spec).unwrap(), ["a.gguf", "http://10.0.0.7/v1#n"]);
    }
}
