#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| infercost_fuzz_entries::fuzz_revenue(data));
