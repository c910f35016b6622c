//! The shipped table of thermal design power.

use infercost_core::Watts;

const TABLE: &str = include_str!("tdp.csv");

/// One CPU model's row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tdp {
    pub(crate) model: &'static str,
    pub(crate) watts: Watts,
    /// Hardware threads that share these watts.
    pub(crate) threads: u32,
    pub(crate) source: &'static str,
}

/// The row of a CPU as `/proc/cpuinfo` names it; `None` where the table does not have it.
pub(crate) fn find(model_name: &str) -> Option<Tdp> {
    let wanted = plain_model(model_name);
    rows().find(|row| row.model == wanted)
}

fn rows() -> impl Iterator<Item = Tdp> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut fields = line.splitn(4, ',');
        Some(Tdp {
            model: fields.next()?,
            watts: Watts::new(fields.next()?.parse().ok()?),
            threads: fields.next()?.parse().ok()?,
            source: fields.next()?,
        })
    })
}

/// Leaves out what a vendor adds around the model: marks, generation, clock, core count.
fn plain_model(name: &str) -> String {
    let name = name.replace("(R)", " ").replace("(TM)", " ").replace("(r)", " ").replace("(tm)", " ");
    let name = name.split('@').next().unwrap_or_default();
    let name = name.split(" w/").next().unwrap_or_default();
    let name = name.split(" with ").next().unwrap_or_default();
    let words: Vec<&str> = name.split_ascii_whitespace().collect();
    let mut kept = Vec::new();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        let generation = words.get(index + 1) == Some(&"Gen");
        if generation {
            index += 1;
        } else if !(*word == "CPU" || *word == "Processor" || word.ends_with("-Core")) {
            kept.push(*word);
        }
        index += 1;
    }
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(rows().count(), lines);
        for row in rows() {
            assert!(row.watts.get() >= 1.0 && row.threads > 0 && row.source.contains(' '), "{row:?}");
            assert_eq!(plain_model(row.model), row.model);
            assert_eq!(find(row.model).as_ref(), Some(&row), "{} is listed twice", row.model);
        }
    }

    #[test]
    fn names_as_machines_write_them() {
        for (name, model) in [
            ("Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz", Some("Intel Xeon Platinum 8380")),
            ("13th Gen Intel(R) Core(TM) i9-13900K", Some("Intel Core i9-13900K")),
            ("AMD EPYC 7763 64-Core Processor", Some("AMD EPYC 7763")),
            ("AMD Ryzen 7 7840U w/ Radeon 780M Graphics", Some("AMD Ryzen 7 7840U")),
            ("Intel(R) Xeon(R) Processor @ 2.10GHz", None),
            ("AMD EPYC 7763X 64-Core Processor", None),
            ("", None),
        ] {
            assert_eq!(find(name).map(|row| row.model), model, "{name}");
        }
    }
}
