//! Keys and values of the tokens seen so far.

use candle_core::{DType, Device, Tensor};

/// One buffer of keys and one of values a layer, growing in steps up to the context length.
#[derive(Debug)]
pub(crate) struct KvCache {
    layers: Vec<LayerCache>,
    length: usize,
    capacity: usize,
    shape: KvShape,
}

/// What the size of the cache follows from.
#[derive(Clone, Debug)]
pub(crate) struct KvShape {
    pub(crate) kv_heads: usize,
    pub(crate) head_width: usize,
    pub(crate) context_length: usize,
    pub(crate) dtype: DType,
    pub(crate) device: Device,
}

impl KvShape {
    /// A buffer for `capacity` tokens that begins with the first `kept` of an old one.
    fn grown(&self, capacity: usize, kept: usize, old: Option<&Tensor>) -> candle_core::Result<Tensor> {
        let new = Tensor::zeros((self.kv_heads, capacity, self.head_width), self.dtype, &self.device)?;
        if let (Some(old), 1..) = (old, kept) {
            new.slice_set(&old.narrow(1, 0, kept)?.contiguous()?, 1, 0)?;
        }
        Ok(new)
    }
}

/// Keys and values of one layer, each `kv heads × capacity × head width`.
#[derive(Debug, Default)]
struct LayerCache {
    buffers: Option<(Tensor, Tensor)>,
}

impl KvCache {
    /// Tokens that the first allocation holds.
    const FIRST_CAPACITY: usize = 256;

    pub(crate) fn new(layers: usize, shape: KvShape) -> Self {
        let layers = std::iter::repeat_with(LayerCache::default).take(layers).collect();
        Self { layers, length: 0, capacity: 0, shape }
    }

    /// Tokens in the cache.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Forgets the tokens from `length` on; the buffers stay allocated.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Bytes of keys and values of one token in all layers.
    pub(crate) fn bytes_per_token(&self) -> u64 {
        let shape = &self.shape;
        let values = 2 * self.layers.len() * shape.kv_heads * shape.head_width;
        values as u64 * shape.dtype.size_in_bytes() as u64
    }

    /// Makes room for `extra` tokens after the cached ones in every layer.
    pub(crate) fn reserve(&mut self, extra: usize) -> candle_core::Result<()> {
        let needed = self.length + extra;
        if needed <= self.capacity {
            return Ok(());
        }

        let capacity =
            needed.next_power_of_two().max(Self::FIRST_CAPACITY).min(self.shape.context_length).max(needed);
        for layer in &mut self.layers {
            let old = layer.buffers.as_ref();
            let keys = self.shape.grown(capacity, self.length, old.map(|(keys, _)| keys))?;
            let values = self.shape.grown(capacity, self.length, old.map(|(_, values)| values))?;
            layer.buffers = Some((keys, values));
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Writes one layer's keys and values of new tokens, each `kv heads × tokens × head width`,
    /// after the cached ones, and returns those of all tokens from `first` on.
    ///
    /// The tokens count as cached only after [`Self::advance`], so that a pass that fails
    /// between two layers leaves the cache as it was.
    pub(crate) fn append(
        &mut self,
        layer: usize,
        keys: &Tensor,
        values: &Tensor,
        first: usize,
    ) -> candle_core::Result<(Tensor, Tensor)> {
        let Some((all_keys, all_values)) = self.layers.get(layer).and_then(|layer| layer.buffers.as_ref())
        else {
            candle_core::bail!("no room was reserved in layer {layer} of the cache");
        };
        let tokens = keys.dim(1)?;
        all_keys.slice_set(&keys.contiguous()?, 1, self.length)?;
        all_values.slice_set(&values.contiguous()?, 1, self.length)?;
        let count = self.length + tokens - first;
        Ok((all_keys.narrow(1, first, count)?, all_values.narrow(1, first, count)?))
    }

    /// Counts tokens as cached, once all layers have them.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }
}
