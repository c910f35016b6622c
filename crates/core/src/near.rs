//! Names that are nearly right.

use strsim::osa_distance;

/// Most edits that make a name another one's misspelling.
const MOST_EDITS: usize = 2;

/// The known name that is meant: the same but for case and marks, else one or two letters away (a swapped pair
/// is one), else one that begins alike. `None` where nothing is near.
pub fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let wanted = plain(name);
    let mut best: Option<(usize, &str)> = None;
    for candidate in known {
        let Some(distance) = distance(&wanted, &plain(candidate)) else { continue };
        if best.is_none_or(|(known, _)| distance < known) {
            best = Some((distance, candidate));
        }
    }

    best.map(|(_, name)| name)
}

/// How far a plain name is from another; `None` where it is not near.
fn distance(wanted: &str, other: &str) -> Option<usize> {
    if wanted == other {
        return Some(0);
    }
    let (long, short) = (wanted.chars().count(), other.chars().count());

    // `q4_k_m` for `q4_k`
    if !other.is_empty() && wanted.starts_with(other) {
        return Some(MOST_EDITS + long - short);
    }
    // `q8` for `q8_0`, and a misspelled beginning
    let is_beginning = long < short && long * 2 >= short;
    if is_beginning && other.starts_with(wanted) {
        return Some(MOST_EDITS + short - long);
    }

    let edits = osa_distance(wanted, other);
    if edits <= most_edits(short) {
        return Some(edits);
    }
    let edits = edits_of_beginning(wanted, other);
    (is_beginning && edits <= most_edits(long)).then(|| MOST_EDITS + short - long + edits)
}

/// Most edits of a name of so many letters: of a short one, another would be any name.
fn most_edits(letters: usize) -> usize {
    MOST_EDITS.min(letters / 4)
}

/// The fewest edits that make a name the beginning of another.
fn edits_of_beginning(wanted: &str, other: &str) -> usize {
    let letters = wanted.chars().count();
    let mut fewest = usize::MAX;
    for length in letters.saturating_sub(MOST_EDITS)..=letters + MOST_EDITS {
        let beginning: String = other.chars().take(length).collect();
        fewest = fewest.min(osa_distance(wanted, &beginning));
    }
    fewest
}

/// Small letters and digits alone.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
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
        check("smollm2-135m", Some("smollm2-135m-instruct"));
        check("smolm2-135m", Some("smollm2-135m-instruct"));
        check("gemma-3-270m-it", Some("gemma-3-270m"));
        check("Q8", Some("q8_0"));
        check("llama", None);
        check("llama-3-8b-instruct", None);
        check("x", None);
        check("", None);
    }
}
