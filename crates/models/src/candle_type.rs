//! What candle calls a number format.

use candle_core::quantized::GgmlDType;
use infercost_weights::TensorType;

/// candle's name for a format; `None` where candle has no code for reading or writing it.
pub(crate) fn candle_type(kind: TensorType) -> Option<GgmlDType> {
    Some(match kind.number() {
        0 => GgmlDType::F32,
        1 => GgmlDType::F16,
        2 => GgmlDType::Q4_0,
        3 => GgmlDType::Q4_1,
        6 => GgmlDType::Q5_0,
        7 => GgmlDType::Q5_1,
        8 => GgmlDType::Q8_0,
        10 => GgmlDType::Q2K,
        11 => GgmlDType::Q3K,
        12 => GgmlDType::Q4K,
        13 => GgmlDType::Q5K,
        14 => GgmlDType::Q6K,
        30 => GgmlDType::BF16,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_agree_with_candle() {
        let mut compared = 0;
        for kind in TensorType::all() {
            if let Some(dtype) = candle_type(kind) {
                compared += 1;
                let bytes = kind.bytes_for(kind.block_elements());
                let sizes = (kind.block_elements(), bytes);
                let wanted = (dtype.block_size() as u64, Some(dtype.type_size() as u64));
                assert_eq!(sizes, wanted, "{}", kind.name());
            }
        }
        assert_eq!(compared, 13);
    }
}
