//! What this program is: its version, the commit that it was built of, and the kernels that it runs.

use std::sync::OnceLock;

use infercost_engine::Isa;
use infercost_engine::in_process::build_flags;

/// Version and commit, on one line.
pub(crate) const SHORT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("INFERCOST_BUILT_OF"), ")");

/// The same, and how models run on this machine.
pub(crate) fn long() -> &'static str {
    static LONG: OnceLock<String> = OnceLock::new();
    LONG.get_or_init(|| {
        let kernels = build_flags::kernel_level().map_or("unknown", Isa::describe);
        format!("{SHORT}\nkernels: {kernels}\nbuild: {}", build_flags::build())
    })
}
