//! The likelier tokens of a distribution, and the mass of all others.

use std::io::{self, Read, Write};

use infercost_analyzer::kept_divergence::KeptRow;

use super::codes::{DEPTH, Head, read_u32};

/// The mass that may be left out. Where the candidate's unlikeliest token lies 30 nats deep, a divergence is known
/// to about 0.00002 nats.
const LEFT_OUT: f64 = 1e-6;
/// Buckets to a nat, in which the tail's mass is summed up.
const BUCKETS_PER_NAT: f32 = 16.0;

/// Writes the fewest tokens, to a sixteenth of a nat, that leave no more than [`LEFT_OUT`].
pub(super) fn write(file: &mut dyn Write, row: &[f32], target: u32) -> io::Result<()> {
    let mut file = file;
    let head = Head::of(row, target, f32::NEG_INFINITY);
    let bucket = |value: f32| ((head.top_value - value) * BUCKETS_PER_NAT) as usize;
    let mut masses = vec![0.0_f64; (DEPTH * BUCKETS_PER_NAT) as usize];
    let deepest = masses.len() - 1;
    for value in row {
        if let Some(mass) = masses.get_mut(bucket(*value).min(deepest)) {
            *mass += f64::from(*value).exp();
        }
    }

    // The deepest bucket is always left out: codes do not reach what is in it.
    let (mut tail, mut first_left_out) = (masses.last().copied().unwrap_or(0.0), deepest);
    for (index, mass) in masses.iter().enumerate().take(deepest).skip(1).rev() {
        if tail + mass > LEFT_OUT {
            break;
        }
        tail += mass;
        first_left_out = index;
    }

    let kept: Vec<(u32, f32)> =
        (0_u32..).zip(row.iter().copied()).filter(|(_, value)| bucket(*value) < first_left_out).collect();
    let floor = kept.iter().map(|(_, value)| *value).fold(f32::INFINITY, f32::min);
    let head = Head { floor, ..head };
    head.write(&mut file)?;
    file.write_all(&tail.to_le_bytes())?;
    file.write_all(&u32::try_from(kept.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    let mut bytes = Vec::with_capacity(6 * kept.len());
    for (id, _) in &kept {
        bytes.extend_from_slice(&id.to_le_bytes());
    }

    for (_, value) in &kept {
        bytes.extend_from_slice(&head.code(*value).to_le_bytes());
    }

    file.write_all(&bytes)
}

/// Reads a row; refuses more tokens than the vocabulary has, and ids that do not ascend.
pub(super) fn read(file: &mut impl Read, vocabulary: usize) -> io::Result<KeptRow> {
    let head = Head::read(file)?;
    let mut tail = [0_u8; 8];
    file.read_exact(&mut tail)?;
    let tail = f64::from_le_bytes(tail);
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let count = usize::try_from(read_u32(file)?).map_err(|_| damaged())?;
    if count > vocabulary || !(0.0..=1.0).contains(&tail) {
        return Err(damaged());
    }

    let mut bytes = vec![0_u8; 6 * count];
    file.read_exact(&mut bytes)?;
    let (ids, codes) = bytes.split_at(4 * count);
    let tokens: Vec<u32> = ids.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id)).collect();
    if !tokens.is_sorted_by(|a, b| a < b) || tokens.last().is_some_and(|id| *id as usize >= vocabulary) {
        return Err(damaged());
    }

    let ln_p = tokens.iter().zip(codes.as_chunks().0).map(|(id, code)| {
        if *id == head.top { head.top_value } else { head.value(u16::from_le_bytes(*code)) }
    });

    Ok(KeptRow { ln_p: ln_p.collect(), tokens, top: head.top, target_ln_p: head.own, tail })
}
