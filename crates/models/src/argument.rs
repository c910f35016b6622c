//! What a MODEL on the command line means.

use std::path::PathBuf;

use crate::file_text::escaped;

/// A MODEL argument, understood but not yet looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelArgument {
    /// `name` (all variants that its manifest compares) or `name/variant`. Where no manifest has the name, a
    /// file or folder of that path is taken.
    Named {
        /// The manifest's name.
        model: String,
        /// The variant, where one was named.
        variant: Option<String>,
    },
    /// A `.gguf` file or a safetensors folder.
    Path(PathBuf),
    /// `hf:owner/repo[@revision][:file]`.
    Hub {
        /// `owner/repo`.
        repo: String,
        /// Commit, tag or branch; `main` where none was named.
        revision: String,
        /// The file; `None` where the repository is to choose.
        file: Option<String>,
    },
    /// `http://host:port/v1#served-name`: a server, passed through untouched.
    Served {
        /// The address, credentials included.
        url: String,
        /// The model's name on the server; `None` where the server has one only.
        served_name: Option<String>,
    },
}

impl ModelArgument {
    /// Understands the text. Reads nothing.
    ///
    /// # Errors
    /// What is wrong, in words fit to be shown.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err("empty, or with control characters".into());
        }
        if let Some(page) = hub_page(text) {
            return page_of_hub(page);
        }
        if let Some(rest) = text.strip_prefix("hf://").or_else(|| text.strip_prefix("hf:")) {
            return hub(rest);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme {
                "http" | "https" => served(text, rest),
                other => {
                    Err(format!("`{}` addresses are not understood, http and https are", escaped(other)))
                }
            };
        }

        let is_path = text.starts_with(['.', '/', '~'])
            || text.contains('\\')
            || text.matches('/').count() > 1
            || [".gguf", ".safetensors"].iter().any(|end| text.to_ascii_lowercase().ends_with(end));
        if is_path {
            return Ok(Self::Path(PathBuf::from(text)));
        }
        match text.split_once('/') {
            None => Ok(Self::Named { model: text.to_owned(), variant: None }),
            Some((model, variant)) if !model.is_empty() && !variant.is_empty() => {
                Ok(Self::Named { model: model.to_owned(), variant: Some(variant.to_owned()) })
            }

            // A folder with a slash behind it.
            Some(_) => Ok(Self::Path(PathBuf::from(text))),
        }
    }
}

/// What stands behind the hub's own address; `None` for other addresses. Files of other hosts are no models.
fn hub_page(text: &str) -> Option<&str> {
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let bare = bare.strip_prefix("www.").unwrap_or(bare);
    ["huggingface.co/", "hf.co/"].iter().find_map(|host| bare.strip_prefix(host))
}

/// A page of the hub as people copy it: `owner/name`, or `owner/name/blob/main/file.gguf`.
fn page_of_hub(page: &str) -> Result<ModelArgument, String> {
    let page = page.split(['?', '#']).next().unwrap_or(page).trim_end_matches('/');
    let mut parts = page.splitn(5, '/');
    let (owner, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (view, revision, file) = (parts.next(), parts.next(), parts.next());
    let place = format!("{owner}/{name}");
    match (view, revision, file) {
        (None | Some("tree"), None, _) => hub(&place),
        (Some("tree"), Some(revision), _) => hub(&format!("{place}@{revision}")),
        (Some("blob" | "resolve" | "raw"), Some(revision), Some(file)) => {
            hub(&format!("{place}@{revision}:{file}"))
        }
        _ => Err("this page of the hub is not a model".into()),
    }
}

/// A text that no file is called, as a repository of the hub: `owner/name`, with `@revision` and `:file` or without.
pub(crate) fn as_hub(text: &str) -> Option<ModelArgument> {
    let (place, file) = text.split_once(':').map_or((text, None), |(place, file)| (place, Some(file)));
    let name = place.split('@').next().unwrap_or(place);
    let is_file = file.is_none() && [".gguf", ".safetensors"].iter().any(|end| name.ends_with(end));
    if is_file { None } else { hub(text).ok() }
}

/// Whether a path inside a repository stays inside: plain parts, none hidden, none climbing.
pub(crate) fn is_inner_path(path: &str) -> bool {
    !path.is_empty() && path.len() <= 512 && path.split('/').all(is_plain_part)
}

/// A name that is one plain part of a path.
pub(crate) fn is_plain_part(part: &str) -> bool {
    !part.is_empty()
        && !part.starts_with('.')
        && part.len() <= 255
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+ ()".contains(&byte))
}

fn hub(rest: &str) -> Result<ModelArgument, String> {
    let (place, file) = match rest.split_once(':') {
        Some((place, file)) => (place, Some(file)),
        None => (rest, None),
    };
    let (repo, revision) = place.split_once('@').unwrap_or((place, "main"));
    let is_repo = repo.split('/').count() == 2 && is_inner_path(repo);
    if !is_repo {
        return Err("hf: wants owner/repo".into());
    }
    if !is_inner_path(revision) {
        return Err("the revision after @ is empty or not a plain name".into());
    }
    if file.is_some_and(|file| !is_inner_path(file)) {
        return Err("the file after : is empty or leaves the repository".into());
    }

    Ok(ModelArgument::Hub {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        file: file.map(str::to_owned),
    })
}

fn served(text: &str, rest: &str) -> Result<ModelArgument, String> {
    let (url, name) = match text.split_once('#') {
        Some((url, name)) => (url, Some(name)),
        None => (text, None),
    };
    let authority = rest.split(['/', '#', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    if host.is_empty() || host.starts_with(':') || text.contains(' ') {
        return Err("the address has no host, or a space in it".into());
    }
    if name == Some("") {
        return Err("the model's name after # is empty".into());
    }

    Ok(ModelArgument::Served { url: url.to_owned(), served_name: name.map(str::to_owned) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: Result<ModelArgument, &str>) {
        match (ModelArgument::parse(text), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{text}"),
            (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{text}: {found}"),
            (found, wanted) => panic!("{text}: {found:?}, wanted {wanted:?}"),
        }
    }

    #[test]
    fn arguments() {
        let named = |model: &str, variant: Option<&str>| {
            Ok(ModelArgument::Named { model: model.into(), variant: variant.map(Into::into) })
        };
        let path = |text: &str| Ok(ModelArgument::Path(text.into()));
        let hub = |revision: &str, file: Option<&str>| {
            Ok(ModelArgument::Hub {
                repo: "o/r".into(),
                revision: revision.into(),
                file: file.map(Into::into),
            })
        };

        let served = |url: &str, name: Option<&str>| {
            Ok(ModelArgument::Served { url: url.into(), served_name: name.map(Into::into) })
        };
        check("smollm2-135m-instruct", named("smollm2-135m-instruct", None));
        check("smollm2-135m-instruct/q8_0", named("smollm2-135m-instruct", Some("q8_0")));
        check("./x", path("./x"));
        check("/a/b", path("/a/b"));
        check("a.gguf", path("a.gguf"));
        check("dir/a.GGUF", path("dir/a.GGUF"));
        check("a/b/c", path("a/b/c"));
        check("folder/", path("folder/"));
        check("hf:o/r", hub("main", None));
        check("hf:o/r@v1", hub("v1", None));
        check("hf:o/r:x/a.gguf", hub("main", Some("x/a.gguf")));
        check("hf:o/r@abc:a.gguf", hub("abc", Some("a.gguf")));

        for page in
            ["https://huggingface.co/o/r", "https://hf.co/o/r/", "huggingface.co/o/r/tree/main", "hf://o/r"]
        {
            check(page, hub("main", None));
        }

        check("https://huggingface.co/o/r/blob/v1/x/a.gguf?download=true", hub("v1", Some("x/a.gguf")));
        check("https://huggingface.co/o/r/discussions", Err("not a model"));
        check("https://huggingface.co/o", Err("owner/repo"));
        check("https://huggingface.company/v1", served("https://huggingface.company/v1", None));
        assert_eq!(as_hub("o/r:Q8_0"), hub("main", Some("Q8_0")).ok());
        assert_eq!(as_hub("o/r@v1"), hub("v1", None).ok());

        for file in ["dir/a.gguf", "x", "../r", "a/b/c"] {
            assert_eq!(as_hub(file), None, "{file}");
        }
        check("hf:o", Err("owner/repo"));
        check("hf:o/r/s", Err("owner/repo"));
        check("hf:../r", Err("owner/repo"));
        check("hf:o/r@", Err("revision"));
        check("hf:o/r:", Err("file"));
        check("hf:o/r:../../etc/passwd", Err("leaves"));
        check("http://h:1/v1#m", served("http://h:1/v1", Some("m")));
        check("https://u:p@h/v1", served("https://u:p@h/v1", None));
        check("http://h/v1#a/b", served("http://h/v1", Some("a/b")));
        check("http://", Err("host"));
        check("http://:80/", Err("host"));
        check("http://h/#", Err("empty"));
        check("ftp://h/x", Err("ftp"));
        check("", Err("empty"));
        check("a\nb", Err("control"));
    }
}
