//! Prometheus's text format (Prometheus documentation, exposition formats).

/// Most series of a metric that are read.
pub(crate) const MAX_SERIES: usize = 10_000;
/// Most labels of a series that is read.
const MAX_LABELS: usize = 1000;

/// A label of a series: its name and its value.
pub type Label = (String, String);

/// One line of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// In the order of the page.
    pub labels: Vec<Label>,
    /// What the line shows; [`sample`] lets through what is no finite number.
    pub value: f64,
}

/// A line of a page, with the name of its metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'p> {
    /// The metric.
    pub name: &'p str,
    /// Its labels and its value.
    pub series: Series,
}

/// Reads one line; `None` for comments, blank lines and what is no sample.
pub fn sample(line: &str) -> Option<Sample<'_>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }

    let end = line.find(['{', ' ', '\t'])?;
    let (name, rest) = line.split_at_checked(end)?;
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels_of(rest)?,
        None => (Vec::new(), rest),
    };
    let value = value.split_ascii_whitespace().next()?.parse::<f64>().ok()?;
    Some(Sample { name, series: Series { labels, value } })
}

impl Series {
    /// The value of a label; `None` where the series does not carry it.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The series of `metric` that carry all of `labels`, in the order of the page.
///
/// # Errors
/// A line that cannot be read, a value that is no finite number, too many series or labels, or no such series: one plain
/// sentence.
pub(crate) fn series_of(text: &str, metric: &str, labels: &[Label]) -> Result<Vec<Series>, String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(metric) else { continue };
        let (carried, value) = match rest.strip_prefix('{') {
            Some(rest) => {
                labels_of(rest).ok_or_else(|| format!("a broken line of {}", metric.escape_debug()))?
            }
            None if rest.starts_with([' ', '\t']) => (Vec::new(), rest),
            None => continue,
        };
        if carried.len() > MAX_LABELS {
            return Err(format!("a series of {} has more than {MAX_LABELS} labels", metric.escape_debug()));
        }
        if !labels.iter().all(|wanted| carried.contains(wanted)) {
            continue;
        }
        if found.len() == MAX_SERIES {
            return Err(format!(
                "more than {MAX_SERIES} series of {}; choose some with &LABEL=VALUE",
                metric.escape_debug()
            ));
        }

        let value = value.split_ascii_whitespace().next().and_then(|value| value.parse::<f64>().ok());
        let value = value.filter(|value| value.is_finite());
        let value = value.ok_or_else(|| format!("{} has no finite value", metric.escape_debug()))?;
        found.push(Series { labels: carried, value });
    }

    if found.is_empty() {
        return Err(format!("no series of {} carries those labels", metric.escape_debug()));
    }
    Ok(found)
}

/// The labels up to the closing brace, and what follows it.
fn labels_of(text: &str) -> Option<(Vec<Label>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start().strip_prefix('"')?;
        let Quoted { value, after } = quoted(after)?;

        labels.push((name.trim().to_owned(), value));
        rest = after.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
}

/// A label's value, and what follows its closing quotation mark.
struct Quoted<'a> {
    value: String,
    after: &'a str,
}

/// Reads to the closing quotation mark; `\n`, `\"` and `\\` stand for what they name.
fn quoted(text: &str) -> Option<Quoted<'_>> {
    let mut value = String::new();
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        match (escaped, character) {
            (true, 'n') => value.push('\n'),
            (true, other) => value.push(other),
            (false, '"') => return Some(Quoted { value, after: text.get(index + 1..)? }),
            (false, '\\') => {}
            (false, other) => value.push(other),
        }
        escaped = !escaped && character == '\\';
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP node_joules_total Energy.
# TYPE node_joules_total counter
node_joules_total{package=\"0\",mode=\"idle\"} 10.5
node_joules_total{package=\"1\",mode=\"idle\",} 2e1 1700000000
node_joules_total{package=\"0\",mode=\"say \\\"}\\\"\"} 4
node_joules_total_other 99
plain_watts 7
bad_watts NaN
broken{a=\"b
";

    #[test]
    fn lines_one_by_one() {
        let names: Vec<String> = PAGE
            .lines()
            .filter_map(sample)
            .map(|sample| format!("{}={}", sample.name, sample.series.value))
            .collect();
        let expected = [
            "node_joules_total=10.5",
            "node_joules_total=20",
            "node_joules_total=4",
            "node_joules_total_other=99",
            "plain_watts=7",
            "bad_watts=NaN",
        ];
        assert_eq!(names, expected);
        for nothing in ["", "# HELP a b", "lonely", "a{b=\"c\"", "a{b} 1", "a x"] {
            assert_eq!(sample(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn too_many_series_or_labels_are_refused() {
        let lines: String =
            (0..=MAX_SERIES).map(|index| format!("a_joules{{cpu=\"{index}\"}} 1\n")).collect();
        let few = [("cpu".to_owned(), "7".to_owned())];
        assert_eq!(series_of(&lines, "a_joules", &few).map(|series| series.len()), Ok(1));
        let refused = series_of(&lines, "a_joules", &[]);
        assert!(matches!(&refused, Err(reason) if reason.contains("more than 10000 series")), "{refused:?}");

        let labels: String = (0..=MAX_LABELS).map(|index| format!("l{index}=\"\",")).collect();
        let refused = series_of(&format!("a_joules{{{labels}}} 1"), "a_joules", &[]);
        assert!(matches!(&refused, Err(reason) if reason.contains("more than 1000 labels")), "{refused:?}");
    }

    #[test]
    fn series_by_their_labels() {
        for (metric, labels, expected) in [
            ("node_joules_total", &[][..], Ok(&[10.5, 20.0, 4.0][..])),
            ("node_joules_total", &[("mode", "idle")][..], Ok(&[10.5, 20.0][..])),
            ("node_joules_total", &[("mode", "idle"), ("package", "1")][..], Ok(&[20.0][..])),
            ("node_joules_total", &[("mode", "say \"}\"")][..], Ok(&[4.0][..])),
            ("node_joules_total", &[("mode", "busy")][..], Err("no series")),
            ("plain_watts", &[][..], Ok(&[7.0][..])),
            ("bad_watts", &[][..], Err("no finite value")),
            ("broken", &[][..], Err("broken line")),
            ("absent", &[][..], Err("no series")),
        ] {
            let labels: Vec<Label> =
                labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let found = series_of(PAGE, metric, &labels)
                .map(|series| series.iter().map(|one| one.value).collect::<Vec<_>>());
            match (found, expected) {
                (Ok(values), Ok(right)) => assert_eq!(values, right, "{metric} {labels:?}"),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (got, _) => panic!("{metric} {labels:?}: {got:?}"),
            }
        }
    }
}
