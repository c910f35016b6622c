//! Prometheus's text format (Prometheus documentation, exposition formats).

/// The sum of the series of `metric` that carry all of `labels`.
///
/// Several series are summed, since exporters split one energy by package, zone or mode.
pub(crate) fn sum_of(text: &str, metric: &str, labels: &[(String, String)]) -> Result<f64, String> {
    let mut sum = None;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix(metric) else { continue };
        let (series, value) = match rest.strip_prefix('{') {
            Some(rest) => {
                labels_of(rest).ok_or_else(|| format!("a broken line of {}", metric.escape_debug()))?
            }
            None if rest.starts_with([' ', '\t']) => (Vec::new(), rest),
            None => continue,
        };
        if !labels.iter().all(|wanted| series.contains(wanted)) {
            continue;
        }
        let value = value.split_ascii_whitespace().next().and_then(|value| value.parse::<f64>().ok());
        let value = value.filter(|value| value.is_finite());
        let value = value.ok_or_else(|| format!("{} has no finite value", metric.escape_debug()))?;
        sum = Some(sum.unwrap_or(0.0) + value);
    }
    sum.ok_or_else(|| format!("no series of {} carries those labels", metric.escape_debug()))
}

/// The labels up to the closing brace, and what follows it.
fn labels_of(text: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start().strip_prefix('"')?;
        let mut value = String::new();
        let mut escaped = false;
        let mut end = None;
        for (index, character) in after.char_indices() {
            match (escaped, character) {
                (true, 'n') => value.push('\n'),
                (true, other) => value.push(other),
                (false, '"') => {
                    end = Some(index + 1);
                    break;
                }
                (false, '\\') => {}
                (false, other) => value.push(other),
            }
            escaped = !escaped && character == '\\';
        }
        labels.push((name.trim().to_owned(), value));
        rest = after.get(end?..)?.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
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
    fn sums() {
        for (metric, labels, expected) in [
            ("node_joules_total", &[][..], Ok(34.5)),
            ("node_joules_total", &[("mode", "idle")][..], Ok(30.5)),
            ("node_joules_total", &[("mode", "idle"), ("package", "1")][..], Ok(20.0)),
            ("node_joules_total", &[("mode", "say \"}\"")][..], Ok(4.0)),
            ("node_joules_total", &[("mode", "busy")][..], Err("no series")),
            ("plain_watts", &[][..], Ok(7.0)),
            ("bad_watts", &[][..], Err("no finite value")),
            ("broken", &[][..], Err("broken line")),
            ("absent", &[][..], Err("no series")),
        ] {
            let labels: Vec<(String, String)> =
                labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            match (sum_of(PAGE, metric, &labels), expected) {
                (Ok(sum), Ok(right)) => assert!((sum - right).abs() < 1e-9, "{metric} {labels:?}: {sum}"),
                (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
                (got, _) => panic!("{metric} {labels:?}: {got:?}"),
            }
        }
    }
}
