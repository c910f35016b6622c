//! What the environment says of whoever sends: `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME`.

use infercost_trace::attributes::SERVICE_NAME;

use crate::destination::{Variables, wrong};
use crate::error::DestinationError;
use crate::headers::percent_decoded;

const VARIABLE: &str = "OTEL_RESOURCE_ATTRIBUTES";
const SERVICE: &str = "OTEL_SERVICE_NAME";

/// A percent-encoded text; `None` where it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    String::from_utf8(percent_decoded(text.trim())).ok()
}

/// Names and values of `OTEL_RESOURCE_ATTRIBUTES`, in their order: `a=1,b=2` with percent-encoding (W3C Baggage without
/// properties). The last of two of one name counts; `OTEL_SERVICE_NAME` comes before a `service.name` there.
///
/// # Errors
/// [`DestinationError::Setting`] with the entry that is none. As the specification has it (*Resource SDK, Specifying
/// resource information via an environment variable*), nothing of the variable is used then.
pub fn resource_attributes(variables: Variables<'_>) -> Result<Vec<(String, String)>, DestinationError> {
    let list = variables(VARIABLE).unwrap_or_default();
    let mut found: Vec<(String, String)> = Vec::new();

    for entry in list.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let pair = entry.split_once('=').and_then(|(key, value)| Some((decoded(key)?, decoded(value)?)));
        let Some((key, value)) = pair.filter(|(key, _)| !key.is_empty()) else {
            let wanted = "of the form NAME=VALUE,NAME=VALUE, percent-encoded in UTF-8";
            return Err(wrong(VARIABLE.to_owned(), entry, wanted));
        };
        found.retain(|(known, _)| *known != key);
        found.push((key, value));
    }

    let service = variables(SERVICE).map(|name| name.trim().to_owned());
    if let Some(service) = service.filter(|name| !name.is_empty()) {
        found.retain(|(known, _)| known != SERVICE_NAME);
        found.push((SERVICE_NAME.to_owned(), service));
    }

    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_decoded_and_broken_ones_are_said() {
        let read = |list: &str| {
            resource_attributes(&|name| (name == VARIABLE).then(|| list.to_owned()))
                .map_err(|error| error.to_string())
        };
        let check = |list: &str, wanted: &[(&str, &str)]| {
            let wanted = wanted.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            assert_eq!(read(list), Ok(wanted.collect()), "{list}");
        };
        check("", &[]);
        check(" a=1 , b = two,, ", &[("a", "1"), ("b", "two")]);
        check("a=%2C%3D%20%C3%B6,b=x=y", &[("a", ",= ö"), ("b", "x=y")]);
        check("a=1,a=2,b=", &[("a", "2"), ("b", "")]);
        check("a=100%", &[("a", "100%")]);
        for (list, entry) in [("a=1,b", "`b`"), ("=1", "`=1`"), ("a=%FF", "`a=%FF`"), ("\u{1b}", "\\u{1b}")] {
            let error = read(list).err().unwrap_or_default();
            assert!(error.contains(VARIABLE) && error.contains(entry), "{error}");
        }
    }

    #[test]
    fn the_services_name_has_a_variable_of_its_own() {
        let get = |name: &str| match name {
            VARIABLE => Some("service.name=old,a=1".to_owned()),
            SERVICE => Some(" shop ".to_owned()),
            _ => None,
        };
        let wanted = [("a".to_owned(), "1".to_owned()), (SERVICE_NAME.to_owned(), "shop".to_owned())];
        assert_eq!(resource_attributes(&get), Ok(wanted.to_vec()));
    }
}
