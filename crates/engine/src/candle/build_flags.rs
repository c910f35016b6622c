//! Compile-time choices that change speed.

/// The profile and the vector extensions this crate, and with it candle's kernels, was compiled for.
pub(crate) fn describe() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    let features = [
        ("avx2", cfg!(target_feature = "avx2")),
        ("fma", cfg!(target_feature = "fma")),
        ("f16c", cfg!(target_feature = "f16c")),
        ("avx512f", cfg!(target_feature = "avx512f")),
        ("avx512vnni", cfg!(target_feature = "avx512vnni")),
        ("neon", cfg!(target_feature = "neon")),
        ("dotprod", cfg!(target_feature = "dotprod")),
    ];
    let mut text = profile.to_owned();
    for (name, compiled_in) in features {
        if compiled_in {
            text.push(' ');
            text.push_str(name);
        }
    }
    if cfg!(feature = "cuda") {
        text.push_str(" cuda");
    }
    text
}
