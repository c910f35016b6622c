//! What a source is asked, and what its answer was turned into.

use infercost_core::ServerPlace;
use jiff::civil::Date;

use crate::fetch::{FetchError, Key, quoted};
use crate::snapshot::Prices;

/// What a source is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Address in place of the source's own.
    pub base_url: Option<BaseUrl>,
    /// Bidding zone, country, region, cloud.
    pub zone: Option<String>,
    /// First day.
    pub from: Date,
    /// Number of days, at least 1.
    pub days: u32,
    /// Product code of a tariff; operating system of a machine.
    pub product: Option<String>,
    /// How the bill is paid, where a tariff tells that apart.
    pub payment_method: Option<String>,
    /// Accelerators; all where empty.
    pub gpus: Vec<String>,
    /// Time zone of clock times without an offset, in tables.
    pub time_zone: Option<String>,
    /// Key, for sources that need one ([`SourceDef::key_variable`](crate::SourceDef::key_variable)).
    pub key: Option<Key>,
}

/// An address in place of a source's own, and whether its user stands for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// The address.
    pub url: String,
    /// True where the user gave it in this very command, false where a settings file names it. Whoever can put a file
    /// into the current folder can write an address into it, so such a one is never shown a key.
    pub confirmed: bool,
}

/// What a source's answer was turned into.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The prices.
    pub prices: Prices,
    /// The license that the answer states.
    pub license: Option<String>,
    /// What was left out.
    pub left_out: Vec<String>,
    /// How the answer was read where it leaves a choice.
    pub remarks: Vec<String>,
}

impl Parsed {
    /// Prices and nothing to add.
    pub fn of(prices: Prices) -> Self {
        Self { prices, license: None, left_out: Vec::new(), remarks: Vec::new() }
    }
}

impl Query {
    /// The address to ask: the query's, else the source's own.
    pub(crate) fn base<'a>(&'a self, own: &'a str) -> &'a str {
        self.base_url.as_ref().map_or(own, |base| base.url.as_str()).trim_end_matches('/')
    }

    /// The query's key, for a question to [`base`](Self::base).
    ///
    /// It goes to the source's own host over `https`, or to an address that the user gave in this command: over
    /// `https` too, or on this machine.
    ///
    /// # Errors
    /// [`FetchError::NoCredential`] without a key, [`FetchError::KeyKept`] where it must not go there.
    pub(crate) fn key_for(
        &self,
        source_name: &'static str,
        variable: &'static str,
        own: &str,
    ) -> Result<&str, FetchError> {
        let key = self.key.as_ref().ok_or(FetchError::NoCredential { source_name, variable })?;
        let Some(base) = &self.base_url else { return Ok(key.secret()) };

        let place = ServerPlace::of(&base.url);
        let is_own = place.host.eq_ignore_ascii_case(&ServerPlace::of(own).host);
        let is_secret = base.url.starts_with("https://") || base.confirmed && place.is_this_machine();
        let reason = match (is_own || base.confirmed, is_secret) {
            (true, true) => return Ok(key.secret()),
            (false, _) => "a settings file names that address; give it with --base-url to send the key there",
            (true, false) => "it would travel unencrypted; use https",
        };
        Err(FetchError::KeyKept { variable, host: quoted(&place.host), reason })
    }

    /// True where a name is one of the accelerators that were asked for, or all were.
    pub(crate) fn wants(&self, accelerator: &str) -> bool {
        self.gpus.is_empty() || self.gpus.iter().any(|wanted| accelerator.contains(wanted.as_str()))
    }
}

/// JSON of a known shape; errors without control characters.
pub(crate) fn json<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|error| format!("the answer is not of the known form: {}", quoted(&error.to_string())))
}

/// The same of an answer whose list stands under `key`; of the list by itself too, as `jq` leaves it: an array, or an
/// element a line.
pub(crate) fn json_of_list<T: serde::de::DeserializeOwned>(text: &str, key: &str) -> Result<T, String> {
    let whole = json(text);
    let text = text.trim_start_matches('\u{feff}');
    let is_array = text.trim_start().starts_with('[');
    let elements = match &whole {
        Ok(_) => return whole,
        Err(_) => infercost_text::json::documents("answer", text).unwrap_or_default(),
    };
    if !is_array && elements.len() < 2 {
        return whole;
    }

    let elements: Vec<&str> = elements.iter().map(|element| element.text).collect();
    json(&format!("{{\"{key}\":[{}]}}", elements.join(",")))
}

/// `3 prices of Windows`; nothing where there are none.
pub(crate) fn counted(count: usize, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}"))
}
