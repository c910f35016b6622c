//! What a query of the user's own gave, as a person reads it.

use infercost_core::text::count;
use infercost_fleet::reading::sql::SqlAnswer;

use crate::output::answer::{Answer, Caution, Cell, Section};
use crate::output::columns::Column;

/// The answer.
pub(crate) fn answer(answer: &SqlAnswer, limit: usize) -> Answer {
    let mut table = Vec::with_capacity(answer.columns.len());
    for (place, column) in answer.columns.iter().enumerate() {
        let mut cells = Vec::with_capacity(answer.rows.len());
        for row in &answer.rows {
            let value = row.get(place).cloned().flatten();
            cells.push(value.map_or(Cell::Unknown, Cell::Words));
        }
        let make = if column.is_number { Column::right } else { Column::left };
        table.push(make(column.name.clone(), 0, cells));
    }

    let mut shown = Answer { headline: count(answer.rows.len() as u64, "row"), table, ..Answer::default() };
    if answer.is_cut {
        shown.headline = format!("the first {}", count(limit as u64, "row"));
        shown.cautions.push(Caution {
            words: "there are more rows than are shown".to_owned(),
            fix: Some("--limit N".to_owned()),
        });
    }

    let types = answer.columns.iter().map(|column| format!("{}: {}", column.name, column.data_type));
    shown.explain(Section::lines("types of the columns", types.collect()));
    shown
}
