//! Words as a shell reads them back: for commands that are shown to be pasted.

/// One word, in quotes where it holds anything that a shell does not take literally.
pub fn word(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_literal) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn is_literal(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c)
}

/// Words as one line that a shell splits into the same words.
pub fn line<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}
