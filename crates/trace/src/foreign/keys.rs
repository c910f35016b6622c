//! Maps by the keys of traces and spans.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// By a key: a hash that no file can foresee, which is not hashed again.
pub(super) type KeyMap<V> = HashMap<u64, V, BuildHasherDefault<IsHashed>>;
/// Keys.
pub(super) type KeySet = HashSet<u64, BuildHasherDefault<IsHashed>>;

/// Takes a key for its own hash.
#[derive(Debug, Default)]
pub(super) struct IsHashed(u64);

impl Hasher for IsHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
