//! Rows that wait for their row group, in few bytes.
//!
//! An encoder of Parquet holds some 100 kB a column, whether many rows are in it or few. Rows that wait here take what they say
//! and no more, so that any number of files is filled at once, and one is encoded at a time.

use super::value::Value;

/// Bytes of the first piece of memory that rows are put into, and of the largest.
const PIECES: (usize, usize) = (4 << 10, 64 << 10);
/// Most bytes of a cell, text left out: what it is, and 16 bytes of money, or a length.
const CELL: usize = 17;
/// Longest text, in bytes, that is put down once where the next row repeats it.
const LONGEST_REPEATED: usize = 64;
/// Bits of a number in one byte; the eighth says that another byte follows.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// What a cell is: its first byte.
mod mark {
    /// So many cells that are null, as the next byte says.
    pub(super) const NULLS: u8 = 0;
    pub(super) const TEXT: u8 = 1;
    pub(super) const INTEGER: u8 = 2;
    pub(super) const NUMBER: u8 = 3;
    pub(super) const FALSE: u8 = 4;
    pub(super) const TRUE: u8 = 5;
    pub(super) const MONEY: u8 = 6;
    pub(super) const DAY: u8 = 7;
    pub(super) const TIME: u8 = 8;
    /// The text that the row before has in this place.
    pub(super) const SAME: u8 = 9;
    /// More than 64 bits say.
    pub(super) const MUCH_MONEY: u8 = 10;
}

/// Rows of one file. The memory is in pieces, and each can be read without the others.
#[derive(Debug, Default)]
pub(crate) struct PackedRows {
    pieces: Vec<Vec<u8>>,
    /// The short text of each place in the last row of the last piece; empty where there is none.
    before: Vec<String>,
    rows: usize,
    memory: usize,
}

impl PackedRows {
    /// Rows that wait.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory that they take.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, cells: &[Value<'_>]) {
        let mut most = cells.len().saturating_mul(CELL);
        for cell in cells {
            if let Value::Text(text) = cell {
                most = most.saturating_add(text.len());
            }
        }

        self.rows += 1;
        let has_room = self.pieces.last().is_some_and(|piece| piece.capacity() - piece.len() >= most);
        if !has_room {
            let next = self.pieces.last().map_or(PIECES.0, |piece| (piece.capacity() * 2).min(PIECES.1));
            let piece = Vec::with_capacity(next.max(most));
            self.memory = self.memory.saturating_add(piece.capacity());
            self.pieces.push(piece);
            self.before.clear();
        }
        self.before.resize(cells.len(), String::new());
        if let Some(piece) = self.pieces.last_mut() {
            pack(piece, cells, &mut self.before);
        }
    }

    /// The pieces, one after the other, so that each leaves memory once it was read.
    pub(crate) fn into_pieces(self) -> impl Iterator<Item = Vec<u8>> {
        self.pieces.into_iter()
    }
}

fn pack(piece: &mut Vec<u8>, cells: &[Value<'_>], before: &mut [String]) {
    let mut nulls = 0;
    for (cell, before) in cells.iter().zip(before) {
        if *cell == Value::Null && nulls < u8::MAX {
            nulls += 1;
            continue;
        }

        end_nulls(piece, &mut nulls);
        match *cell {
            Value::Null => nulls = 1,
            Value::Text(text) if text == before && !text.is_empty() => piece.push(mark::SAME),
            Value::Text(text) => {
                piece.push(mark::TEXT);
                pack_number(piece, text.len() as u64);
                piece.extend_from_slice(text.as_bytes());
                before.clear();
                if text.len() <= LONGEST_REPEATED {
                    before.push_str(text);
                }
            }
            Value::Integer(number) => {
                piece.push(mark::INTEGER);
                pack_signed(piece, number);
            }
            Value::Number(number) => {
                piece.push(mark::NUMBER);
                piece.extend_from_slice(&number.to_le_bytes());
            }
            Value::Truth(truth) => piece.push(if truth { mark::TRUE } else { mark::FALSE }),
            Value::Money(units) => match i64::try_from(units) {
                Ok(units) => {
                    piece.push(mark::MONEY);
                    pack_signed(piece, units);
                }
                Err(_) => {
                    piece.push(mark::MUCH_MONEY);
                    piece.extend_from_slice(&units.to_le_bytes());
                }
            },
            Value::Day(day) => {
                piece.push(mark::DAY);
                piece.extend_from_slice(&day.to_le_bytes());
            }
            Value::Time(time) => {
                piece.push(mark::TIME);
                piece.extend_from_slice(&time.to_le_bytes());
            }
        }
    }
    end_nulls(piece, &mut nulls);
}

fn end_nulls(piece: &mut Vec<u8>, nulls: &mut u8) {
    if *nulls > 0 {
        piece.extend_from_slice(&[mark::NULLS, *nulls]);
        *nulls = 0;
    }
}

/// Small numbers are short, whatever their sign.
fn pack_signed(piece: &mut Vec<u8>, number: i64) {
    pack_number(piece, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

fn pack_number(piece: &mut Vec<u8>, mut number: u64) {
    while number >= u64::from(MORE) {
        piece.push(number as u8 | MORE);
        number >>= BITS;
    }
    piece.push(number as u8);
}

/// Reads the cells of a piece, row after row.
pub(crate) struct PieceReader<'p> {
    left: &'p [u8],
    nulls: u8,
    /// The last text of each place.
    before: Vec<&'p str>,
    /// The place of the next cell in its row.
    place: usize,
}

impl<'p> PieceReader<'p> {
    /// `cells` is how many a row has.
    pub(crate) fn new(piece: &'p [u8], cells: usize) -> Self {
        Self { left: piece, nulls: 0, before: vec![""; cells], place: 0 }
    }

    /// True where every row was read.
    pub(crate) fn is_at_end(&self) -> bool {
        self.left.is_empty() && self.nulls == 0
    }

    /// The next cell; `None` where there is none.
    pub(crate) fn next_cell(&mut self) -> Option<Value<'p>> {
        let place = self.place;
        self.place = if place + 1 < self.before.len() { place + 1 } else { 0 };
        if let Some(nulls) = self.nulls.checked_sub(1) {
            self.nulls = nulls;
            return Some(Value::Null);
        }

        let [mark] = self.bytes()?;
        Some(match mark {
            mark::NULLS => {
                let [nulls] = self.bytes()?;
                self.nulls = nulls.checked_sub(1)?;
                Value::Null
            }
            mark::TEXT => {
                let length = usize::try_from(self.number()?).ok()?;
                let (text, left) = self.left.split_at_checked(length)?;
                self.left = left;
                let text = std::str::from_utf8(text).ok()?;
                *self.before.get_mut(place)? = text;
                Value::Text(text)
            }
            mark::SAME => Value::Text(self.before.get(place)?),
            mark::INTEGER => Value::Integer(self.signed()?),
            mark::NUMBER => Value::Number(f64::from_le_bytes(self.bytes()?)),
            mark::FALSE => Value::Truth(false),
            mark::TRUE => Value::Truth(true),
            mark::MONEY => Value::Money(self.signed()?.into()),
            mark::MUCH_MONEY => Value::Money(i128::from_le_bytes(self.bytes()?)),
            mark::DAY => Value::Day(i32::from_le_bytes(self.bytes()?)),
            mark::TIME => Value::Time(i64::from_le_bytes(self.bytes()?)),
            _ => return None,
        })
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, left) = self.left.split_first_chunk()?;
        self.left = left;
        Some(*bytes)
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(BITS as usize) {
            let [byte] = self.bytes()?;
            number |= u64::from(byte & !MORE) << shift;
            if byte & MORE == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use super::*;

    #[track_caller]
    fn check(rows: &[Vec<Value<'_>>]) -> usize {
        let mut packed = PackedRows::default();
        for row in rows {
            packed.push(row);
        }
        assert_eq!(packed.rows(), rows.len());
        let memory = packed.memory();

        let mut wanted = rows.iter();
        for piece in packed.into_pieces() {
            let mut reader = PieceReader::new(&piece, rows[0].len());
            while !reader.is_at_end() {
                for cell in wanted.next().unwrap() {
                    assert_eq!(reader.next_cell().unwrap(), *cell);
                }
            }
            assert_eq!(reader.next_cell(), None);
        }
        assert_eq!(wanted.next(), None);
        memory
    }

    #[test]
    fn cells_come_back_as_they_were() {
        let mut row = vec![Value::Text(""), Value::Text("é\0"), Value::Truth(true), Value::Truth(false)];
        for number in [0, 1, -1, 63, 64, -65, 1 << 40, i64::MAX, i64::MIN] {
            row.extend([Value::Integer(number), Value::Time(number), Value::Money(number.into())]);
            row.push(Value::Money(i128::from(number) << 60));
        }
        row.extend([Value::Number(-0.1), Value::Number(f64::MAX), Value::Day(-1), Value::Day(20_786)]);
        row.push(Value::Null);
        check(&[row.clone(), row]);
        check(&[vec![Value::Null; 600], vec![Value::Text("x"); 600], vec![Value::Null; 600]]);
    }

    #[test]
    fn text_that_is_repeated_comes_back() {
        let long = "y".repeat(LONGEST_REPEATED + 1);
        let mut rows = Vec::new();
        for number in 0..5000 {
            let text = ["a", "", "a", "b", &long][number / 3 % 5];
            let other = if number % 2 == 0 { Value::Null } else { Value::Text("c") };
            rows.push(vec![Value::Text(text), other, Value::Integer(7), Value::Text("once and for all")]);
        }
        let memory = check(&rows);
        assert!(memory < 5000 * 32, "{memory}");
    }

    #[test]
    fn a_row_takes_what_it_says() {
        let long = "x".repeat(1 << 20);
        let row = |text| [vec![Value::Text(text), Value::Integer(1000)], vec![Value::Null; 34]].concat();
        let memory = check(&vec![row("0123456789abcdef"); 10_000]);
        assert!(memory < 30 * 10_000, "{memory}");
        let memory = check(&[row("short"), row(&long), row("short")]);
        assert!(memory < (1 << 20) + (80 << 10), "{memory}");
    }

    #[test]
    fn a_piece_that_is_cut_ends() {
        let mut packed = PackedRows::default();
        packed.push(&[Value::Text("some text"), Value::Integer(i64::MAX), Value::Money(7), Value::Null]);
        let piece = packed.into_pieces().next().unwrap();
        for end in 0..piece.len() {
            let mut reader = PieceReader::new(&piece[..end], 4);
            let cells = std::iter::from_fn(|| reader.next_cell()).count();
            assert!(cells < 4, "{end}");
        }
    }
}
