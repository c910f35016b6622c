//! Blocks of numbers to `f32` and back.

use std::borrow::Cow;
use std::thread;

use candle_core::quantized::QTensor;
use candle_core::{CpuStorage, Device, Tensor};
use half::{bf16, f16};
use infercost_weights::TensorType;

use crate::candle_type::candle_type;

/// Decodes that many numbers. `Err` says why in words.
pub(crate) fn decode(kind: TensorType, bytes: &[u8], count: usize) -> Result<Vec<f32>, String> {
    if kind.bytes_for(count as u64) != Some(bytes.len() as u64) {
        return Err(format!("{} bytes do not hold {count} numbers of {}", bytes.len(), kind.name()));
    }
    let pairs = || bytes.as_chunks::<2>().0.iter();
    Ok(match kind {
        TensorType::F32 => bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect(),
        TensorType::F16 => pairs().map(|two| f16::from_le_bytes(*two).to_f32()).collect(),
        TensorType::BF16 => pairs().map(|two| bf16::from_le_bytes(*two).to_f32()).collect(),
        other => {
            let dtype = candle_type(other).ok_or_else(|| format!("{} cannot be decoded", other.name()))?;
            match dtype
                .from_data(Cow::Borrowed(bytes))
                .dequantize(count)
                .map_err(|error| error.to_string())?
            {
                CpuStorage::F32(values) => values,
                _ => return Err("candle gave something other than f32".into()),
            }
        }
    })
}

/// Encodes rows of numbers, on all cores. `Err` says why in words.
pub(crate) fn encode(kind: TensorType, values: &[f32], width: usize) -> Result<Vec<u8>, String> {
    let rows = values.len().checked_div(width).unwrap_or(0).max(1);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(rows);
    let share = rows.div_ceil(workers).saturating_mul(width).max(1);
    let parts: Vec<Result<Vec<u8>, String>> = thread::scope(|scope| {
        let threads: Vec<_> =
            values.chunks(share).map(|part| scope.spawn(move || encode_part(kind, part))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("the quantizer panicked".into())))
            .collect()
    });

    let mut bytes = Vec::new();
    for part in parts {
        bytes.append(&mut part?);
    }
    Ok(bytes)
}

fn encode_part(kind: TensorType, values: &[f32]) -> Result<Vec<u8>, String> {
    match kind {
        TensorType::F32 => Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        TensorType::F16 => Ok(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect()),
        TensorType::BF16 => {
            Ok(values.iter().flat_map(|value| bf16::from_f32(*value).to_le_bytes()).collect())
        }
        other => {
            let dtype = candle_type(other).ok_or_else(|| format!("{} cannot be encoded", other.name()))?;
            Tensor::from_slice(values, values.len(), &Device::Cpu)
                .and_then(|tensor| QTensor::quantize(&tensor, dtype))
                .and_then(|tensor| tensor.data().map(Cow::into_owned))
                .map_err(|error| error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    /// Largest error over a wave of amplitude 1.
    fn check(kind: TensorType, bound: f32) {
        let width = 256;
        let values: Vec<f32> = (0..width * 7).map(|at| (at as f32 * 0.37).sin()).collect();
        let bytes = encode(kind, &values, width).unwrap();
        assert_eq!(Some(bytes.len() as u64), kind.bytes_for(values.len() as u64));
        let back = decode(kind, &bytes, values.len()).unwrap();
        let worst = values.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= bound && (worst > 0.0 || kind == TensorType::F32), "{}: {worst}", kind.name());
    }

    #[test]
    fn numbers_come_back() {
        check(TensorType::F32, 0.0);
        check(TensorType::F16, 0.0005);
        check(TensorType::BF16, 0.004);
        check(TensorType::Q8_0, 0.005);
        check(TensorType::Q6_K, 0.04);
        check(TensorType::Q5_1, 0.04);
        check(TensorType::Q5_0, 0.07);
        check(TensorType::Q5_K, 0.06);
        check(TensorType::Q4_1, 0.07);
        check(TensorType::Q4_K, 0.1);
        check(TensorType::Q4_0, 0.13);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(decode(TensorType::F32, &[0; 7], 2).is_err());
        assert!(decode(TensorType::Q4_0, &[0; 18], 31).is_err());
        assert_eq!(decode(TensorType::BF16, &[0x80, 0x3f], 1).unwrap(), [1.0]);
    }
}
