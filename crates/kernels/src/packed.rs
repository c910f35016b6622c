//! Weight matrices in the order in which kernels read them.

use crate::buffer::AlignedBuffer;
use crate::layout::Layout;
use crate::packing::pack_row;
use crate::panel::decode_lane;
use crate::{Isa, PANEL_ROWS, WeightType};

/// Why a matrix cannot be packed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Rows are no whole number of blocks.
    #[error("rows of {columns} elements are no whole number of {weight_type} blocks of {block}")]
    Columns {
        /// Elements of a row.
        columns: usize,
        /// The encoding.
        weight_type: &'static str,
        /// Elements of a block.
        block: usize,
    },
    /// The bytes are not those of the shape.
    #[error("{rows} rows of {columns} elements of {weight_type} take {needed} bytes, not {given}")]
    Length {
        /// Rows.
        rows: usize,
        /// Elements of a row.
        columns: usize,
        /// The encoding.
        weight_type: &'static str,
        /// Bytes of such a matrix.
        needed: u128,
        /// Bytes given.
        given: usize,
    },
}

/// A weight matrix, packed for a level of instructions.
pub struct PackedMatrix {
    pub(crate) isa: Isa,
    pub(crate) weight_type: WeightType,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) layout: Layout,
    pub(crate) memory: AlignedBuffer<u8>,
}

impl PackedMatrix {
    /// Packs a matrix as its file holds it, row by row.
    ///
    /// Scales may be anything: products with a NaN or an infinity among them are not finite.
    ///
    /// # Errors
    /// The shape does not fit the encoding or the bytes.
    ///
    /// # Panics
    /// The processor lacks the level, which [`Isa::from_environment`] never answers.
    pub fn pack(
        isa: Isa,
        weight_type: WeightType,
        rows: usize,
        columns: usize,
        bytes: &[u8],
    ) -> Result<Self, PackError> {
        assert!(isa.is_available(), "a level that the processor has");
        let row_bytes = weight_type.row_bytes(columns).ok_or(PackError::Columns {
            columns,
            weight_type: weight_type.name(),
            block: weight_type.block_elements(),
        })?;

        let needed = row_bytes as u128 * rows as u128;
        if needed != bytes.len() as u128 {
            let weight_type = weight_type.name();
            return Err(PackError::Length { rows, columns, weight_type, needed, given: bytes.len() });
        }

        let layout = Layout::new(weight_type, columns);
        let mut memory = AlignedBuffer::of_weights(layout.panel * rows.div_ceil(PANEL_ROWS));
        if row_bytes > 0 {
            let panels = memory.as_mut_slice().chunks_exact_mut(layout.panel);
            for (panel, rows) in panels.zip(bytes.chunks(row_bytes * PANEL_ROWS)) {
                for (lane, row) in rows.chunks_exact(row_bytes).enumerate() {
                    pack_row(weight_type, &layout, row, lane, panel);
                }
            }
        }
        Ok(Self { isa, weight_type, rows, columns, layout, memory })
    }

    /// Outputs of a product.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs of a product.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Groups of [`PANEL_ROWS`] rows, the last of which may be shorter: the pieces of work of a product.
    #[must_use]
    pub fn panels(&self) -> usize {
        self.rows.div_ceil(PANEL_ROWS)
    }

    /// The encoding.
    #[must_use]
    pub fn weight_type(&self) -> WeightType {
        self.weight_type
    }

    /// The level it is packed for.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Bytes that the packed weights take.
    #[must_use]
    pub fn bytes_in_memory(&self) -> usize {
        self.memory.len()
    }

    /// The elements of a row, exactly as [`decode_row`](crate::decode_row) gives them.
    ///
    /// # Panics
    /// There is no such row, or `row` is not as long as one.
    pub fn row_as_f32(&self, index: usize, row: &mut [f32]) {
        assert!(index < self.rows && row.len() == self.columns, "a row of the matrix");
        if self.columns > 0 {
            let start = index / PANEL_ROWS * self.layout.panel;
            let panel = self.memory.as_slice().get(start..start + self.layout.panel).unwrap_or(&[]);
            decode_lane(self.weight_type, &self.layout, panel, index % PANEL_ROWS, row);
        }
    }

    /// The bytes of a panel.
    pub(crate) fn panel(&self, index: usize) -> &[u8] {
        self.memory.as_slice().get(index * self.layout.panel..(index + 1) * self.layout.panel).unwrap_or(&[])
    }
}
