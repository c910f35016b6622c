//! Which instrument to use, as a person writes it: `rapl`, `shelly:192.168.1.20`,
//! `prometheus:http://node:9102/metrics?metric=node_rapl_package_joules_total&covers=cpu-package`.

use std::str::FromStr;
use std::sync::Arc;

use crate::address::shown;
use crate::instrument::ChoiceError;
use crate::instruments::INSTRUMENTS;
use crate::options::{MeterChoice, NamedMeter};

impl FromStr for MeterChoice {
    type Err = ChoiceError;

    /// Reads `auto`, `none`, or an instrument's name and, after a colon, its settings.
    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        match text {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            _ => {}
        }

        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (word, Some(rest)),
            None => (text, None),
        };
        let instrument =
            INSTRUMENTS.iter().find(|instrument| instrument.name() == word).ok_or_else(|| {
                // Only the word: what follows it may be an address with a password.
                let usages = INSTRUMENTS.iter().map(|instrument| instrument.usage()).collect();
                ChoiceError::Unknown { name: shown(word), usages }
            })?;

        let finder = Arc::from(instrument.choose(rest)?);
        Ok(Self::Named(NamedMeter { instrument: *instrument, text: text.to_owned(), finder }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_name_a_meter() {
        for (text, name, pointed) in [
            ("rapl", "rapl", false),
            ("hwmon", "hwmon", false),
            ("nvml", "nvml", false),
            ("shelly:192.168.1.20", "shelly", true),
            ("shelly:192.168.1.20?channel=switch:1", "shelly", true),
            ("tasmota:https://plug:8080/", "tasmota", true),
            ("prometheus:localhost:8888/metrics?metric=a_joules_total&zone=a", "prometheus", true),
        ] {
            let choice: Result<MeterChoice, _> = text.parse();
            assert!(
                matches!(&choice, Ok(choice) if choice.name() == name && choice.is_pointed() == pointed && choice.is_named()),
                "{text}: {choice:?}"
            );
        }
        assert_eq!("auto".parse(), Ok(MeterChoice::Auto));
        assert_eq!("none".parse(), Ok(MeterChoice::None));
    }

    #[test]
    fn texts_that_name_none() {
        for (text, part) in [
            ("", "no meter is called"),
            ("intel\u{1b}[2J", "\\u{1b}"),
            ("plug:host", "no meter is called `plug`"),
            ("plug:http://user:secret@host", "no meter is called `plug`"),
            ("rapl:0", "nothing follows it"),
            ("shelly", "host is missing"),
            ("shelly:", "host is missing"),
            ("shelly:ftp://host", "only http"),
            ("shelly:http://user:secret@host", "no password"),
            ("shelly:host?key=secret", "`key` says nothing to a plug"),
            ("shelly:host?channel=", "is not NAME=VALUE"),
            ("tasmota:a b", "blanks"),
            ("prometheus:http://n/metrics", "which metric"),
            ("prometheus:http://n/metrics?node=a", "which metric"),
            ("prometheus:n?metric=power", "does not tell its unit"),
            ("prometheus:n?metric=power&unit=horses", "is not a unit"),
            ("prometheus:n?metric=a_watts&sum=some", "sum=all"),
            ("prometheus:n?metric", "is not NAME=VALUE"),
        ] {
            let message = text.parse::<MeterChoice>().map_err(|error| error.to_string());
            assert!(matches!(&message, Err(text) if text.contains(part)), "{text:?}: {message:?}");
            assert!(!format!("{message:?}").contains("secret"), "{message:?}");
        }
    }
}
