//! From logits to the likeliest token, and to ln-probabilities.

use crate::lanes::{Lanes, exp, levels};

levels! {
    /// The place of the largest value, the first of equals; `None` where a value is NaN or the largest is not finite.
    pub fn argmax(values: &[f32]) -> Option<usize> = argmax_with
}

levels! {
    /// Turns logits into ln-probabilities, in place: ln p = x − max − ln Σ exp(x − max).
    ///
    /// Returns false, and leaves the row in no particular state, where a logit is NaN or the largest is not finite.
    #[must_use]
    pub fn log_softmax(row: &mut [f32]) -> bool = log_softmax_with
}

#[inline(always)]
fn argmax_with<L: Lanes>(values: &[f32]) -> Option<usize> {
    /// Values that are searched together for the largest.
    const PART: usize = 256;

    let largest = sound_maximum::<L>(values)?;
    for (index, part) in values.chunks(PART).enumerate() {
        // Without an early exit, so that the compiler makes vectors of it.
        let found = part.iter().fold(false, |found, value| found | (*value >= largest));
        if found {
            return part.iter().position(|value| *value >= largest).map(|place| index * PART + place);
        }
    }
    None
}

#[inline(always)]
fn log_softmax_with<L: Lanes>(row: &mut [f32]) -> bool {
    /// Terms that are summed in single precision before they go to the sum in double precision.
    const PART: usize = 512;

    let Some(largest) = sound_maximum::<L>(row) else { return false };
    let shift = L::splat(largest);

    let mut total = 0.0_f64;
    for part in row.chunks(PART) {
        let mut sums = [L::splat(0.0); 2];
        let mut chunks = part.chunks_exact(2 * L::COUNT);
        for chunk in &mut chunks {
            for (i, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the chunk holds two vectors.
                let lanes = unsafe { L::load(chunk.as_ptr().add(i * L::COUNT)) };
                *sum = sum.add(exp(lanes.sub(shift)));
            }
        }
        let [a, b] = sums;
        total += f64::from(a.add(b).sum());
        for value in chunks.remainder() {
            total += f64::from(value - largest).exp();
        }
    }

    let shift = f64::from(largest) + total.ln();
    for value in row.iter_mut() {
        *value = (f64::from(*value) - shift) as f32;
    }
    shift.is_finite()
}

/// The largest value, unless a value is NaN or the largest is not finite.
#[inline(always)]
fn sound_maximum<L: Lanes>(values: &[f32]) -> Option<f32> {
    let mut maxima = [L::splat(f32::NEG_INFINITY); 2];
    let mut damage = L::splat(0.0);

    let mut chunks = values.chunks_exact(2 * L::COUNT);
    for chunk in &mut chunks {
        for (i, maximum) in maxima.iter_mut().enumerate() {
            // SAFETY: the chunk holds two vectors.
            let lanes = unsafe { L::load(chunk.as_ptr().add(i * L::COUNT)) };
            *maximum = lanes.max(*maximum);
            damage = damage.or_nan(lanes);
        }
    }

    let rest = chunks.remainder();
    let damaged = damage.to_array().iter().chain(rest).any(|value| value.is_nan());
    let [a, b] = maxima;
    let largest = rest.iter().fold(a.max(b).largest(), |largest, value| largest.max(*value));
    (!damaged && largest.is_finite()).then_some(largest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    fn scattered(length: usize) -> Vec<f32> {
        (0..length).map(|i| ((i * 7919) % 10_007) as f32 / 700.0 - 5.0).collect()
    }

    #[test]
    fn the_first_of_the_largest_is_found() {
        for isa in Isa::available() {
            for length in [1, 2, 15, 16, 17, 31, 32, 33, 255, 256, 257, 49_152] {
                let mut values = scattered(length);
                for place in [0, length / 3, length / 2, length - 1] {
                    values[place] = 100.0;
                    values[length - 1] = 100.0;
                    assert_eq!(argmax(isa, &values), Some(place), "{isa:?} {length}");
                    values = scattered(length);
                }
            }
        }
    }

    #[test]
    fn damage_is_found_anywhere() {
        for isa in Isa::available() {
            for length in [1, 16, 33, 300] {
                for place in 0..length {
                    for bad in [f32::NAN, f32::INFINITY] {
                        let mut values = scattered(length);
                        values[place] = bad;
                        assert_eq!(argmax(isa, &values), None, "{isa:?} {length} {place} {bad}");
                        assert!(!log_softmax(isa, &mut values), "{isa:?} {length} {place} {bad}");
                    }
                }
            }
            assert_eq!(argmax(isa, &[f32::NEG_INFINITY; 40]), None);
            assert_eq!(argmax(isa, &[f32::NEG_INFINITY, -5.0]), Some(1));
            assert_eq!(argmax(isa, &[]), None);
        }
    }

    #[test]
    fn ln_probabilities_are_those_of_double_precision() {
        for isa in Isa::available() {
            for length in [1, 3, 31, 64, 1000, 49_152] {
                let logits = scattered(length);
                let mut row = logits.clone();
                assert!(log_softmax(isa, &mut row));

                let largest = logits.iter().fold(f64::NEG_INFINITY, |largest, x| largest.max(f64::from(*x)));
                let sum: f64 = logits.iter().map(|x| (f64::from(*x) - largest).exp()).sum();
                for (x, found) in logits.iter().zip(&row) {
                    let wanted = f64::from(*x) - largest - sum.ln();
                    assert!(
                        (f64::from(*found) - wanted).abs() < 1e-6 * wanted.abs().max(1.0),
                        "{isa:?} {length}"
                    );
                }
            }
        }
    }
}
