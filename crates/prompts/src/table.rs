//! Prompts in a table: each row as the object that JSON Lines would hold.

use infercost_text::Row;
use serde_json::{Map, Value};

/// Cells that may hold JSON of their own.
const LISTS: [&str; 5] = ["messages", "conversations", "choices", "options", "tags"];
/// Graders whose answer may be a list in a cell.
const SCHEMA: &str = "json_schema";

/// A row as a document.
pub(crate) fn document(row: Row<'_>) -> Value {
    let mut fields = Map::new();
    for (name, cell) in row.cells().filter(|(name, _)| !name.is_empty()) {
        let is_schema = name == "answer" && row.get("grader").is_some_and(|grader| grader.trim() == SCHEMA);
        let value = if LISTS.contains(&name) {
            list(cell)
        } else if is_schema {
            serde_json::from_str(cell).unwrap_or_else(|_| Value::from(cell))
        } else if name == "id" || name == "grader" {
            Value::from(cell.trim())
        } else {
            Value::from(cell)
        };
        fields.insert(name.to_owned(), value);
    }
    Value::Object(fields)
}

/// A cell with several texts: JSON, or with bars between them.
fn list(cell: &str) -> Value {
    if cell.trim_start().starts_with(['[', '{']) {
        return serde_json::from_str(cell).unwrap_or_else(|_| Value::from(cell));
    }
    cell.split('|').map(str::trim).collect()
}
