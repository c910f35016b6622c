//! One piece of a product, as every level of instructions takes it.

use crate::{Activations, Output, PackedMatrix};

/// A checked product: some panels, some tokens, and where the result goes.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) matrix: &'a PackedMatrix,
    pub(crate) activations: &'a Activations,
    pub(crate) first_token: usize,
    pub(crate) tokens: usize,
    pub(crate) out: &'a Output<'a>,
}
