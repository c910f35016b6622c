//! The tensor decoder on a GPU against the fused decoder on the CPU, for every family.
//!
//! Runs with the feature `cuda`. Where no GPU is at hand the test says so and passes, unless `INFERCOST_NEEDS_CUDA` is
//! set.

#![cfg(feature = "cuda")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod decoder_fixture;

use std::io::Write as _;

use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device};
use decoder_fixture::{difference, forward, tiny_model, tokens};
use infercost_engine::decoder::{Decoder, DecoderOptions, Family, Logits};
use serde_json::json;

fn gpu() -> Option<Device> {
    match Device::new_cuda(0) {
        Ok(device) => Some(device),
        Err(error) => {
            assert!(std::env::var_os("INFERCOST_NEEDS_CUDA").is_none(), "no GPU: {error}");
            let _ = writeln!(std::io::stderr(), "SKIPPED: a GPU with a CUDA driver is missing: {error}");
            None
        }
    }
}

#[test]
fn families_compute_on_a_gpu_what_they_compute_on_a_cpu() {
    let Some(gpu) = gpu() else { return };
    for family in Family::ALL {
        let folder = tempfile::tempdir().unwrap();
        let model = tiny_model(family.name(), json!({}));
        model.write_safetensors(folder.path(), DType::F32);
        // Plain weights are BF16 on a GPU unless said otherwise; quantized ones are multiplied as they are.
        let plain = folder.path().to_path_buf();
        let quantized = model.write_gguf(folder.path(), GgmlDType::Q8_0);

        for (path, tolerance) in [(plain, 2.0), (quantized, 0.3)] {
            let logits = |device: &Device| {
                let mut decoder = Decoder::open(&path, device, &DecoderOptions::default()).unwrap();
                forward(&mut decoder, &tokens(24), Logits::All).unwrap()
            };
            let off = difference(&logits(&gpu), &logits(&Device::Cpu));
            assert!(off < tolerance, "{family} {}: off by {off}", path.display());
        }
    }
}
