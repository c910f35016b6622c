//! Plays an OpenAI-compatible server in tests and benchmarks, faults included.
