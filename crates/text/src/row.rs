//! One row of a table.

/// One row.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The line on which it starts, from 1.
    pub line: usize,
    pub(crate) names: &'a [String],
    /// The text that its cells are parts of.
    pub(crate) text: &'a str,
    /// Where its first cell begins.
    pub(crate) start: usize,
    /// Where each cell ends, which is where the next one begins.
    pub(crate) ends: &'a [usize],
}

impl<'a> Row<'a> {
    /// The cell of the column of that name (in small letters); `None` where there is no such column or the cell is
    /// blank.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        // a header of many columns costs short rows nothing
        let mut named = self.names.iter().take(self.ends.len());
        self.cell(named.position(|one| one == name)?)
    }

    /// The names of columns, and the row's cells in them, but for those that are blank.
    pub fn cells(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let row = *self;
        let named = self.names.iter().take(self.ends.len()).enumerate();
        named.filter_map(move |(index, name)| Some((name.as_str(), row.cell(index)?)))
    }

    fn cell(&self, index: usize) -> Option<&'a str> {
        let before = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let start = before.copied().unwrap_or(self.start);
        let cell = self.text.get(start..*self.ends.get(index)?)?;
        Some(cell).filter(|cell| !cell.trim().is_empty())
    }
}
