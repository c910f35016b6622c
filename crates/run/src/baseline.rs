//! The variant that `--baseline` names.

use infercost_core::VariantId;

use crate::usage::usage;

/// The one among these with that name: as a whole, or else behind the model's.
pub fn named<'v>(variants: &[&'v VariantId], name: &str) -> anyhow::Result<&'v VariantId> {
    let find = |test: &dyn Fn(&VariantId) -> bool| variants.iter().copied().find(|id| test(id));
    find(&|id| id.as_str() == name).or_else(|| find(&|id| id.variant_name() == name)).ok_or_else(|| {
        let known: Vec<&str> = variants.iter().map(|id| id.as_str()).collect();
        usage(format!("--baseline {name}: no such variant among {}", known.join(", ")))
    })
}
