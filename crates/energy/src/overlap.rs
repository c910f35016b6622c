//! Which series of a metric may be added up.
//!
//! Exporters split one energy by package or mode, and those parts add up. They also show one energy several times: a
//! package and the cores in it, the whole platform around it, one zone through two doors, one board for each pod that
//! uses it. Such series are recognized here and left out, or the choice is refused; nothing is counted twice because
//! nobody looked.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::exposition::{Label, Series};

/// Labels by which exporters name a part of a processor.
const ZONE_LABELS: &[&str] = &["zone", "zone_name", "domain", "domain_name", "rapl_domain"];
/// Labels by which exporters name a machine.
const MACHINE_LABELS: &[&str] =
    &["instance", "exported_instance", "node", "node_name", "nodename", "host", "hostname", "machine"];
/// Labels that hold a board's identity.
const BOARD_LABELS: &[&str] = &["uuid", "gpu_uuid"];
/// Labels that number boards; next to an identity they add nothing.
const BOARD_NUMBERS: &[&str] = &["gpu", "gpu_id", "device", "minor_number", "pci_bus_id", "card"];
/// Labels that split an energy into parts that add up, other than those above.
const PARTS: &[&str] =
    &["mode", "package", "pkg", "socket", "socket_id", "index", "die", "domain_id", "cpu", "core", "path"];
/// Labels of whoever uses the energy. Its parts add up too, but for a board that several share.
const USERS: &[&str] = &[
    "pid",
    "process",
    "container",
    "container_id",
    "container_name",
    "pod",
    "pod_name",
    "namespace",
    "vm_id",
];
/// Most values that an error lists.
const MOST_LISTED: usize = 12;
/// Values that name a sum of other series.
const TOTALS: &[&str] = &["total", "all", "sum", "overall"];

/// The series that are read, and what was left out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Selection {
    /// The labels of each series to add up.
    pub(crate) series: Vec<Vec<Label>>,
    /// What was left out and why, in one plain line; empty where nothing was.
    pub(crate) remark: String,
}

/// Chooses which of `all` to add up.
///
/// # Errors
/// Why that is unknown, and which label would settle it, in one plain sentence.
pub(crate) fn without_overlap(all: &[Series]) -> Result<Selection, String> {
    of_one_machine(all)?;
    no_totals(all)?;

    let mut kept: Vec<&Series> = all.iter().collect();
    let mut remarks = Vec::new();
    remarks.extend(drop_second_door(&mut kept));
    remarks.extend(drop_inner_zones(&mut kept)?);
    each_once(&kept)?;

    let series = kept.iter().map(|series| series.labels.clone()).collect();
    Ok(Selection { series, remark: remarks.join("; ") })
}

/// All series, whatever they show: the user says that they add up.
pub(crate) fn all_of(all: &[Series]) -> Selection {
    let series: Vec<Vec<Label>> = all.iter().map(|series| series.labels.clone()).collect();
    let remark = match series.len() {
        1 => String::new(),
        count => format!("{count} series added up, as was asked"),
    };
    Selection { series, remark }
}

/// The sum of a selection's series on a later page.
///
/// # Errors
/// A series that came or went: what it counts would be missing from the sum, or be a leap in it.
pub(crate) fn sum(selection: &[Vec<Label>], before: usize, page: &[Series]) -> Result<f64, String> {
    if page.len() != before {
        return Err(format!("{} series carry those labels, and {before} did at the beginning", page.len()));
    }

    let mut values: HashMap<&[Label], f64> = HashMap::with_capacity(page.len());
    for series in page {
        values.entry(&series.labels).or_insert(series.value);
    }

    let mut sum = 0.0;
    for labels in selection {
        let value = values.get(labels.as_slice());
        sum += value.ok_or("a series that was there at the beginning is gone")?;
    }
    Ok(sum)
}

/// A label of some series, and its distinct values, in the order of the page.
struct Labeled<'a> {
    label: &'a str,
    values: Vec<&'a str>,
}

/// The labels of these series, in the order of the page.
fn labeled(all: &[Series]) -> Vec<Labeled<'_>> {
    let mut found: Vec<Labeled<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut seen: HashSet<(&str, &str)> = HashSet::new();

    for (label, value) in all.iter().flat_map(|series| &series.labels) {
        let place = *places.entry(label).or_insert(found.len());
        if place == found.len() {
            found.push(Labeled { label, values: Vec::new() });
        }
        if seen.insert((label, value))
            && let Some(labeled) = found.get_mut(place)
        {
            labeled.values.push(value);
        }
    }
    found
}

/// Some of the values of a page, fit to be shown.
fn listed(values: &[&str]) -> String {
    let shown: Vec<String> =
        values.iter().take(MOST_LISTED).map(|value| value.escape_debug().to_string()).collect();
    match values.len().saturating_sub(MOST_LISTED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Series of several machines are not the energy of one.
fn of_one_machine(all: &[Series]) -> Result<(), String> {
    for Labeled { label, values } in labeled(all) {
        let is_machine = MACHINE_LABELS.contains(&label.to_ascii_lowercase().as_str());
        if let [first, _, ..] = values.as_slice()
            && is_machine
        {
            let [label, first] = [label, first].map(str::escape_debug);
            return Err(format!(
                "the series are of {} machines; choose one, such as &{label}={first}",
                values.len()
            ));
        }
    }
    Ok(())
}

/// A sum next to its parts.
fn no_totals(all: &[Series]) -> Result<(), String> {
    for Labeled { label, values } in labeled(all) {
        let total = values.iter().find(|value| TOTALS.contains(&value.to_ascii_lowercase().as_str()));
        if let Some(total) = total
            && values.len() > 1
        {
            return Err(format!(
                "one series is the sum of others; choose it with &{}={}, or one of {}",
                label.escape_debug(),
                total.escape_debug(),
                listed(&values)
            ));
        }
    }
    Ok(())
}

/// Zones of the memory-mapped door, where the usual one shows the same.
fn drop_second_door(kept: &mut Vec<&Series>) -> Option<String> {
    let is_second = |series: &Series| {
        series.label("path").is_some_and(|path| path.contains("intel-rapl-mmio"))
            || series.label("control_type").is_some_and(|door| door.contains("mmio"))
    };
    let second = kept.iter().filter(|series| is_second(series)).count();
    if second == 0 || second == kept.len() {
        return None;
    }

    kept.retain(|series| !is_second(series));
    Some(format!("{second} series of intel-rapl-mmio left out, which show the same packages"))
}

/// What a zone holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Zone {
    Package,
    Dram,
    /// Cores, graphics: inside a package.
    Inner,
    /// The whole platform: around all others.
    Platform,
    Unknown,
}

fn zone(series: &Series) -> Option<Zone> {
    let name = ZONE_LABELS.iter().find_map(|label| series.label(label))?.to_ascii_lowercase();
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    Some(if starts(&["package", "pkg"]) {
        Zone::Package
    } else if starts(&["dram"]) {
        Zone::Dram
    } else if starts(&["core", "pp0", "uncore", "pp1", "gpu", "gt"]) {
        Zone::Inner
    } else if starts(&["psys", "platform"]) {
        Zone::Platform
    } else {
        Zone::Unknown
    })
}

/// Leaves packages and memory, as the machine's own counters are read: cores lie inside a package, the platform around
/// it.
fn drop_inner_zones(kept: &mut Vec<&Series>) -> Result<Option<String>, String> {
    let mut names: BTreeMap<Zone, Vec<&str>> = BTreeMap::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for series in kept.iter() {
        let Some(zone) = zone(series) else { continue };
        let name = ZONE_LABELS.iter().find_map(|label| series.label(label)).unwrap_or_default();
        let known = names.entry(zone).or_default();
        if seen.insert(name) {
            known.push(name);
        }
    }
    if names.len() < 2 {
        return Ok(None);
    }

    let all: Vec<&str> = names.values().flatten().copied().collect();
    if names.contains_key(&Zone::Unknown) || !names.contains_key(&Zone::Package) {
        let overlap = names.contains_key(&Zone::Unknown) || names.contains_key(&Zone::Platform);
        return match overlap {
            true => Err(format!(
                "zones {} may hold one another; choose one with &{}=NAME",
                listed(&all),
                zone_label(kept)
            )),
            false => Ok(None),
        };
    }

    let left_out: Vec<&str> =
        [Zone::Inner, Zone::Platform].iter().filter_map(|zone| names.get(zone)).flatten().copied().collect();
    if left_out.is_empty() {
        return Ok(None);
    }
    let remark = format!("{} left out, which overlap the packages", listed(&left_out));
    kept.retain(|series| matches!(zone(series), Some(Zone::Package | Zone::Dram)));
    Ok(Some(remark))
}

/// The label that names zones here.
fn zone_label(series: &[&Series]) -> &'static str {
    ZONE_LABELS
        .iter()
        .find(|label| series.iter().any(|series| series.label(label).is_some()))
        .copied()
        .unwrap_or("zone")
}

/// Every part once: two series of the same part, or series that differ in a label that splits nothing, are one energy
/// shown twice for all that is known.
fn each_once(kept: &[&Series]) -> Result<(), String> {
    let mut seen: BTreeMap<Vec<(String, &str)>, &Series> = BTreeMap::new();
    for series in kept {
        let Some(other) = seen.insert(part_of(series), series) else { continue };

        let what = match board(series) {
            Some(board) => format!("GPU {}", board.escape_debug()),
            None => "the same part".to_owned(),
        };
        let Some(label) = difference(series, other) else {
            return Err(format!("the page shows one series of {what} twice"));
        };
        let values = [other, series].map(|series| series.label(label).unwrap_or("(none)").escape_debug());
        let [one, next] = values;
        return Err(format!(
            "two series may show {what}: {label} is {one} and {next}; choose with &{label}={one}, or add &sum=all where \
             they do add up"
        ));
    }
    inside_by_path(kept)
}

/// What tells a part from others: the labels that split an energy. A board is identified by its UUID alone, whoever uses
/// it and however it is numbered.
fn part_of(series: &Series) -> Vec<(String, &str)> {
    let has_board = board(series).is_some();
    let mut key: Vec<(String, &str)> = series
        .labels
        .iter()
        .filter_map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let known = |all: &[&str]| all.contains(&name.as_str());
            let tells = known(PARTS) || known(ZONE_LABELS) || known(BOARD_LABELS);
            let tells_without_board = known(BOARD_NUMBERS) || known(USERS);
            let name = if known(BOARD_LABELS) { "uuid".to_owned() } else { name.clone() };
            (tells || tells_without_board && !has_board).then_some((name, value.as_str()))
        })
        .collect();
    key.sort_unstable();
    key
}

/// The identity of the board that a series is of.
fn board(series: &Series) -> Option<&str> {
    let is_board = |name: &str| BOARD_LABELS.contains(&name.to_ascii_lowercase().as_str());
    series.labels.iter().find(|(name, _)| is_board(name)).map(|(_, value)| value.as_str())
}

/// A label in which two series differ, one that both carry where there is such.
fn difference<'a>(one: &'a Series, other: &'a Series) -> Option<&'a str> {
    let names = one.labels.iter().chain(&other.labels).map(|(name, _)| name.as_str());
    let mut differing = names.filter(|name| one.label(name) != other.label(name));
    let both = differing.clone().find(|name| one.label(name).is_some() && other.label(name).is_some());
    both.or_else(|| differing.next())
}

/// A powercap zone inside another one, where no label says what it holds.
fn inside_by_path(kept: &[&Series]) -> Result<(), String> {
    let unnamed = kept.iter().filter(|series| zone(series).is_none());
    let paths: Vec<&str> = unnamed.filter_map(|series| series.label("path")).collect();
    let ids: HashSet<&str> = paths.iter().filter_map(|path| path.rsplit('/').next()).collect();
    for path in &paths {
        let id = path.rsplit('/').next().unwrap_or_default();
        let Some((parent, _)) = id.rsplit_once(':') else { continue };
        if ids.contains(parent) {
            return Err(format!(
                "zone {} lies inside zone {}; choose with &path=PATH",
                id.escape_debug(),
                parent.escape_debug()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::MAX_SERIES;

    fn series(labels: &str, value: f64) -> Series {
        let labels = labels
            .split_ascii_whitespace()
            .filter_map(|label| label.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Series { labels, value }
    }

    /// What is added up of series 1, 2, 4, … and how it is said; or a part of the reason why nothing is.
    fn check(labels: &[&str], expected: Result<(f64, &str), &str>) {
        let all: Vec<Series> =
            labels.iter().enumerate().map(|(index, labels)| series(labels, f64::from(1 << index))).collect();
        let found = without_overlap(&all)
            .and_then(|selection| Ok((sum(&selection.series, all.len(), &all)?, selection.remark)));
        match (found, expected) {
            (Ok((sum, remark)), Ok((right, part))) => {
                assert!((sum - right).abs() < 1e-9, "{labels:?}: {sum}");
                assert!(remark.contains(part) && remark.is_empty() == part.is_empty(), "{remark}");
            }
            (Err(reason), Err(part)) => assert!(reason.contains(part), "{reason}"),
            (got, _) => panic!("{labels:?}: {got:?}"),
        }
    }

    #[test]
    fn parts_add_up() {
        check(&["package=0 mode=idle", "package=1 mode=idle", "package=0 mode=dynamic"], Ok((7.0, "")));
        check(&["index=0 path=/a/intel-rapl:0", "index=1 path=/a/intel-rapl:1"], Ok((3.0, "")));
        check(&["zone=package-0", "zone=package-1", "zone=dram"], Ok((7.0, "")));
        check(&["domain_name=core socket_id=0", "domain_name=uncore socket_id=0"], Ok((3.0, "")));
        check(&["gpu=0 UUID=GPU-1 modelName=A", "gpu=1 UUID=GPU-2 modelName=B"], Ok((3.0, "")));
        check(&["pid=1 exe=a", "pid=2 exe=b"], Ok((3.0, "")));
        check(&[""], Ok((1.0, "")));
    }

    #[test]
    fn what_lies_inside_or_around_packages_is_left_out() {
        check(&["zone=package", "zone=core", "zone=dram", "zone=psys"], Ok((5.0, "core, psys left out")));
        check(&["zone=package-0", "zone=uncore-0"], Ok((1.0, "uncore-0 left out")));
        check(
            &["index=0 path=/p/intel-rapl:0", "index=0 path=/p/intel-rapl-mmio:0"],
            Ok((1.0, "1 series of intel-rapl-mmio left out")),
        );
    }

    #[test]
    fn what_may_be_counted_twice_is_refused() {
        check(&["zone=core", "zone=psys"], Err("may hold one another"));
        check(&["zone=package", "zone=boost"], Err("may hold one another"));
        check(
            &["gpu=0 UUID=GPU-1 job=dcgm", "gpu=0 uuid=GPU-1 job=smi"],
            Err("may show GPU GPU-1: job is dcgm and smi; choose with &job=dcgm"),
        );
        check(&["gpu=0 UUID=GPU-1 job=dcgm", "device=n0 UUID=GPU-1 job=smi"], Err("may show GPU GPU-1"));
        check(&["gpu=0 UUID=GPU-1 pod=a", "gpu=0 UUID=GPU-1 pod=b"], Err("pod is a and b"));
        check(&["gpu=0 UUID=GPU-1 GPU_I_ID=1", "gpu=0 UUID=GPU-1 GPU_I_ID=2"], Err("&GPU_I_ID=1"));
        check(&["chip=a sensor=power1", "chip=b sensor=power1"], Err("&sum=all"));
        check(&["node=a", "node=b"], Err("2 machines; choose one, such as &node=a"));
        check(&["gpu=0 Hostname=a", "gpu=1 Hostname=b"], Err("&Hostname=a"));
        check(&["package=0", "package=1", "package=total"], Err("&package=total"));
        check(&["path=/p/intel-rapl:0", "path=/p/intel-rapl:0:1"], Err("lies inside"));
        check(&["package=0", "package=0"], Err("twice"));
    }

    /// As many series as are read at most, and as many labels, in one pass each.
    #[test]
    fn many_series_are_chosen_in_one_pass() {
        let begun = std::time::Instant::now();
        let page = |extra: &str| -> Vec<Series> {
            let series =
                (0..MAX_SERIES).map(|index| series(&format!("cpu={index} path=/p/a{index}:1 {extra}"), 1.0));
            series.collect()
        };

        let all = page("");
        let Ok(selection) = without_overlap(&all) else { panic!("they are parts") };
        assert_eq!(sum(&selection.series, MAX_SERIES, &all), Ok(10_000.0));

        let zones: Vec<Series> =
            (0..MAX_SERIES).map(|index| series(&format!("zone=z{index}"), 1.0)).collect();
        assert!(without_overlap(&zones).is_ok());
        let mut zones = zones;
        zones.push(series("zone=package", 1.0));
        let Err(reason) = without_overlap(&zones) else { panic!("they may hold one another") };
        assert!(reason.contains("z10 and 9989 more may hold one another"), "{reason}");

        let names: String = (0..1000).map(|index| format!("l{index}=a ")).collect();
        let wide: Vec<Series> = (0..100).map(|index| series(&format!("cpu={index} {names}"), 1.0)).collect();
        assert!(without_overlap(&wide).is_ok());
        assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
    }

    #[test]
    fn series_that_come_and_go_are_noticed() {
        let begun = [series("package=0", 1.0), series("package=1", 2.0)];
        let Ok(selection) = without_overlap(&begun) else { panic!("two packages add up") };
        let later = [series("package=1", 5.0), series("package=0", 4.0)];
        assert_eq!(sum(&selection.series, 2, &later), Ok(9.0));
        assert!(sum(&selection.series, 2, &later[..1]).is_err());
        let other = [series("package=0", 1.0), series("package=2", 2.0)];
        assert!(matches!(sum(&selection.series, 2, &other), Err(reason) if reason.contains("gone")));
    }
}
