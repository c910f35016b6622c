//! Addresses as they may be shown, written down and pasted: without what may be secret in them.

/// Stands for what is left out.
const LEFT_OUT: &str = "…";

/// An address without user and password, and without what stands behind `?`, both of which may be secret. What stands
/// behind `#`, such as a model's name, stays where there is no `?`. It need not be a sound address.
///
/// Nothing is escaped and nothing is cut.
pub fn without_secrets(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), address),
    };
    let (question, at) = (rest.find('?'), rest.rfind('@'));
    match (question, at) {
        // an `@` behind the `?` is a part of the query, or the `?` is a part of the password: nothing tells
        (Some(question), Some(at)) if question < at => format!("{scheme}{LEFT_OUT}"),
        (_, Some(at)) => format!("{scheme}{}", without_query(rest.get(at + 1..).unwrap_or_default())),
        (_, None) => format!("{scheme}{}", without_query(rest)),
    }
}

fn without_query(rest: &str) -> String {
    match rest.split_once('?') {
        Some((before, _)) => format!("{before}?{LEFT_OUT}"),
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_wherever_they_stand() {
        for (address, wanted) in [
            ("http://host:1/v1#model", "http://host:1/v1#model"),
            ("http://user:secret@host/v1", "http://host/v1"),
            ("http://secret@host", "http://host"),
            ("http://user:sec/ret@host/p", "http://host/p"),
            ("http://user:sec@ret@host/p", "http://host/p"),
            ("http://host/p?api_key=secret", "http://host/p?…"),
            ("http://host/p?api_key=secret#model", "http://host/p?…"),
            ("http://user:secret@host/p?token=secret", "http://host/p?…"),
            ("http://host/p?mail=a@b&key=secret", "http://…"),
            ("http://user:sec?ret@host/p", "http://…"),
            ("host:4318?key=secret", "host:4318?…"),
            ("user:secret@host:4318", "host:4318"),
            ("phoenix:http://user:secret@host/project", "phoenix:http://host/project"),
            ("traces.jsonl", "traces.jsonl"),
            ("", ""),
        ] {
            let shown = without_secrets(address);
            assert_eq!(shown, wanted, "{address}");
            assert!(!shown.contains("secret") && !shown.contains("ret@"), "{shown}");
        }
    }
}
