//! The shipped spaces hold documented flags only. The lists in `documented/` are taken from what the projects publish.
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]

use std::collections::BTreeSet;

use infercost_sprint::shipped::ShippedSpace;

/// A space and the flags that are documented.
const DOCUMENTED: [(&str, &str); 3] = [
    ("llama.cpp", include_str!("documented/llama.cpp.txt")),
    ("vllm", include_str!("documented/vllm.txt")),
    ("sglang", include_str!("documented/sglang.txt")),
];

fn undocumented(name: &str, list: &str) -> Vec<String> {
    let known: BTreeSet<&str> = list.lines().filter(|line| line.starts_with("--")).collect();
    let shipped = ShippedSpace::named(name).unwrap();
    let flags = shipped.parameters.iter().filter_map(|one| one.flag.clone());
    flags.filter(|flag| !known.contains(flag.as_str())).collect()
}

#[test]
fn every_flag_is_documented() {
    for (name, list) in DOCUMENTED {
        assert_eq!(undocumented(name, list), Vec::<String>::new(), "{name}");
        // the same with a list that lacks one
        let (first, _) =
            list.split_once("--kv-cache-dtype").or_else(|| list.split_once("--cache-type-k")).unwrap();
        assert!(!undocumented(name, first).is_empty(), "{name}");
    }
}
