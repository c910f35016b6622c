//! A cell of a trace that is held in columns: what passes between who reads the file and who knows what its columns mean.

/// What a cell holds, in the file's own type.
#[derive(Debug, Clone, PartialEq)]
pub enum TraceCell {
    /// Nothing: null, or no such column.
    Missing,
    /// A whole number.
    Whole(i128),
    /// A number that may have a fraction.
    Number(f64),
    /// A text.
    Text(String),
    /// A moment in seconds since 1970, in UTC where the file has a time zone, and as it stands where it has none.
    Moment(f64),
    /// A list.
    List(Vec<TraceCell>),
    /// Fields with names.
    Fields(Vec<TraceField>),
    /// What no trace holds: the type, as the file names it.
    Other(String),
}

/// A field of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceField {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: TraceCell,
}

impl TraceCell {
    /// What kind of cell it is, in words: `a text`.
    pub fn words(&self) -> &str {
        match self {
            Self::Missing => "null",
            Self::Whole(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Moment(_) => "a time",
            Self::List(_) => "a list",
            Self::Fields(_) => "a structure",
            Self::Other(name) => name,
        }
    }

    /// The field of that name; `None` where there is none, or the cell has no fields.
    pub fn field(&self, name: &str) -> Option<&TraceCell> {
        let Self::Fields(fields) = self else { return None };
        let found = fields.iter().find(|field| field.name == name);
        found.map(|field| &field.value)
    }
}
