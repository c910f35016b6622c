//! Traces of other programs: a file of OTLP, or a project of a Phoenix.

use std::path::Path;

use infercost_core::{ForeignTrace, without_secrets};
use infercost_export::OtlpOptions;
use infercost_export::phoenix::Phoenix;
use infercost_trace::foreign::{ForeignReader, read_file};

use crate::console;
use crate::exporting::variable;
use crate::usage::usage;

/// What begins the name of a Phoenix project.
const PHOENIX: &str = "phoenix:";

/// True where a name stands for another program's traces and not for a run.
pub fn is_foreign(name: &str) -> bool {
    name.starts_with(PHOENIX) || Path::new(name).is_file()
}

/// Reads another program's traces: a file, or `phoenix:URL/PROJECT`.
///
/// # Errors
/// Where there is no such file or project, or it cannot be understood.
pub fn read(name: &str) -> anyhow::Result<ForeignTrace> {
    let Some(address) = name.strip_prefix(PHOENIX) else {
        let file = Path::new(name);
        if let Some(run) = file.parent().filter(|folder| folder.join("run.json").is_file()) {
            let run = if run.as_os_str().is_empty() { Path::new(".") } else { run };
            console::warn(&format!(
                "{name} is a file of a run of infercost: `infercost report {}` shows its verdicts",
                run.display()
            ));
        }
        return Ok(read_file(file)?);
    };
    let Some((url, project)) =
        address.trim_end_matches('/').rsplit_once('/').filter(|(url, _)| url.contains("://"))
    else {
        return Err(usage(format!(
            "`{}`: write phoenix:http://localhost:6006/PROJECT",
            without_secrets(name)
        )));
    };

    let phoenix = Phoenix::new(url, &OtlpOptions::default(), &variable)?;
    let mut reader = ForeignReader::default();
    let mut from = None;

    loop {
        let page = phoenix.spans(project, from.as_deref())?;
        let before = reader.distinct();
        for span in &page.spans {
            reader.phoenix_span(span)?;
        }

        // a server that repeats itself would be asked for ever
        let is_new = reader.distinct() > before;
        if page.next.is_some() && !is_new {
            console::warn(
                "Phoenix announces a further page and repeats itself: what it gave so far is counted",
            );
        }
        if page.next.is_none() || !is_new {
            return Ok(reader.finish());
        }
        from = page.next;
    }
}
