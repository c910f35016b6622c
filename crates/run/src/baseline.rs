//! The variant that `--baseline` names.

use infercost_core::VariantId;

use crate::usage::usage;

/// The one among these with that name: as a whole, or else behind the model's.
pub fn named<'v>(variants: &[&'v VariantId], name: &str) -> anyhow::Result<&'v VariantId> {
    let whole = variants.iter().copied().find(|id| id.as_str() == name);
    let found = whole.or_else(|| variants.iter().copied().find(|id| id.variant_name() == name));
    if let Some(found) = found {
        return Ok(found);
    }

    // of several machines each has one
    let on_machines: Vec<&VariantId> =
        variants.iter().copied().filter(|id| id.variant_name().starts_with(&format!("{name} on "))).collect();
    if let [only] = on_machines.as_slice() {
        return Ok(only);
    }
    if !on_machines.is_empty() {
        let known: Vec<&str> = on_machines.iter().map(|id| id.variant_name()).collect();
        return Err(usage(format!("--baseline {name}: say on which machine: {}", known.join(", "))));
    }

    let known: Vec<&str> = variants.iter().map(|id| id.as_str()).collect();
    Err(usage(format!("--baseline {name}: no such variant among {}", known.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_goes_by_its_name_and_its_machine() {
        let ids = ["m/full on A100", "m/q8_0 on A100", "m/full on L4"].map(VariantId::from);
        let ids: Vec<&VariantId> = ids.iter().collect();
        let found =
            |name: &str| named(&ids, name).map(|id| id.to_string()).map_err(|error| error.to_string());

        assert_eq!(found("full on L4"), Ok("m/full on L4".to_owned()));
        assert_eq!(found("q8_0"), Ok("m/q8_0 on A100".to_owned()));
        assert!(
            found("full")
                .is_err_and(|error| error.contains("say on which machine: full on A100, full on L4"))
        );
        assert!(found("q4").is_err_and(|error| error.contains("no such variant among")));
    }
}
