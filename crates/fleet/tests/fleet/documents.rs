//! docs/fleet.md shows the columns as they are written. With `UPDATE_DOCS=1` they are written there anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use infercost_fleet::tables::schema::Table;

const MARK: &str = "<!-- columns -->";

#[test]
fn columns_are_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fleet.md");
    let document = fs::read_to_string(&path).unwrap();
    let (before, after) = document.split_once(MARK).unwrap();

    let mut wanted = String::new();
    for table in Table::ALL {
        let name = table.name();
        writeln!(
            wanted,
            "\n### `{name}`\n\n| column | type | unit | null | meaning |\n|---|---|---|---|---|"
        )
        .unwrap();
        for column in table.columns() {
            let null = if column.nullable { "may be" } else { "never" };
            let (name, kind, unit, meaning) = (column.name, column.kind.name(), column.unit, column.meaning);
            writeln!(wanted, "| `{name}` | {kind} | {unit} | {null} | {meaning} |").unwrap();
        }
    }

    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, format!("{before}{MARK}\n{wanted}")).unwrap();
        return;
    }
    assert_eq!(
        after.trim_start_matches('\n'),
        wanted.trim_start_matches('\n'),
        "run again with UPDATE_DOCS=1"
    );
}
