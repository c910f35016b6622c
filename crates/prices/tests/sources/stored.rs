//! Snapshots on disk: whole or not at all, newest first, and never a path that a source chose.

use std::fs;

use infercost_prices::{PriceStore, Prices, Source};

use crate::replica::{Answer, Replica, client, now, query};

const RATES: &str = "<Cube time='2026-10-23'><Cube currency='USD' rate='1.08'/>";

#[test]
fn what_is_saved_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = PriceStore::at(folder.path().join("prices"));
    assert_eq!(store.list().unwrap(), (Vec::new(), Vec::new()));
    let replica = Replica::always(Answer::ok(RATES));
    let snapshot = Source::Ecb.fetch(&client(), &query(&replica.url), now()).unwrap();
    let first = store.save(&snapshot).unwrap();
    let second = store.save(&snapshot).unwrap();
    assert_ne!(first, second, "a snapshot was overwritten");
    let mut later = snapshot.clone();
    later.fetched_at = "2026-11-01T00:00:00Z".parse().unwrap();
    store.save(&later).unwrap();
    let (all, broken) = store.list().unwrap();
    assert_eq!((all.len(), broken.len()), (3, 0));
    assert_eq!(all[0].snapshot, later);
    let newest = store.newest(|prices| matches!(prices, Prices::Rates(_))).unwrap().unwrap();
    assert_eq!(newest.snapshot, later);
    assert!(store.newest(|prices| matches!(prices, Prices::Curve(_))).unwrap().is_none());
    assert!(
        later.age_days("2027-01-31T00:00:00Z".parse().unwrap()) == 91
            && later.is_stale("2027-01-31T00:00:00Z".parse().unwrap())
    );
    assert!(!later.is_stale("2027-01-30T00:00:00Z".parse().unwrap()));
}

#[test]
fn names_from_outside_choose_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let store = PriceStore::at(folder.path());
    let replica = Replica::always(Answer::ok(RATES));
    let mut asked = query(&replica.url);
    asked.zone = Some("../../etc/\u{0}passwd\u{1b}".into());
    let path = store.save(&Source::Ecb.fetch(&client(), &asked, now()).unwrap()).unwrap();
    assert_eq!(path.parent(), Some(folder.path()));
    assert!(
        path.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    );
}

#[test]
fn files_that_are_no_snapshots_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = PriceStore::at(folder.path());
    for (name, text) in [
        ("a.json", "{"),
        ("b.json", "\u{1b}[31m"),
        ("c.json", r#"{"schema":"infercost.prices/9"}"#),
        ("d.txt", "not looked at"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let (all, broken) = store.list().unwrap();
    assert_eq!((all.len(), broken.len()), (0, 3), "{broken:?}");
    assert!(broken.iter().all(|line| !line.contains('\u{1b}')));
}
