//! Words as a shell reads them back: for commands that are shown to be pasted.

use std::path::Path;

/// One word, in quotes where it holds anything that a shell does not take literally.
pub fn word(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_literal) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A path as it is typed in this folder; a run keeps whole ones.
pub fn near_here(typed: &str) -> String {
    let Ok(here) = std::env::current_dir() else { return typed.to_owned() };
    match Path::new(typed).strip_prefix(&here) {
        Ok(file) if !file.as_os_str().is_empty() => file.display().to_string(),
        _ => typed.to_owned(),
    }
}

/// The file of a prompt set as an argument, with a blank before it; nothing where there is none.
pub fn prompts_argument(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| {
        format!(" --prompts {}", word(&near_here(&file.display().to_string())))
    })
}

fn is_literal(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c)
}

/// Words as one line that a shell splits into the same words.
pub fn line<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(word).collect::<Vec<_>>().join(" ")
}
