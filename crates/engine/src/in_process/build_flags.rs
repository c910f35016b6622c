//! How this program was built, and what it runs on.

use infercost_kernels::{Isa, IsaError};

use crate::decoder::{Executor, ExecutorIdentity};

/// The level at which kernels run on this processor: what `INFERCOST_ISA` says, else the fastest.
///
/// # Errors
/// The variable names no level, or one that the processor lacks.
pub fn kernel_level() -> Result<Isa, IsaError> {
    Isa::from_environment()
}

/// The profile, and what computed: for an engine's identity.
pub(crate) fn describe(executor: &ExecutorIdentity) -> String {
    let build = build();
    match executor.executor {
        Executor::Kernels => format!("{build}, {}", executor.description),
        // candle chooses some of its loops at compile time.
        Executor::Candle => format!("{build}{}, {}", compiled_for(), executor.description),
    }
}

/// The profile this program was built with, and the devices it was built for.
pub fn build() -> String {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    if cfg!(feature = "cuda") { format!("{profile} cuda") } else { profile.to_owned() }
}

/// The vector extensions that this program was compiled for, each behind a space.
fn compiled_for() -> String {
    let extensions = [
        ("avx2", cfg!(target_feature = "avx2")),
        ("fma", cfg!(target_feature = "fma")),
        ("avx512f", cfg!(target_feature = "avx512f")),
        ("neon", cfg!(target_feature = "neon")),
        ("dotprod", cfg!(target_feature = "dotprod")),
    ];
    extensions.into_iter().filter(|(_, compiled)| *compiled).map(|(name, _)| format!(" {name}")).collect()
}
