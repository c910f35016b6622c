//! Sums per prompt or block: rows of named quantities, most of which are zero everywhere or equal to one another.

use std::collections::HashMap;

/// Sums per prompt: one row a prompt, one column a quantity. Absent prompts hold zeros.
#[derive(Debug, Clone)]
pub struct Table {
    rows: usize,
    columns: Vec<Cells>,
    settled: Settled,
}

/// The cells of a column, row by row.
#[derive(Debug, Clone)]
enum Cells {
    /// Its own; none where they are all zero.
    Own(Vec<f64>),
    /// Those at this place among the settled ones.
    Settled(usize),
}

/// Columns that are kept once, however many of the table's have their cells.
#[derive(Debug, Clone, Default)]
struct Settled {
    columns: Vec<Vec<f64>>,
    /// Their places by fingerprint.
    places: HashMap<u64, Vec<usize>>,
}

impl Settled {
    /// The place of these cells; `None` where they are all zero.
    fn place_of(&mut self, cells: Vec<f64>) -> Option<usize> {
        if cells.iter().all(|cell| cell.to_bits() == 0) {
            return None;
        }

        let alike = self.places.entry(fingerprint(&cells)).or_default();
        let mut known = alike.iter().copied();
        let same = known.find(|place| self.columns.get(*place).is_some_and(|other| are_same(other, &cells)));
        if same.is_some() {
            return same;
        }

        let place = self.columns.len();
        alike.push(place);
        self.columns.push(cells);
        Some(place)
    }

    fn cells(&self, place: usize) -> &[f64] {
        self.columns.get(place).map_or(&[], Vec::as_slice)
    }
}

impl Table {
    /// A table of zeros.
    pub fn new(prompts: usize, width: usize) -> Self {
        Self { rows: prompts, columns: vec![Cells::Own(Vec::new()); width], settled: Settled::default() }
    }

    /// Prompts.
    pub fn prompts(&self) -> usize {
        self.rows
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Adds to one cell; outside the table, or not finite, nothing happens.
    pub fn add(&mut self, prompt: usize, column: usize, value: f64) {
        let rows = self.rows;
        let Some(cells) = self.columns.get_mut(column) else { return };
        if prompt >= rows || !value.is_finite() {
            return;
        }

        if let Cells::Settled(place) = cells {
            *cells = Cells::Own(self.settled.cells(*place).to_vec());
        }
        let Cells::Own(cells) = cells else { return };

        if cells.is_empty() {
            // a column of zeros takes no memory
            if value.abs() <= 0.0 {
                return;
            }
            *cells = vec![0.0; rows];
        }
        if let Some(cell) = cells.get_mut(prompt) {
            *cell += value;
        }
    }

    /// Keeps columns that are the same once. Says nothing of what is added later: a table of many quantities is settled
    /// each time some of them are whole, so that it never holds all the copies.
    pub fn settle(&mut self) {
        for column in &mut self.columns {
            if let Cells::Own(cells) = column {
                let place = self.settled.place_of(std::mem::take(cells));
                *column = place.map_or(Cells::Own(Vec::new()), Cells::Settled);
            }
        }
    }

    /// One cell; 0 outside the table.
    pub fn get(&self, prompt: usize, column: usize) -> f64 {
        self.cells(column).get(prompt).copied().unwrap_or(0.0)
    }

    /// The sum of each column.
    pub fn sums(&self) -> Vec<f64> {
        let columns = 0..self.width();
        columns.map(|column| self.cells(column).iter().fold(0.0, |sum, cell| sum + cell)).collect()
    }

    /// The cells of a column; none where they are all zero.
    fn cells(&self, column: usize) -> &[f64] {
        match self.columns.get(column) {
            Some(Cells::Own(cells)) => cells,
            Some(Cells::Settled(place)) => self.settled.cells(*place),
            None => &[],
        }
    }

    /// Each different column once.
    pub(crate) fn into_distinct(mut self) -> DistinctColumns {
        self.settle();

        let mut places = Vec::with_capacity(self.columns.len());
        for column in &self.columns {
            places.push(match column {
                Cells::Settled(place) => Some(*place),
                Cells::Own(_) => None,
            });
        }

        DistinctColumns { rows: self.rows, columns: self.settled.columns, places }
    }
}

/// A table whose columns are kept once where several are the same, and not at all where they are zero: what is summed over and
/// over is a third of it.
#[derive(Debug, Clone)]
pub(crate) struct DistinctColumns {
    rows: usize,
    columns: Vec<Vec<f64>>,
    /// By column of the table: its place; `None` where it is zero.
    places: Vec<Option<usize>>,
}

/// A column of a table that is not zero.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'t> {
    /// Its place in the table.
    pub(crate) index: usize,
    /// Its cells, row by row.
    pub(crate) cells: &'t [f64],
}

impl DistinctColumns {
    /// Rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the table.
    pub(crate) fn width(&self) -> usize {
        self.places.len()
    }

    /// Columns that differ.
    pub(crate) fn distinct(&self) -> usize {
        self.columns.len()
    }

    /// The cells of a column of the table; empty where they are zero, and outside the table.
    pub(crate) fn cells(&self, column: usize) -> &[f64] {
        let place = self.places.get(column).copied().flatten();
        place.and_then(|place| self.columns.get(place)).map_or(&[], Vec::as_slice)
    }

    /// The columns of the table that are not zero.
    pub(crate) fn used(&self) -> Vec<Column<'_>> {
        let all = (0..self.width()).map(|index| Column { index, cells: self.cells(index) });
        all.filter(|column| !column.cells.is_empty()).collect()
    }

    /// The rows in which a column is above zero.
    pub(crate) fn rows_with(&self, presence: usize) -> impl Iterator<Item = usize> + '_ {
        let cells = self.cells(presence).iter().enumerate();
        cells.filter(|(_, cell)| **cell > 0.0).map(|(row, _)| row)
    }

    /// Some rows of the columns that differ, row after row, in place of what `tile` holds.
    pub(crate) fn copy_rows(&self, first: usize, count: usize, tile: &mut Vec<f64>) {
        let width = self.distinct();
        tile.clear();
        tile.resize(count.saturating_mul(width), 0.0);

        for (place, cells) in self.columns.iter().enumerate() {
            let cells = cells.get(first..).unwrap_or_default();
            for (row, cell) in tile.chunks_exact_mut(width).zip(cells) {
                if let Some(slot) = row.get_mut(place) {
                    *slot = *cell;
                }
            }
        }
    }

    /// Puts sums of the columns that differ where those of the table's columns stand. `sums` has a row of the former for each
    /// of the latter.
    pub(crate) fn spread(&self, sums: &[f64], all: &mut [f64]) {
        let rows = all.chunks_exact_mut(self.width().max(1)).zip(sums.chunks_exact(self.distinct().max(1)));
        for (row, sums) in rows {
            for (slot, place) in row.iter_mut().zip(&self.places) {
                *slot = place.and_then(|place| sums.get(place)).copied().unwrap_or(0.0);
            }
        }
    }
}

/// Equal for equal columns, and hardly ever for others.
fn fingerprint(cells: &[f64]) -> u64 {
    // the multiplier of Knuth's multiplicative hashing, ⌊2⁶⁴ ÷ φ⌋
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    cells.iter().fold(0, |hash: u64, cell| (hash.rotate_left(5) ^ cell.to_bits()).wrapping_mul(SPREAD))
}

fn are_same(one: &[f64], other: &[f64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.to_bits() == other.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_kept_once() {
        let mut table = Table::new(3, 5);
        for row in 0..3 {
            table.add(row, 0, 1.0);
            table.add(row, 2, row as f64);
            table.add(row, 3, 1.0);
        }
        table.add(1, 4, 2.5);
        table.add(9, 4, 1.0);
        table.add(0, 9, 1.0);
        table.add(0, 1, 0.0);
        table.add(0, 1, f64::NAN);
        // what is settled can still be added to, and leaves its likes alone
        table.settle();
        assert_eq!(table.settled.columns.len(), 3);
        table.add(2, 3, 0.5);
        table.add(2, 3, -0.5);
        assert_eq!((table.get(2, 0), table.get(2, 3)), (1.0, 1.0));
        assert_eq!(table.sums(), [3.0, 0.0, 3.0, 3.0, 2.5]);
        assert_eq!((table.get(1, 4), table.get(9, 4), table.get(1, 9)), (2.5, 0.0, 0.0));

        let distinct = table.into_distinct();
        assert_eq!((distinct.rows(), distinct.width(), distinct.distinct()), (3, 5, 3));
        assert_eq!(distinct.cells(3), [1.0, 1.0, 1.0]);
        assert_eq!((distinct.cells(1), distinct.cells(9)), (&[][..], &[][..]));
        assert_eq!(distinct.used().iter().map(|column| column.index).collect::<Vec<_>>(), [0, 2, 3, 4]);
        assert_eq!(distinct.rows_with(2).collect::<Vec<_>>(), [1, 2]);

        let mut tile = vec![7.0];
        distinct.copy_rows(1, 2, &mut tile);
        assert_eq!(tile, [1.0, 1.0, 2.5, 1.0, 2.0, 0.0]);
        let mut spread = vec![9.0; 10];
        distinct.spread(&tile, &mut spread);
        assert_eq!(spread, [1.0, 0.0, 1.0, 1.0, 2.5, 1.0, 0.0, 2.0, 1.0, 0.0]);
    }
}
