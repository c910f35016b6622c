//! Compile-time choices that change speed.

/// A vector extension that kernels can be compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorExtension {
    /// The compiler's name of it.
    pub name: &'static str,
    /// Whether this program, and with it candle's kernels, was compiled for it.
    pub compiled_in: bool,
    /// Whether the CPU has it.
    pub on_this_cpu: bool,
}

macro_rules! extensions {
    ($detect:ident: $($name:tt),*) => {
        vec![$(VectorExtension {
            name: $name,
            compiled_in: cfg!(target_feature = $name),
            on_this_cpu: std::arch::$detect!($name),
        }),*]
    };
}

/// The extensions of this CPU's family that bear on a model's speed; empty where none is known.
#[cfg(target_arch = "x86_64")]
pub fn vector_extensions() -> Vec<VectorExtension> {
    extensions!(is_x86_feature_detected: "avx2", "fma", "f16c", "avx512f", "avx512vnni")
}

/// The extensions of this CPU's family that bear on a model's speed; empty where none is known.
#[cfg(target_arch = "aarch64")]
pub fn vector_extensions() -> Vec<VectorExtension> {
    extensions!(is_aarch64_feature_detected: "neon", "dotprod")
}

/// The extensions of this CPU's family that bear on a model's speed; empty where none is known.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn vector_extensions() -> Vec<VectorExtension> {
    Vec::new()
}

/// The extension for which candle's quantized products are written out; `None` where they are plain loops,
/// which take several times as long. candle chooses at compile time (`candle_core::quantized`).
pub fn quantized_kernels() -> Option<&'static str> {
    if cfg!(target_feature = "avx2") {
        Some("avx2")
    } else if cfg!(target_feature = "neon") {
        Some("neon")
    } else {
        None
    }
}

/// The profile and the vector extensions this crate, and with it candle's kernels, was compiled for.
pub fn describe() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let mut text = profile.to_owned();
    for extension in vector_extensions().iter().filter(|extension| extension.compiled_in) {
        text.push(' ');
        text.push_str(extension.name);
    }
    if cfg!(feature = "cuda") {
        text.push_str(" cuda");
    }
    text
}
