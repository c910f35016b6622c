//! Names that are nearly right.

/// Most edits that make a name another one's misspelling.
const MOST_EDITS: usize = 2;

/// The known name that is meant: the same but for case and marks, else one or two letters away, else one that begins
/// alike. `None` where nothing is near.
pub(crate) fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = plain(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let other = plain(candidate);
        let distance = if wanted == other {
            0
        } else if !other.is_empty() && wanted.starts_with(&other) {
            // `q4_k_m` for `q4_k`
            MOST_EDITS + wanted.len() - other.len()
        } else if other.starts_with(&wanted) && wanted.len() * 2 >= other.len() {
            // `q8` for `q8_0`
            MOST_EDITS + other.len() - wanted.len()
        } else {
            let edits = edits(&wanted, &other);
            if edits > MOST_EDITS.min(other.chars().count() / 4) {
                continue;
            }
            edits
        };
        if best.is_none_or(|(known, _)| distance < known) {
            best = Some((distance, candidate));
        }
    }

    best.map(|(_, name)| name)
}

/// Small letters and digits alone.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// How many letters have to be added, taken away or changed (Levenshtein).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut next = vec![line + 1];
        for (column, (pair, candidate)) in row.windows(2).zip(&other).enumerate() {
            let [diagonal, above] = pair else { continue };
            let left = next.get(column).copied().unwrap_or(usize::MAX);
            let changed = diagonal + usize::from(letter != *candidate);
            next.push(changed.min(above + 1).min(left.saturating_add(1)));
        }
        row = next;
    }

    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_misses() {
        let known = ["full", "q8_0", "q4_k", "q4_0", "smollm2-135m-instruct", "gemma-3-270m"];
        let check =
            |name: &str, wanted: Option<&str>| assert_eq!(nearest(name, known.into_iter()), wanted, "{name}");
        check("Q8_0", Some("q8_0"));
        check("q80", Some("q8_0"));
        check("q4_k_m", Some("q4_k"));
        check("SmolLM2-135M-Instruct", Some("smollm2-135m-instruct"));
        check("smolm2-135m-instruct", Some("smollm2-135m-instruct"));
        check("gemma-3-270m-it", Some("gemma-3-270m"));
        check("Q8", Some("q8_0"));
        check("llama", None);
        check("x", None);
        check("", None);
    }
}
