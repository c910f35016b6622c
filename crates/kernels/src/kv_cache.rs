//! Keys and values of one layer, in the order in which attention reads them.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::buffer::AlignedBuffer;
use crate::lanes::Lanes;

/// Keys that lie side by side, so that one vector holds the same element of all of them.
pub(crate) const KEYS_PER_PANEL: usize = 16;

/// Widths of values are filled up to a multiple of this.
const VALUE_UNIT: usize = 16;

/// Numbers of a key that are rounded together before they are spread over their panel.
const ROUNDED_AT_ONCE: usize = 64;

/// Tokens that the smallest cache holds. Capacities are multiples of it, which keeps panels whole.
const FIRST_CAPACITY: usize = 256;

/// How keys and values are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheType {
    /// Single precision.
    F32,
    /// Half precision: half the memory to read at each token, as most engines have it.
    F16,
}

impl CacheType {
    /// Bytes of a number.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }

    /// `F32` or `F16`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "F32",
            Self::F16 => "F16",
        }
    }
}

/// Keys and values of one layer.
///
/// Keys lie as `[head][token / 16][element][token % 16]`, so that the scores of sixteen keys are computed side by side
/// and no lanes have to be added up; values lie as `[head][token][element]`, filled up to whole vectors with zeros.
pub struct KvCache {
    pub(crate) store: Store,
    kv_heads: usize,
    head_width: usize,
    capacity: usize,
}

pub(crate) enum Store {
    F32(Numbers<f32>),
    F16(Numbers<u16>),
}

pub(crate) struct Numbers<E> {
    keys: AlignedBuffer<E>,
    values: AlignedBuffer<E>,
}

/// A number of the cache.
pub(crate) trait Element: crate::buffer::Number + Default {
    /// Reads a vector.
    ///
    /// # Safety
    /// As many numbers as lanes can be read.
    unsafe fn load<L: Lanes>(from: *const Self) -> L;

    /// Rounds `from` to `to`, which is as long.
    fn convert(from: &[f32], to: &mut [Self]);
}

impl Element for f32 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load(from) }
    }

    fn convert(from: &[f32], to: &mut [Self]) {
        to.copy_from_slice(from);
    }
}

impl Element for u16 {
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L {
        // SAFETY: the caller's promise.
        unsafe { L::load_half(from) }
    }

    fn convert(from: &[f32], to: &mut [Self]) {
        use half::slice::HalfBitsSliceExt as _;
        to.reinterpret_cast_mut::<f16>().convert_from_f32_slice(from);
    }
}

impl KvCache {
    /// An empty cache, which takes no memory yet.
    #[must_use]
    pub fn new(cache_type: CacheType, kv_heads: usize, head_width: usize) -> Self {
        Self { store: Store::new(cache_type, 0, 0), kv_heads, head_width, capacity: 0 }
    }

    /// How it holds numbers.
    #[must_use]
    pub fn cache_type(&self) -> CacheType {
        match self.store {
            Store::F32(_) => CacheType::F32,
            Store::F16(_) => CacheType::F16,
        }
    }

    /// Tokens there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Key and value heads.
    #[must_use]
    pub fn kv_heads(&self) -> usize {
        self.kv_heads
    }

    /// Elements of a head.
    #[must_use]
    pub fn head_width(&self) -> usize {
        self.head_width
    }

    /// Elements from one value to the next.
    pub(crate) fn value_stride(&self) -> usize {
        self.head_width.next_multiple_of(VALUE_UNIT)
    }

    /// Makes room for `tokens` tokens, of which the first `kept` stay. Capacities double, up to `limit` where that is
    /// enough.
    pub fn reserve(&mut self, tokens: usize, kept: usize, limit: usize) {
        if tokens <= self.capacity {
            return;
        }

        let capacity = tokens.next_power_of_two().min(limit).max(tokens).next_multiple_of(FIRST_CAPACITY);
        let (old, new) = (self.capacity, capacity);
        let key_width = self.head_width;
        let value_width = self.value_stride();
        let kept_panels = kept.min(old).div_ceil(KEYS_PER_PANEL) * KEYS_PER_PANEL;

        let mut store =
            Store::new(self.cache_type(), self.kv_heads * new * key_width, self.kv_heads * new * value_width);
        for head in 0..self.kv_heads {
            store.take_over(
                &self.store,
                &Move {
                    from: head * old * key_width,
                    to: head * new * key_width,
                    count: kept_panels * key_width,
                },
                &Move {
                    from: head * old * value_width,
                    to: head * new * value_width,
                    count: kept.min(old) * value_width,
                },
            );
        }
        self.store = store;
        self.capacity = capacity;
    }

    /// Writes the keys and values of one token, all heads side by side.
    ///
    /// # Panics
    /// There is no room for the token, or a row is not as long as all heads.
    pub fn write(&mut self, token: usize, keys: &[f32], values: &[f32]) {
        // SAFETY: `&mut self` excludes all other uses.
        unsafe { self.write_shared(token, keys, values) }
    }

    /// As [`KvCache::write`], while other threads write other tokens.
    ///
    /// # Safety
    /// Nobody else writes this token or reads it meanwhile.
    pub(crate) unsafe fn write_shared(&self, token: usize, keys: &[f32], values: &[f32]) {
        let width = self.kv_heads * self.head_width;
        assert!(token < self.capacity, "room for the token");
        assert!(keys.len() == width && values.len() == width, "rows of all heads");

        // SAFETY: the caller's promise.
        unsafe {
            match &self.store {
                Store::F32(numbers) => self.write_numbers(numbers, token, keys, values),
                Store::F16(numbers) => self.write_numbers(numbers, token, keys, values),
            }
        }
    }

    /// # Safety
    /// As [`KvCache::write_shared`].
    unsafe fn write_numbers<E: Element>(
        &self,
        numbers: &Numbers<E>,
        token: usize,
        keys: &[f32],
        values: &[f32],
    ) {
        let width = self.head_width;
        let panel = token / KEYS_PER_PANEL * KEYS_PER_PANEL;
        let column = token % KEYS_PER_PANEL;
        let stride = self.value_stride();

        for (head, (key, value)) in keys.chunks_exact(width).zip(values.chunks_exact(width)).enumerate() {
            let panel = (head * self.capacity + panel) * width;
            for (part, numbers_of_part) in key.chunks(ROUNDED_AT_ONCE).enumerate() {
                let mut rounded = [E::default(); ROUNDED_AT_ONCE];
                let rounded = &mut rounded[..numbers_of_part.len()];
                E::convert(numbers_of_part, rounded);

                let first = panel + part * ROUNDED_AT_ONCE * KEYS_PER_PANEL + column;
                for (element, number) in rounded.iter().enumerate() {
                    let place = first + element * KEYS_PER_PANEL;
                    // SAFETY: the place is this token's, and the caller promises that nobody else uses it.
                    unsafe { numbers.keys.part_mut(place..place + 1) }.fill(*number);
                }
            }

            let row = (head * self.capacity + token) * stride;
            // SAFETY: as above.
            E::convert(value, unsafe { numbers.values.part_mut(row..row + width) });
        }
    }
}

/// One run of numbers that goes to a larger cache.
struct Move {
    from: usize,
    to: usize,
    count: usize,
}

impl Move {
    fn source(&self) -> Range<usize> {
        self.from..self.from + self.count
    }

    fn target(&self) -> Range<usize> {
        self.to..self.to + self.count
    }
}

impl Store {
    fn new(cache_type: CacheType, keys: usize, values: usize) -> Self {
        match cache_type {
            CacheType::F32 => Self::F32(Numbers::zeroed(keys, values)),
            CacheType::F16 => Self::F16(Numbers::zeroed(keys, values)),
        }
    }

    fn take_over(&mut self, old: &Self, keys: &Move, values: &Move) {
        match (self, old) {
            (Self::F32(new), Self::F32(old)) => new.take_over(old, keys, values),
            (Self::F16(new), Self::F16(old)) => new.take_over(old, keys, values),
            _ => unreachable!("a cache keeps its type"),
        }
    }
}

impl<E: Element> Numbers<E> {
    fn zeroed(keys: usize, values: usize) -> Self {
        Self { keys: AlignedBuffer::zeroed(keys), values: AlignedBuffer::zeroed(values) }
    }

    fn take_over(&mut self, old: &Self, keys: &Move, values: &Move) {
        // SAFETY: `&mut self` excludes all other uses.
        let (new_keys, new_values) =
            unsafe { (self.keys.part_mut(keys.target()), self.values.part_mut(values.target())) };
        new_keys.copy_from_slice(&old.keys.as_slice()[keys.source()]);
        new_values.copy_from_slice(&old.values.as_slice()[values.source()]);
    }

    /// The keys of one head.
    pub(crate) fn keys(&self, cache: &KvCache, head: usize) -> &[E] {
        let length = cache.capacity * cache.head_width;
        &self.keys.as_slice()[head * length..(head + 1) * length]
    }

    /// The values of one head.
    pub(crate) fn values(&self, cache: &KvCache, head: usize) -> &[E] {
        let length = cache.capacity * cache.value_stride();
        &self.values.as_slice()[head * length..(head + 1) * length]
    }
}
