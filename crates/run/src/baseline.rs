//! The variant that `--baseline` names.

use infercost_core::VariantId;

use crate::usage::usage;

/// The one among these with that name: as a whole, or else behind the model's.
pub fn named<'v>(variants: &[&'v VariantId], name: &str) -> anyhow::Result<&'v VariantId> {
    let whole = variants.iter().copied().find(|id| id.as_str() == name);
    let found = whole.or_else(|| variants.iter().copied().find(|id| id.variant_name() == name));
    found.ok_or_else(|| {
        let known: Vec<&str> = variants.iter().map(|id| id.as_str()).collect();
        usage(format!("--baseline {name}: no such variant among {}", known.join(", ")))
    })
}
