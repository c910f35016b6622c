//! Snapshots on disk: whole or not at all, newest first, and never a path that a source chose.

use std::fs;

use infercost_prices::{Kind, PriceStore};

use crate::replica::{Answer, Replica, client, named, now, query};

const RATES: &str = "<Cube time='2026-10-23'><Cube currency='USD' rate='1.08'/>";

#[test]
fn what_is_saved_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = PriceStore::at(folder.path().join("prices"));
    assert_eq!(store.list().unwrap(), (Vec::new(), Vec::new()));
    let replica = Replica::always(Answer::ok(RATES));
    let snapshot = named("ecb").fetch(&client(), &query(&replica.url), now()).unwrap();
    let first = store.save(&snapshot).unwrap();
    let second = store.save(&snapshot).unwrap();
    assert_ne!(first, second, "a snapshot was overwritten");
    let mut later = snapshot.clone();
    later.fetched_at = "2026-11-01T00:00:00Z".parse().unwrap();
    store.save(&later).unwrap();
    let (all, broken) = store.list().unwrap();
    assert_eq!((all.len(), broken.len()), (3, 0));
    assert_eq!(all[0].snapshot, later);
    assert_eq!(store.recent(Kind::Rates, 1).unwrap()[0].snapshot, later);
    assert!(store.recent(Kind::Curve, 9).unwrap().is_empty());
    assert!(
        later.age_days("2027-01-31T00:00:00Z".parse().unwrap()) == 91
            && later.is_stale("2027-01-31T00:00:00Z".parse().unwrap())
    );
    assert!(!later.is_stale("2027-01-30T00:00:00Z".parse().unwrap()));
}

/// A store only grows: of each question a few are opened, chosen by their names.
#[test]
fn only_the_newest_of_each_question_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = PriceStore::at(folder.path());
    assert_eq!(store.recent(Kind::Rates, 1).unwrap(), []);
    let replica = Replica::always(Answer::ok(RATES));
    let mut asked = query(&replica.url);

    for zone in ["one", "two"] {
        asked.zone = Some(zone.into());
        let mut snapshot = named("ecb").fetch(&client(), &asked, now()).unwrap();
        for day in 1..=9 {
            snapshot.fetched_at = format!("2026-11-{day:02}T00:00:00Z").parse().unwrap();
            store.save(&snapshot).unwrap();
        }
    }

    // twice in one second, and an old file that would be the newest if it were opened
    asked.zone = Some("one".into());
    let mut snapshot = named("ecb").fetch(&client(), &asked, now()).unwrap();
    snapshot.fetched_at = "2026-11-09T00:00:00Z".parse().unwrap();
    snapshot.license = Some("the second".into());
    store.save(&snapshot).unwrap();
    let old = folder.path().join("ecb-two-20261101T000000Z.json");
    let text = fs::read_to_string(&old).unwrap();
    fs::write(&old, text.replace("2026-11-01T", "2030-11-01T")).unwrap();
    let found = |most| -> Vec<(String, String)> {
        let all = store.recent(Kind::Rates, most).unwrap();
        all.iter().map(|one| (one.snapshot.subject.clone(), one.snapshot.fetched_at.to_string())).collect()
    };
    let pair = |zone: &str, day: &str| (zone.to_owned(), format!("2026-11-{day}T00:00:00Z"));
    assert_eq!(found(1), [pair("one", "09"), pair("two", "09")]);
    assert_eq!(store.recent(Kind::Rates, 1).unwrap()[0].snapshot.license.as_deref(), Some("the second"));
    assert_eq!(found(2), [pair("one", "09"), pair("one", "09"), pair("two", "09"), pair("two", "08")]);
    assert_eq!(found(99)[0].1, "2030-11-01T00:00:00Z");
    assert!(store.recent(Kind::Offers, 99).unwrap().is_empty());

    // a file under another name counts by what it holds
    fs::write(folder.path().join("mine.json"), text.replace("2026-11-01T", "2027-01-01T")).unwrap();
    assert_eq!(found(1)[0].1, "2027-01-01T00:00:00Z");
}

#[test]
fn names_from_outside_choose_no_path() {
    let folder = tempfile::tempdir().unwrap();
    let store = PriceStore::at(folder.path());
    let replica = Replica::always(Answer::ok(RATES));
    let mut asked = query(&replica.url);
    asked.zone = Some("../../etc/\u{0}passwd\u{1b}".into());
    let path = store.save(&named("ecb").fetch(&client(), &asked, now()).unwrap()).unwrap();
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
