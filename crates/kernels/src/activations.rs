//! Inputs of products, rounded once for all matrices that take them in the same form.
//!
//! Rounding follows llama.cpp's rules, type by type, because the loss that a quantized model shows depends on them:
//! blocks of 256 in place of 32 raise the KL divergence of Q8_0 by a third.

use half::f16;

use crate::Isa;
use crate::buffer::AlignedBuffer;

/// How activations are held for a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActivationForm {
    /// Single precision.
    Float,
    /// 8-bit codes in blocks of 32, for weights in blocks of 32.
    Q8Block32,
    /// 8-bit codes in blocks of 256, for weights in blocks of 256.
    Q8Block256,
}

impl ActivationForm {
    /// Elements that share a scale.
    #[must_use]
    pub fn block_elements(self) -> usize {
        match self {
            Self::Float => 1,
            Self::Q8Block32 => 32,
            Self::Q8Block256 => 256,
        }
    }
}

/// `1.5 * 2^23`: a float of at least this size and below `2^24` holds an integer in its lower bits.
///
/// An integer sum that starts at these bits is, read as a float, `MAGIC + sum`: no conversion is needed.
#[allow(dead_code)]
pub(crate) const MAGIC: f32 = 12_582_912.0;

/// One input of `tokens x columns`, in one form.
///
/// The memory is allocated once. Rows of different tokens can be filled by different threads.
pub struct Activations {
    isa: Isa,
    form: ActivationForm,
    columns: usize,
    max_tokens: usize,
    pub(crate) floats: AlignedBuffer<f32>,
    pub(crate) codes: AlignedBuffer<i8>,
    /// One a block.
    pub(crate) scales: AlignedBuffer<f32>,
    /// Scale times sum of codes, one for 32 elements; without the scale in blocks of 256.
    pub(crate) sums: AlignedBuffer<f32>,
    /// Sums of codes: one for 32 elements, or for 16 in blocks of 256.
    pub(crate) code_sums: AlignedBuffer<i32>,
}

impl Activations {
    /// Room for `max_tokens` rows of `columns`.
    ///
    /// # Panics
    /// `columns` is no multiple of the form's block.
    #[must_use]
    pub fn new(isa: Isa, form: ActivationForm, max_tokens: usize, columns: usize) -> Self {
        assert!(columns.is_multiple_of(form.block_elements()), "rows of whole blocks");
        let elements = max_tokens * columns;
        let [floats, codes, scales, sums, code_sums] = match form {
            ActivationForm::Float => [elements, 0, 0, 0, 0],
            ActivationForm::Q8Block32 => [0, elements, elements / 32, elements / 32, elements / 32],
            ActivationForm::Q8Block256 => [0, elements, elements / 256, elements / 32, elements / 16],
        };
        Self {
            isa,
            form,
            columns,
            max_tokens,
            floats: AlignedBuffer::zeroed(floats),
            codes: AlignedBuffer::zeroed(codes),
            scales: AlignedBuffer::zeroed(scales),
            sums: AlignedBuffer::zeroed(sums),
            code_sums: AlignedBuffer::zeroed(code_sums),
        }
    }

    /// The form they are held in.
    #[must_use]
    pub fn form(&self) -> ActivationForm {
        self.form
    }

    /// Elements of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows there is room for.
    #[must_use]
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Takes in whole rows, from token `first_token` on.
    ///
    /// # Panics
    /// `rows` is no whole number of rows, or more than there is room for.
    pub fn fill(&mut self, first_token: usize, rows: &[f32]) {
        // SAFETY: `&mut self` excludes all other uses.
        unsafe { self.fill_shared(first_token, rows) }
    }

    /// Takes in whole rows, while other threads take in others.
    ///
    /// # Safety
    /// Nobody else reads or fills these tokens meanwhile.
    ///
    /// # Panics
    /// `rows` is no whole number of rows, or more than there is room for.
    pub unsafe fn fill_shared(&self, first_token: usize, rows: &[f32]) {
        let Some(tokens) = rows.len().checked_div(self.columns) else { return };
        assert_eq!(tokens * self.columns, rows.len(), "whole rows");
        assert!(
            first_token <= self.max_tokens && tokens <= self.max_tokens - first_token,
            "room for all tokens"
        );

        let first = first_token * self.columns;
        match self.form {
            ActivationForm::Float => {
                // SAFETY: the caller promises that nobody else uses these tokens.
                unsafe { self.floats.part_mut(first..first + rows.len()) }.copy_from_slice(rows);
            }
            ActivationForm::Q8Block32 => {
                for (i, values) in rows.chunks_exact(32).enumerate() {
                    // SAFETY: as above; the block is one of these tokens'.
                    unsafe { self.fill_32(first / 32 + i, values) };
                }
            }
            ActivationForm::Q8Block256 => {
                for (i, values) in rows.chunks_exact(256).enumerate() {
                    // SAFETY: as above.
                    unsafe { self.fill_256(first / 256 + i, values) };
                }
            }
        }
    }

    /// # Safety
    /// Nobody else uses this block.
    unsafe fn fill_32(&self, block: usize, values: &[f32]) {
        // SAFETY: the caller's promise.
        let (codes, scale, sum, code_sum) = unsafe {
            (
                self.codes.part_mut(block * 32..block * 32 + 32),
                self.scales.part_mut(block..block + 1),
                self.sums.part_mut(block..block + 1),
                self.code_sums.part_mut(block..block + 1),
            )
        };

        let d = quantize_32(values, codes);
        let total: i32 = codes.iter().map(|code| i32::from(*code)).sum();

        scale.fill(d);
        sum.fill(d * total as f32);
        code_sum.fill(total);
    }

    /// # Safety
    /// Nobody else uses this block.
    unsafe fn fill_256(&self, block: usize, values: &[f32]) {
        // SAFETY: the caller's promise.
        let (codes, scale, sums, code_sums) = unsafe {
            (
                self.codes.part_mut(block * 256..block * 256 + 256),
                self.scales.part_mut(block..block + 1),
                self.sums.part_mut(block * 8..block * 8 + 8),
                self.code_sums.part_mut(block * 16..block * 16 + 16),
            )
        };

        scale.fill(quantize_256(values, codes));
        for (sum, codes) in code_sums.iter_mut().zip(codes.chunks_exact(16)) {
            *sum = codes.iter().map(|code| i32::from(*code)).sum();
        }
        for (sum, pair) in sums.iter_mut().zip(code_sums.chunks_exact(2)) {
            *sum = pair.iter().sum::<i32>() as f32;
        }
    }

    /// The level that fills the rows.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }
}

/// Codes of 32 values and their scale: the largest magnitude becomes 127, the scale is kept in half precision.
pub(crate) fn quantize_32(values: &[f32], codes: &mut [i8]) -> f32 {
    let largest = values
        .iter()
        .fold(0.0f32, |largest, value| if value.abs() > largest { value.abs() } else { largest });
    let inverse = if largest == 0.0 { 0.0 } else { 127.0 / largest };

    for (code, value) in codes.iter_mut().zip(values) {
        *code = (value * inverse).round_ties_even() as i8;
    }
    if values.iter().any(|value| value.is_nan()) { f32::NAN } else { f16::from_f32(largest / 127.0).to_f32() }
}

/// Codes of 256 values and their scale: the value of largest magnitude becomes -127.
pub(crate) fn quantize_256(values: &[f32], codes: &mut [i8]) -> f32 {
    let extreme = values
        .iter()
        .fold(0.0f32, |extreme, value| if value.abs() > extreme.abs() { *value } else { extreme });
    if values.iter().any(|value| value.is_nan()) {
        codes.fill(0);
        return f32::NAN;
    }
    if extreme == 0.0 {
        codes.fill(0);
        return 0.0;
    }

    let inverse = -127.0 / extreme;
    for (code, value) in codes.iter_mut().zip(values) {
        *code = (inverse * value).round_ties_even().min(127.0) as i8;
    }
    1.0 / inverse
}
