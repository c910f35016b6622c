//! ln-probabilities in 16 bits.
//!
//! Codes divide the way from a floor, at most [`DEPTH`] nats below the most likely token, into equal steps: values
//! are off by at most half a step, 0.00025 nats, and by a step right below the most likely one, which no other
//! token equals. What lies deeper, with a probability below 2 · 10⁻¹⁴, is raised to the floor.

use std::io::{self, Read, Write};

/// How far below the most likely token codes reach, in nats.
pub(super) const DEPTH: f32 = 32.0;
/// The largest code; the most likely token stands one step above it.
const LARGEST_CODE: f32 = 65_534.0;

/// What every record begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    /// The most likely token.
    pub(super) top: u32,
    /// Its ln-probability.
    pub(super) top_value: f32,
    /// ln-probability of the text's own token.
    pub(super) own: f32,
    /// The least that a code can say.
    pub(super) floor: f32,
}

impl Head {
    /// The head of a row, whose floor is `lowest` or [`DEPTH`] below the top.
    pub(super) fn of(row: &[f32], target: u32, lowest: f32) -> Self {
        let mut top = (0_u32, f32::NEG_INFINITY);
        for (id, value) in (0_u32..).zip(row) {
            if *value > top.1 {
                top = (id, *value);
            }
        }
        let own = row.get(target as usize).copied().unwrap_or(f32::NAN);
        Self { top: top.0, top_value: top.1, own, floor: lowest.max(top.1 - DEPTH) }
    }

    pub(super) fn write(&self, file: &mut impl Write) -> io::Result<()> {
        file.write_all(&self.top.to_le_bytes())?;
        for value in [self.top_value, self.own, self.floor] {
            file.write_all(&value.to_le_bytes())?;
        }
        Ok(())
    }

    pub(super) fn read(file: &mut impl Read) -> io::Result<Self> {
        let [top, top_value, own, floor] =
            [read_u32(file)?, read_u32(file)?, read_u32(file)?, read_u32(file)?];
        let [top_value, own, floor] = [top_value, own, floor].map(f32::from_bits);
        Ok(Self { top, top_value, own, floor })
    }

    /// A value as its nearest code.
    pub(super) fn code(&self, value: f32) -> u16 {
        // A cast from float stops at the ends of u16, and takes 0 for the 0 ÷ 0 of equal probabilities.
        ((value - self.floor) / self.step()).round().min(LARGEST_CODE) as u16
    }

    /// The value that a code stands for.
    pub(super) fn value(&self, code: u16) -> f32 {
        self.floor + f32::from(code) * self.step()
    }

    fn step(&self) -> f32 {
        (self.top_value - self.floor) / (LARGEST_CODE + 1.0)
    }
}

pub(super) fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0_u8; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
