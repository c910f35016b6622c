//! Benchmarks, prompt sets and side-by-side scripts of infercost.
