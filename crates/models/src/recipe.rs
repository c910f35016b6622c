//! What each recipe stores each tensor as.

use infercost_weights::TensorType;
use infercost_weights::gguf::TensorInfo;

/// A way to store a model's weights.
///
/// The rules are llama.cpp's plain ones: matrices take the recipe's type; norms, biases and every other
/// vector stay F32; the output matrix (or the embedding, where it serves as output) takes Q6_K in every
/// recipe below 8 bits. llama.cpp's `_M` and `_S` mixes, which give some attention and feed-forward matrices
/// more bits, are not applied, so `Q4_K` here is somewhat smaller and worse than a `Q4_K_M` file.
///
/// K types need rows that are a multiple of 256 wide. Where they are not, Q4_K becomes Q5_0, Q5_K becomes
/// Q5_1, Q6_K becomes Q8_0; where a row is no multiple of 32 either, the tensor becomes F16. Each such tensor
/// is a [`Fallback`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipe {
    /// 32-bit floating point, everything.
    F32,
    /// 16-bit floating point matrices.
    F16,
    /// Matrices of the upper half of F32, as most models are published.
    BF16,
    /// 8 bits.
    Q8_0,
    /// 6 bits in blocks of 256.
    Q6K,
    /// 5 bits in blocks of 256.
    Q5K,
    /// 4 bits in blocks of 256.
    Q4K,
    /// 4 bits with minimum.
    Q4_1,
    /// 4 bits.
    Q4_0,
}

/// A tensor that the recipe could not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// The tensor.
    pub tensor: String,
    /// Its row's width.
    pub width: u64,
    /// What the recipe asked for.
    pub wanted: TensorType,
    /// What it became.
    pub became: TensorType,
}

impl std::fmt::Display for Fallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} -> {} (width {})", self.tensor, self.wanted.name(), self.became.name(), self.width)
    }
}

impl Recipe {
    /// All recipes, largest first.
    pub const ALL: [Self; 9] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q8_0,
        Self::Q6K,
        Self::Q5K,
        Self::Q4K,
        Self::Q4_1,
        Self::Q4_0,
    ];

    /// The recipe's name: `Q4_K`.
    pub fn name(self) -> &'static str {
        self.tensor_type().name()
    }

    /// The recipe of that name, in either case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.name().eq_ignore_ascii_case(name))
    }

    /// What matrices become.
    pub fn tensor_type(self) -> TensorType {
        match self {
            Self::F32 => TensorType::F32,
            Self::F16 => TensorType::F16,
            Self::BF16 => TensorType::BF16,
            Self::Q8_0 => TensorType::Q8_0,
            Self::Q6K => TensorType::Q6_K,
            Self::Q5K => TensorType::Q5_K,
            Self::Q4K => TensorType::Q4_K,
            Self::Q4_1 => TensorType::Q4_1,
            Self::Q4_0 => TensorType::Q4_0,
        }
    }

    /// The value of `general.file_type`, from llama.cpp's `llama_ftype`; K recipes take the `_S` numbers.
    pub(crate) fn file_type(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q8_0 => 7,
            Self::Q4K => 14,
            Self::Q5K => 16,
            Self::Q6K => 18,
            Self::BF16 => 32,
        }
    }

    /// What a tensor becomes, and the fall-back where that is not what the recipe asks for.
    /// `is_output` marks the matrix that makes logits.
    pub fn target(self, tensor: &TensorInfo, is_output: bool) -> (TensorType, Option<Fallback>) {
        if self == Self::F32 || !is_matrix(tensor) {
            return (TensorType::F32, None);
        }
        let wanted = match self {
            Self::F16 | Self::BF16 | Self::Q8_0 => self.tensor_type(),
            _ if is_output => TensorType::Q6_K,
            _ => self.tensor_type(),
        };
        let became = fitting(wanted, tensor.width());
        let fallback = (became != wanted).then(|| Fallback {
            tensor: tensor.name.clone(),
            width: tensor.width(),
            wanted,
            became,
        });
        (became, fallback)
    }
}

/// The name of the matrix that makes logits: `output.weight`, or the embedding where there is none.
pub(crate) fn output_name<'a>(mut names: impl Iterator<Item = &'a str>) -> &'static str {
    if names.any(|name| name == "output.weight") { "output.weight" } else { "token_embd.weight" }
}

/// Matrices are stored in the recipe's type; vectors, norms and the tiny router and position tables are not.
fn is_matrix(tensor: &TensorInfo) -> bool {
    let name = tensor.name.as_str();
    let rows = tensor.dimensions.iter().skip(1).fold(1u64, |product, extent| product.saturating_mul(*extent));
    rows > 1
        && name.ends_with(".weight")
        && !name.contains("_norm.")
        && !name.contains("ffn_gate_inp.")
        && !name.starts_with("position_embd.")
        && !name.starts_with("token_types.")
}

fn fitting(wanted: TensorType, width: u64) -> TensorType {
    if width.is_multiple_of(wanted.block_elements()) {
        return wanted;
    }
    let smaller_blocks = match wanted {
        TensorType::Q4_K => TensorType::Q5_0,
        TensorType::Q5_K => TensorType::Q5_1,
        TensorType::Q6_K => TensorType::Q8_0,
        _ => TensorType::F16,
    };
    if width.is_multiple_of(smaller_blocks.block_elements()) { smaller_blocks } else { TensorType::F16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(recipe: Recipe, name: &str, dimensions: &[u64], wanted: &str, falls_back: bool) {
        let tensor = TensorInfo {
            name: name.into(),
            dimensions: dimensions.to_vec(),
            kind: TensorType::F32,
            offset: 0,
        };
        let (kind, fallback) = recipe.target(&tensor, name == "output.weight");
        assert_eq!(
            (kind.name(), fallback.is_some()),
            (wanted, falls_back),
            "{name} {dimensions:?} {recipe:?}"
        );
    }

    #[test]
    fn targets() {
        check(Recipe::Q4K, "blk.0.attn_q.weight", &[512, 8], "Q4_K", false);
        check(Recipe::Q4K, "blk.0.attn_q.weight", &[576, 8], "Q5_0", true);
        check(Recipe::Q5K, "blk.0.attn_q.weight", &[576, 8], "Q5_1", true);
        check(Recipe::Q6K, "blk.0.attn_q.weight", &[576, 8], "Q8_0", true);
        check(Recipe::Q4K, "blk.0.attn_q.weight", &[40, 8], "F16", true);
        check(Recipe::Q8_0, "blk.0.attn_q.weight", &[40, 8], "F16", true);
        check(Recipe::Q4_0, "blk.0.attn_q.weight", &[576, 8], "Q4_0", false);
        check(Recipe::Q4_0, "output.weight", &[576, 8], "Q8_0", true);
        check(Recipe::Q4_0, "output.weight", &[512, 8], "Q6_K", false);
        check(Recipe::Q8_0, "output.weight", &[512, 8], "Q8_0", false);
        check(Recipe::Q4_0, "blk.0.attn_norm.weight", &[512], "F32", false);
        check(Recipe::Q4_0, "blk.0.attn_q.bias", &[512], "F32", false);
        check(Recipe::F16, "blk.0.attn_q.weight", &[40, 8], "F16", false);
        check(Recipe::F32, "blk.0.attn_q.weight", &[40, 8], "F32", false);
    }

    #[test]
    fn names_parse_in_either_case() {
        for recipe in Recipe::ALL {
            assert_eq!(Recipe::parse(&recipe.name().to_lowercase()), Some(recipe));
        }
        assert_eq!(Recipe::parse("Q4_K_M"), None);
    }

    #[test]
    fn the_output_is_the_embedding_where_it_has_to_be() {
        assert_eq!(output_name(["token_embd.weight", "output.weight"].into_iter()), "output.weight");
        assert_eq!(output_name(["token_embd.weight"].into_iter()), "token_embd.weight");
    }
}
