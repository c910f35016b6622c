//! Root mean square norms, <https://arxiv.org/abs/1910.07467>, and sums of rows.

use crate::lanes::{Lanes, levels};

levels! {
    /// `output = input / sqrt(mean(input²) + epsilon) · weight`.
    ///
    /// Families whose weights lie around zero add the one when they load them.
    ///
    /// # Panics
    /// The three differ in length.
    pub fn rms_norm(input: &[f32], weight: &[f32], epsilon: f32, output: &mut [f32]) = rms_norm_with
}

levels! {
    /// As [`rms_norm`], in place.
    ///
    /// # Panics
    /// Both differ in length.
    pub fn rms_norm_in_place(values: &mut [f32], weight: &[f32], epsilon: f32) = rms_norm_in_place_with
}

levels! {
    /// `sums += addends`.
    ///
    /// # Panics
    /// Both differ in length.
    pub fn add(sums: &mut [f32], addends: &[f32]) = add_with
}

levels! {
    /// Multiplies every value by a factor.
    pub fn scale(values: &mut [f32], factor: f32) = scale_with
}

#[inline(always)]
fn rms_norm_with<L: Lanes>(input: &[f32], weight: &[f32], epsilon: f32, output: &mut [f32]) {
    assert!(input.len() == weight.len() && input.len() == output.len(), "one weight a value");
    let factor = inverse_rms::<L>(input, epsilon);

    for ((value, weight), output) in input.iter().zip(weight).zip(output) {
        *output = value * factor * weight;
    }
}

#[inline(always)]
fn rms_norm_in_place_with<L: Lanes>(values: &mut [f32], weight: &[f32], epsilon: f32) {
    assert_eq!(values.len(), weight.len(), "one weight a value");
    let factor = inverse_rms::<L>(values, epsilon);

    for (value, weight) in values.iter_mut().zip(weight) {
        *value *= factor * weight;
    }
}

#[inline(always)]
fn add_with<L: Lanes>(sums: &mut [f32], addends: &[f32]) {
    assert_eq!(sums.len(), addends.len(), "rows of one length");
    for (sum, addend) in sums.iter_mut().zip(addends) {
        *sum += addend;
    }
}

#[inline(always)]
fn scale_with<L: Lanes>(values: &mut [f32], factor: f32) {
    for value in values {
        *value *= factor;
    }
}

/// `1 / sqrt(mean(values²) + epsilon)`.
#[inline(always)]
fn inverse_rms<L: Lanes>(values: &[f32], epsilon: f32) -> f32 {
    // Four sums, since one would wait for each addition before it began the next.
    let mut sums = [L::splat(0.0); 4];
    let mut chunks = values.chunks_exact(4 * L::COUNT);
    for chunk in &mut chunks {
        for (i, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the chunk holds four vectors.
            let lanes = unsafe { L::load(chunk.as_ptr().add(i * L::COUNT)) };
            *sum = lanes.mul_add(lanes, *sum);
        }
    }

    let [a, b, c, d] = sums;
    let rest: f32 = chunks.remainder().iter().map(|value| value * value).sum();
    let total = a.add(b).add(c.add(d)).sum() + rest;
    1.0 / (total / values.len() as f32 + epsilon).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;

    #[test]
    fn norms_are_those_of_double_precision() {
        for isa in Isa::available() {
            for length in [1, 7, 16, 64, 100, 576, 640] {
                let input: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin() * 3.0 + 0.1).collect();
                let weight: Vec<f32> = (0..length).map(|i| 1.0 + (i as f32 * 0.3).cos()).collect();
                let mut output = vec![0.0; length];
                rms_norm(isa, &input, &weight, 1e-5, &mut output);

                let mean = input.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / length as f64;
                let factor = 1.0 / (mean + 1e-5).sqrt();
                for ((x, w), found) in input.iter().zip(&weight).zip(&output) {
                    let wanted = f64::from(*x) * factor * f64::from(*w);
                    assert!(
                        (f64::from(*found) - wanted).abs() < 2e-6 * wanted.abs().max(1.0),
                        "{isa:?} {length}"
                    );
                }

                let mut in_place = input.clone();
                rms_norm_in_place(isa, &mut in_place, &weight, 1e-5);
                for (a, b) in in_place.iter().zip(&output) {
                    assert!((a - b).abs() <= 1e-6 * b.abs().max(1.0), "{isa:?} {length}");
                }
            }
        }
    }

    #[test]
    fn rows_are_added_and_scaled() {
        for isa in Isa::available() {
            let mut sums = vec![1.0; 19];
            add(isa, &mut sums, &[0.5; 19]);
            scale(isa, &mut sums, 2.0);
            assert_eq!(sums, [3.0; 19]);
        }
    }
}
