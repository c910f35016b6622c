//! Rotary position encoding, <https://arxiv.org/abs/2104.09864>.

use crate::Isa;
use crate::lanes::{Lanes, levels};

/// Elements of a head that rotate together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairing {
    /// Element `i` with `i + n/2`.
    Halves,
    /// Element `2i` with `2i + 1`.
    Neighbors,
}

/// Sines and cosines for the positions seen so far.
#[derive(Clone, Debug)]
pub struct RotaryTable {
    frequencies: Vec<f64>,
    magnitude: f64,
    pairing: Pairing,
    cosines: Vec<f32>,
    sines: Vec<f32>,
    positions: usize,
}

impl RotaryTable {
    /// Rows of the first extension.
    const FIRST_POSITIONS: usize = 256;

    /// A table without rows. `frequencies` are radians a position, one for each pair; `magnitude` multiplies sines and
    /// cosines.
    #[must_use]
    pub fn new(frequencies: Vec<f64>, magnitude: f64, pairing: Pairing) -> Self {
        Self { frequencies, magnitude, pairing, cosines: Vec::new(), sines: Vec::new(), positions: 0 }
    }

    /// Leading elements of a head that rotate; those behind them are left alone.
    #[must_use]
    pub fn rotated_width(&self) -> usize {
        2 * self.frequencies.len()
    }

    /// Extends the table to at least `positions` rows.
    pub fn extend(&mut self, positions: usize) {
        if positions <= self.positions {
            return;
        }
        let positions = positions.next_power_of_two().max(Self::FIRST_POSITIONS);

        for position in self.positions..positions {
            for frequency in &self.frequencies {
                // In double precision: at position 100,000 a single-precision angle is off by up to 0.004.
                let (sine, cosine) = (position as f64 * frequency).sin_cos();
                self.cosines.push((cosine * self.magnitude) as f32);
                self.sines.push((sine * self.magnitude) as f32);
            }
        }
        self.positions = positions;
    }

    /// Rotates heads that lie side by side, each `head_width` long, in place.
    ///
    /// # Panics
    /// The table does not reach `position`, or a head is shorter than what rotates.
    pub fn rotate(&self, isa: Isa, heads: &mut [f32], head_width: usize, position: usize) {
        let pairs = self.frequencies.len();
        assert!(position < self.positions, "the table reaches the position");
        assert!(2 * pairs <= head_width, "heads hold what rotates");
        let row = position * pairs..(position + 1) * pairs;
        let (cosines, sines) = (&self.cosines[row.clone()], &self.sines[row]);

        for head in heads.chunks_exact_mut(head_width) {
            match self.pairing {
                Pairing::Halves => {
                    let (first, rest) = head.split_at_mut(pairs);
                    rotate_halves(isa, first, &mut rest[..pairs], cosines, sines);
                }
                Pairing::Neighbors => rotate_neighbors(isa, &mut head[..2 * pairs], cosines, sines),
            }
        }
    }
}

levels! {
    fn rotate_halves(first: &mut [f32], second: &mut [f32], cosines: &[f32], sines: &[f32]) = rotate_halves_with
}

levels! {
    fn rotate_neighbors(pairs: &mut [f32], cosines: &[f32], sines: &[f32]) = rotate_neighbors_with
}

#[inline(always)]
fn rotate_halves_with<L: Lanes>(first: &mut [f32], second: &mut [f32], cosines: &[f32], sines: &[f32]) {
    for (((a, b), cosine), sine) in first.iter_mut().zip(second).zip(cosines).zip(sines) {
        (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
    }
}

#[inline(always)]
fn rotate_neighbors_with<L: Lanes>(pairs: &mut [f32], cosines: &[f32], sines: &[f32]) {
    for ((pair, cosine), sine) in pairs.chunks_exact_mut(2).zip(cosines).zip(sines) {
        if let [a, b] = pair {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_rotate_by_position_times_frequency() {
        let frequencies = vec![1.0, 0.5, 0.01, 0.25, 0.125];
        for isa in Isa::available() {
            for pairing in [Pairing::Halves, Pairing::Neighbors] {
                let mut table = RotaryTable::new(frequencies.clone(), 1.5, pairing);
                table.extend(301);
                let head: Vec<f32> = (0..13).map(|i| (i as f32).sin()).collect();
                let mut heads = head.repeat(2);
                table.rotate(isa, &mut heads, 13, 300);

                for (pair, frequency) in frequencies.iter().enumerate() {
                    let (i, j) = match pairing {
                        Pairing::Halves => (pair, pair + 5),
                        Pairing::Neighbors => (2 * pair, 2 * pair + 1),
                    };
                    let (sine, cosine) = (300.0 * frequency).sin_cos();
                    let (a, b) = (f64::from(head[i]), f64::from(head[j]));
                    for (place, wanted) in [(i, a * cosine - b * sine), (j, b * cosine + a * sine)] {
                        for copy in [place, place + 13] {
                            let found = f64::from(heads[copy]);
                            assert!((found - 1.5 * wanted).abs() < 1e-6, "{isa:?} {pairing:?} {copy}");
                        }
                    }
                }
                assert_eq!(&heads[10..13], &head[10..], "what does not rotate stays");
            }
        }
    }
}
