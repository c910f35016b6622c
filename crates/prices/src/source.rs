//! The sources by name, and what each is asked.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::fetch::{Client, FetchError, Key};
use crate::snapshot::{Kind, Prices, SNAPSHOT_SCHEMA, Snapshot};
use crate::{electricity, hosted, rates, rental};

/// Largest file read in place of an answer.
const MAX_FILE: u64 = 64 << 20;

/// A source of prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Exchange prices of European zones.
    EnergyCharts,
    /// Exchange prices of Germany and Austria.
    Awattar,
    /// A half-hourly tariff of Great Britain.
    OctopusAgile,
    /// Exchange prices by zone; needs a key.
    ElectricityMaps,
    /// Carbon intensity by zone; needs a key.
    ElectricityMapsCarbon,
    /// A table of the user's own.
    Csv,
    /// Machines of private hosts.
    Vast,
    /// Machines by the GPU-hour; needs a key.
    Runpod,
    /// What the AWS client prints of spot prices; a file.
    AwsSpot,
    /// A catalog of instances of one cloud.
    Skypilot,
    /// A map of hosted models' token prices.
    Litellm,
    /// Reference rates of the euro.
    Ecb,
}

/// What a source is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Address in place of the source's own.
    pub base_url: Option<String>,
    /// Bidding zone, country, region, cloud.
    pub zone: Option<String>,
    /// First day.
    pub from: Date,
    /// Number of days, at least 1.
    pub days: u32,
    /// Product code of a tariff.
    pub product: Option<String>,
    /// Accelerators; all where empty.
    pub gpus: Vec<String>,
    /// Time zone of clock times without an offset, in tables.
    pub time_zone: Option<String>,
    /// Key, for sources that need one ([`Source::key_variable`]).
    pub key: Option<Key>,
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
}

impl Parsed {
    /// Prices and nothing to add.
    pub fn of(prices: Prices) -> Self {
        Self { prices, license: None, left_out: Vec::new() }
    }
}

impl Source {
    /// All, in the order in which help lists them.
    pub const ALL: [Self; 12] = [
        Self::EnergyCharts,
        Self::Awattar,
        Self::OctopusAgile,
        Self::ElectricityMaps,
        Self::ElectricityMapsCarbon,
        Self::Csv,
        Self::Vast,
        Self::Runpod,
        Self::AwsSpot,
        Self::Skypilot,
        Self::Litellm,
        Self::Ecb,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::EnergyCharts => "energy-charts",
            Self::Awattar => "awattar",
            Self::OctopusAgile => "octopus-agile",
            Self::ElectricityMaps => "electricity-maps",
            Self::ElectricityMapsCarbon => "electricity-maps-carbon",
            Self::Csv => "csv",
            Self::Vast => "vast",
            Self::Runpod => "runpod",
            Self::AwsSpot => "aws-spot",
            Self::Skypilot => "skypilot",
            Self::Litellm => "litellm",
            Self::Ecb => "ecb",
        }
    }

    /// What kind of prices it brings.
    pub fn kind(self) -> Kind {
        match self {
            Self::EnergyCharts
            | Self::Awattar
            | Self::OctopusAgile
            | Self::ElectricityMaps
            | Self::ElectricityMapsCarbon
            | Self::Csv => Kind::Curve,
            Self::Vast | Self::Runpod | Self::AwsSpot | Self::Skypilot => Kind::Offers,
            Self::Litellm => Kind::Tokens,
            Self::Ecb => Kind::Rates,
        }
    }

    /// The environment variable that holds the source's key; `None` where it needs none.
    pub fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::ElectricityMaps | Self::ElectricityMapsCarbon => Some(electricity::electricity_maps::KEY),
            Self::Runpod => Some(rental::runpod::KEY),
            _ => None,
        }
    }

    /// Asks the source and turns its answer into a snapshot.
    ///
    /// # Errors
    /// [`FetchError`] where there is no answer, or none that can be read.
    pub fn fetch(self, client: &Client, query: &Query, now: Timestamp) -> Result<Snapshot, FetchError> {
        if query.days == 0 || query.days > 31 {
            return Err(FetchError::Question("ask for 1 to 31 days at a time".to_owned()));
        }
        let (address, parsed) = match self {
            Self::EnergyCharts => electricity::energy_charts::fetch(client, query, now)?,
            Self::Awattar => electricity::awattar::fetch(client, query, now)?,
            Self::OctopusAgile => electricity::octopus::fetch(client, query, now)?,
            Self::ElectricityMaps => electricity::electricity_maps::fetch(client, query, now, false)?,
            Self::ElectricityMapsCarbon => electricity::electricity_maps::fetch(client, query, now, true)?,
            Self::Vast => rental::vast::fetch(client, query)?,
            Self::Runpod => rental::runpod::fetch(client, query)?,
            Self::Skypilot => rental::skypilot::fetch(client, query)?,
            Self::Litellm => hosted::litellm::fetch(client, query)?,
            Self::Ecb => rates::fetch(client, query)?,
            Self::AwsSpot | Self::Csv => {
                let name = self.name();
                return Err(FetchError::Question(format!("{name} is read from a file: give it with --file")));
            }
        };
        Ok(self.snapshot(query, address, parsed, now))
    }

    /// Reads what the source would have answered from a file.
    ///
    /// # Errors
    /// [`FetchError`] where the file cannot be read or is something else.
    pub fn read(self, file: &Path, query: &Query, now: Timestamp) -> Result<Snapshot, FetchError> {
        let path = file.display().to_string();
        let text = infercost_text::read(file, MAX_FILE, "file of prices")?;
        let parsed = self.parse(&text, query, now);
        let parsed = parsed.map_err(|reason| FetchError::Format { what: path.clone(), reason })?;
        Ok(self.snapshot(query, path, parsed, now))
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(self, text: &str, query: &Query, now: Timestamp) -> Result<Parsed, String> {
        match self {
            Self::EnergyCharts => electricity::energy_charts::parse(text, query, now),
            Self::Awattar => electricity::awattar::parse(text, query, now),
            Self::OctopusAgile => electricity::octopus::parse(text, query, now),
            Self::ElectricityMaps => electricity::electricity_maps::parse(text, query, now, false),
            Self::ElectricityMapsCarbon => electricity::electricity_maps::parse(text, query, now, true),
            Self::Csv => electricity::csv::parse(text, query, now),
            Self::Vast => rental::vast::parse(text),
            Self::Runpod => rental::runpod::parse(text, &query.gpus),
            Self::AwsSpot => rental::aws_spot::parse(text),
            Self::Skypilot => rental::skypilot::parse(text, query),
            Self::Litellm => hosted::litellm::parse(text),
            Self::Ecb => rates::parse(text),
        }
    }

    fn snapshot(self, query: &Query, address: String, parsed: Parsed, now: Timestamp) -> Snapshot {
        let subject = match self {
            Self::OctopusAgile => query.product.clone(),
            Self::Vast | Self::Runpod if !query.gpus.is_empty() => Some(query.gpus.join(" ")),
            _ => query.zone.clone(),
        };
        Snapshot {
            schema: SNAPSHOT_SCHEMA.to_owned(),
            source: self.name().to_owned(),
            subject: subject.unwrap_or_default(),
            address: address.split('?').next().unwrap_or_default().to_owned(),
            license: parsed.license,
            fetched_at: now,
            prices: parsed.prices,
            left_out: parsed.left_out,
        }
    }
}

/// The base address: the query's, else the source's own.
pub(crate) fn base<'a>(query: &'a Query, own: &'a str) -> &'a str {
    query.base_url.as_deref().unwrap_or(own).trim_end_matches('/')
}

/// The query's key.
pub(crate) fn key<'a>(
    query: &'a Query,
    name: &'static str,
    variable: &'static str,
) -> Result<&'a str, FetchError> {
    let missing = FetchError::NoCredential { source_name: name, variable };
    query.key.as_ref().map(Key::secret).ok_or(missing)
}

/// An answer, read, with its address in errors.
pub(crate) fn answered(
    url: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<Parsed, String>,
) -> Result<(String, Parsed), FetchError> {
    let address = url.split('?').next().unwrap_or_default().to_owned();
    match parse(text) {
        Ok(parsed) => Ok((address, parsed)),
        Err(reason) => Err(FetchError::Format { what: address, reason }),
    }
}

/// JSON of a known shape; errors without control characters.
pub(crate) fn json<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("the answer is not of the known form: {}", crate::fetch::quoted(&error.to_string()))
    })
}
