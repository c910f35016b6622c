//! A whole distribution: a code for each token of the vocabulary.

use std::io::{self, Read, Write};

use super::codes::Head;

/// Writes a row of ln-probabilities; that of `target`, the token that follows, and the largest stay exact.
pub(super) fn write(file: &mut dyn Write, row: &[f32], target: u32) -> io::Result<()> {
    let mut file = file;
    let head = Head::of(row, target, row.iter().copied().fold(f32::INFINITY, f32::min));
    head.write(&mut file)?;
    let codes: Vec<u8> = row.iter().flat_map(|value| head.code(*value).to_le_bytes()).collect();
    file.write_all(&codes)
}

/// Reads a row of `vocabulary` ln-probabilities.
pub(super) fn read(file: &mut impl Read, vocabulary: usize, target: u32) -> io::Result<Vec<f32>> {
    let head = Head::read(file)?;
    let mut codes = vec![0_u8; 2 * vocabulary];
    file.read_exact(&mut codes)?;
    let mut row: Vec<f32> =
        codes.as_chunks().0.iter().map(|code| head.value(u16::from_le_bytes(*code))).collect();
    for (id, value) in [(target, head.own), (head.top, head.top_value)] {
        if let Some(place) = row.get_mut(id as usize) {
            *place = value;
        }
    }
    Ok(row)
}
