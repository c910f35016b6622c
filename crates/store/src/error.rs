//! What can go wrong between this disk and a store. No message holds a credential.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

use infercost_core::text::printable_up_to;
use thiserror::Error;

/// Longest text of a store that is shown, in characters.
const LONGEST_WORDS: usize = 400;

/// A run that could not be pushed, listed or fetched.
#[derive(Debug, Error)]
pub enum RemoteError {
    /// The address is none of a store.
    #[error("`{address}`: {problem}")]
    Address {
        /// As it was typed, without secrets.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The surroundings do not say how the store is reached.
    #[error("{address} cannot be reached as it is set up: {reason}")]
    Settings {
        /// The store.
        address: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// A request failed for good.
    #[error("{address}: cannot {doing}: {reason}")]
    Request {
        /// The store.
        address: String,
        /// What was asked for.
        doing: String,
        /// What the store or the network said, escaped, cut and without queries.
        reason: String,
    },
    /// The store's layout is of a later version.
    #[error("{address} was written by a later version of infercost ({found}); update infercost to use it")]
    Later {
        /// The store.
        address: String,
        /// What it says of itself, escaped.
        found: String,
    },
    /// What the store holds of a run is not what its manifest says, or the manifest makes no sense.
    #[error("{address}: run {run} is damaged: {reason}; push it again from the machine that recorded it")]
    Damaged {
        /// The store.
        address: String,
        /// The run.
        run: String,
        /// What is wrong, escaped.
        reason: String,
    },
    /// The store's answer to what it holds leaves out objects that are there.
    #[error("{address}: the list of its objects is not whole ({reason}); try again, or name the runs")]
    ListIncomplete {
        /// The store.
        address: String,
        /// How it shows.
        reason: String,
    },
    /// There are more runs than are looked at.
    #[error("{address}: more than {limit} objects; give every team or month a prefix of its own")]
    TooMany {
        /// The store.
        address: String,
        /// The limit.
        limit: usize,
    },
    /// No complete run of that name is there.
    #[error("there is no complete run `{run}` in {address}; `infercost runs --traces {address}` lists them")]
    NoRun {
        /// The store.
        address: String,
        /// The run, as it was named.
        run: String,
    },
    /// Another run of the same name is there.
    #[error(
        "another run is called {run} in {address}: two machines began one in the same second; push this one to a \
         prefix of its own, such as {address}/other"
    )]
    Taken {
        /// The store.
        address: String,
        /// The run's name.
        run: String,
    },
    /// What was written is not what is read back.
    #[error(
        "{address}: {object} was written, and something else is read back; nothing of it is visible there"
    )]
    NotKept {
        /// The store.
        address: String,
        /// The object.
        object: String,
    },
    /// The folder holds no run that can be pushed.
    #[error("{}: {reason}", folder.display())]
    NotPushable {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// There are no tables below the address.
    #[error(
        "no tables in {address}; `infercost export RUN --parquet {address}` and `infercost ingest SOURCE --into {address}` \
         write some"
    )]
    NoTables {
        /// The store.
        address: String,
    },
    /// Tables were copied there that no log names.
    #[error(
        "{address} holds files of tables that were copied there; write tables to a prefix of their own, and the runs and \
         traces of those again"
    )]
    LooseTables {
        /// The store.
        address: String,
    },
    /// What the store holds of tables is not what their log says, or the log makes no sense.
    #[error("{address}: the tables are damaged: {reason}")]
    DamagedTables {
        /// The store.
        address: String,
        /// What is wrong and what to do, escaped.
        reason: String,
    },
    /// Others write without end.
    #[error("{address}: others write so many tables that nothing can be added; try again")]
    Crowded {
        /// The store.
        address: String,
    },
    /// A file of this machine could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RemoteError {
    /// What the system said of a file.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}

/// What a store or the network said: its innermost causes too, escaped, cut, and without the queries of addresses, which
/// can be signatures.
pub(crate) fn words(error: &object_store::Error) -> String {
    let mut all = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !all.contains(&text) {
            all.push_str(": ");
            all.push_str(&text);
        }
        cause = inner.source();
    }

    let one_line = all.split_whitespace().map(without_query).collect::<Vec<_>>().join(" ");
    printable_up_to(&one_line, LONGEST_WORDS).into_owned()
}

/// A word of a message; of an address, what stands before its query.
fn without_query(word: &str) -> &str {
    match word.split_once('?') {
        Some((before, _)) if word.contains("://") || word.contains('=') => before,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_addresses_are_not_shown() {
        let source =
            "error sending request for url (https://a.blob.core.windows.net/c/x?sv=1&sig=SECRET) now".into();
        let error = object_store::Error::Generic { store: "MicrosoftAzure", source };
        let text = words(&error);
        assert!(!text.contains("SECRET") && text.contains("windows.net/c/x"), "{text}");
    }

    #[test]
    fn what_a_store_says_is_cut_and_escaped() {
        let source = format!("{}\u{1b}[31m", "word ".repeat(500)).into();
        let text = words(&object_store::Error::Generic { store: "S3", source });
        assert!(text.chars().count() <= LONGEST_WORDS + 1 && !text.contains('\u{1b}'), "{text}");
    }
}
