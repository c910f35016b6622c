//! Inputs of products, rounded once for all matrices that take them in the same form.
//!
//! Rounding follows llama.cpp's rules, type by type, because the loss that a quantized model shows depends on them:
//! blocks of 256 in place of 32 raise the KL divergence of Q8_0 by a third.

use crate::buffer::AlignedBuffer;
use crate::{Isa, rounding};

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
pub(crate) const MAGIC: f32 = 12_582_912.0;

/// The bits of [`MAGIC`].
pub(crate) const MAGIC_BITS: i32 = MAGIC.to_bits().cast_signed();

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
    /// Where integer sums start, so that a zero point needs no instruction. In blocks of 32: bits of [`MAGIC`] less
    /// 8, 16 and 128 times the sum of codes, one part of the buffer after the other; in blocks of 256: less 32 times
    /// the sum of 16 codes.
    pub(crate) starts: AlignedBuffer<i32>,
    /// `-MAGIC` times the scale, exact because that has 11 bits; in blocks of 32.
    pub(crate) offsets: AlignedBuffer<f32>,
}

/// Zero points that `starts` holds in blocks of 32, in order.
pub(crate) const ZERO_POINTS: [i32; 3] = [8, 16, 128];

impl Activations {
    /// Room for `max_tokens` rows of `columns`.
    ///
    /// # Panics
    /// `columns` is no multiple of the form's block, or the processor lacks the level.
    #[must_use]
    pub fn new(isa: Isa, form: ActivationForm, max_tokens: usize, columns: usize) -> Self {
        assert!(isa.is_available(), "a level that the processor has");
        assert!(columns.is_multiple_of(form.block_elements()), "rows of whole blocks");

        let elements = max_tokens * columns;
        let blocks = elements / 32;

        let [floats, codes, scales, sums, code_sums, starts, offsets] = match form {
            ActivationForm::Float => [elements, 0, 0, 0, 0, 0, 0],
            ActivationForm::Q8Block32 => [0, elements, blocks, blocks, blocks, 3 * blocks, blocks],
            ActivationForm::Q8Block256 => [0, elements, blocks / 8, blocks, 2 * blocks, 2 * blocks, 0],
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
            starts: AlignedBuffer::zeroed(starts),
            offsets: AlignedBuffer::zeroed(offsets),
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
        let blocks = self.code_sums.len();
        let one = block..block + 1;
        // SAFETY: the caller's promise.
        let codes = unsafe { self.codes.part_mut(block * 32..block * 32 + 32) };

        let (scale, total) = match self.isa {
            // SAFETY: the level was detected; `values` and `codes` are 32 long.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { rounding::avx512::quantize_32(values.as_ptr(), codes.as_mut_ptr()) },
            _ => rounding::quantize_32(values, codes),
        };

        // SAFETY: the caller's promise, for the numbers of the same block.
        unsafe {
            self.scales.part_mut(one.clone()).fill(scale);
            self.sums.part_mut(one.clone()).fill(scale * total as f32);
            self.offsets.part_mut(one.clone()).fill(-MAGIC * scale);
            self.code_sums.part_mut(one).fill(total);
            for (part, zero) in ZERO_POINTS.into_iter().enumerate() {
                let start = part * blocks + block;
                self.starts.part_mut(start..start + 1).fill(MAGIC_BITS - zero * total);
            }
        }
    }

    /// # Safety
    /// Nobody else uses this block.
    unsafe fn fill_256(&self, block: usize, values: &[f32]) {
        // SAFETY: the caller's promise.
        let (codes, scale, sums, code_sums, starts) = unsafe {
            (
                self.codes.part_mut(block * 256..block * 256 + 256),
                self.scales.part_mut(block..block + 1),
                self.sums.part_mut(block * 8..block * 8 + 8),
                self.code_sums.part_mut(block * 16..block * 16 + 16),
                self.starts.part_mut(block * 16..block * 16 + 16),
            )
        };

        let mut code_sums_16 = [0; 16];
        scale.fill(match self.isa {
            // SAFETY: the level was detected; `values` and `codes` are 256 long.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe {
                rounding::avx512::quantize_256(values.as_ptr(), codes.as_mut_ptr(), &mut code_sums_16)
            },
            _ => rounding::quantize_256(values, codes, &mut code_sums_16),
        });

        code_sums.copy_from_slice(&code_sums_16);
        for (start, sum) in starts.iter_mut().zip(code_sums_16) {
            *start = -32 * sum;
        }
        for (sum, pair) in sums.iter_mut().zip(code_sums.chunks_exact(2)) {
            *sum = pair.iter().sum::<i32>() as f32;
        }
    }

    /// A token's activations as products see them: codes times scales.
    ///
    /// # Panics
    /// There is no room for such a token, or `row` is not as long as one.
    pub fn row_as_f32(&self, token: usize, row: &mut [f32]) {
        assert!(token < self.max_tokens && row.len() == self.columns, "a row of the activations");
        let first = token * self.columns;

        if self.form == ActivationForm::Float {
            for (value, float) in row.iter_mut().zip(self.floats.as_slice().iter().skip(first)) {
                *value = *float;
            }
            return;
        }

        let block = self.form.block_elements();
        let scales = self.scales.as_slice().iter().skip(first / block);
        let codes = self.codes.as_slice().get(first..).unwrap_or(&[]).chunks(block);
        for ((values, codes), scale) in row.chunks_mut(block).zip(codes).zip(scales) {
            for (value, code) in values.iter_mut().zip(codes) {
                *value = f32::from(*code) * scale;
            }
        }
    }

    /// The level that fills the rows.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }
}
