//! Matrices that share their input and fill one row side by side, and that input in every form they take.

use std::sync::Arc;

use crate::{ActivationForm, Activations, Isa, PackedMatrix};

/// Matrices that are multiplied with the same input, such as those of queries, keys and values.
///
/// They may differ in encoding. The first fills the first columns of a result, the next those behind it.
pub struct Projection {
    parts: Vec<Part>,
    rows: usize,
    columns: usize,
}

/// One matrix of a projection.
pub(crate) struct Part {
    pub(crate) matrix: Arc<PackedMatrix>,
    /// Column of the result of its first row.
    pub(crate) column: usize,
    /// The form of its input.
    pub(crate) form: ActivationForm,
}

impl Projection {
    /// The matrices, in the order of their results.
    ///
    /// # Panics
    /// They differ in width.
    #[must_use]
    pub fn new(matrices: impl IntoIterator<Item = Arc<PackedMatrix>>) -> Self {
        let mut projection = Self { parts: Vec::new(), rows: 0, columns: 0 };
        for matrix in matrices {
            assert!(projection.parts.is_empty() || matrix.columns() == projection.columns, "one input");

            let form = matrix.weight_type().activation_form(matrix.isa());
            let column = projection.rows;
            projection.rows += matrix.rows();
            projection.columns = matrix.columns();
            projection.parts.push(Part { matrix, column, form });
        }
        projection
    }

    /// Outputs for each token.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs for each token.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Bytes that the packed weights take.
    #[must_use]
    pub fn bytes_in_memory(&self) -> usize {
        self.parts.iter().map(|part| part.matrix.bytes_in_memory()).sum()
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn takes(&self, form: ActivationForm) -> bool {
        self.parts.iter().any(|part| part.form == form)
    }
}

/// The input of projections, in each form that one of them takes.
pub struct Inputs {
    forms: Vec<Activations>,
    columns: usize,
}

impl Inputs {
    /// Room for `tokens` tokens, in the forms of the given projections, which are of one width.
    ///
    /// # Panics
    /// They differ in width.
    #[must_use]
    pub fn new<'a>(isa: Isa, tokens: usize, projections: impl IntoIterator<Item = &'a Projection>) -> Self {
        let mut inputs = Self { forms: Vec::new(), columns: 0 };
        for projection in projections {
            assert!(inputs.columns == 0 || inputs.columns == projection.columns, "one width");
            inputs.columns = projection.columns;
            for part in &projection.parts {
                if inputs.of_form(part.form).is_none() {
                    inputs.forms.push(Activations::new(isa, part.form, tokens, projection.columns));
                }
            }
        }
        inputs
    }

    pub(crate) fn of_form(&self, form: ActivationForm) -> Option<&Activations> {
        self.forms.iter().find(|input| input.form() == form)
    }

    pub(crate) fn forms(&self) -> &[Activations] {
        &self.forms
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }
}
