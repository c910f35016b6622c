//! One name for each weight, and what safetensors files call it.
//!
//! The decoder uses the names of GGUF; only this file knows the others.

/// The safetensors name of a tensor, without the prefix of multi-part models.
///
/// `sandwich_norms` decides what the norm before the feed-forward part is called.
/// Returns `None` for a name that no decoder asks for.
pub(crate) fn safetensors_name(name: &str, sandwich_norms: bool) -> Option<String> {
    let whole = match name {
        "token_embd.weight" => Some("model.embed_tokens.weight"),
        "output_norm.weight" => Some("model.norm.weight"),
        "output.weight" => Some("lm_head.weight"),
        _ => None,
    };
    if let Some(whole) = whole {
        return Some(whole.into());
    }

    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_qkv" => "self_attn.qkv_proj",
        "attn_output" => "self_attn.o_proj",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "post_attention_norm" => "post_attention_layernorm",
        "ffn_norm" if sandwich_norms => "pre_feedforward_layernorm",
        "ffn_norm" => "post_attention_layernorm",
        "post_ffw_norm" => "post_feedforward_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_gate_up" => "mlp.gate_up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };

    Some(format!("model.layers.{layer}.{part}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::safetensors_name;

    fn check(name: &str, sandwich_norms: bool, expected: Option<&str>) {
        assert_eq!(safetensors_name(name, sandwich_norms).as_deref(), expected, "{name}");
    }

    #[test]
    fn names_are_translated() {
        check("token_embd.weight", false, Some("model.embed_tokens.weight"));
        check("blk.7.attn_k.bias", false, Some("model.layers.7.self_attn.k_proj.bias"));
        check("blk.0.ffn_norm.weight", false, Some("model.layers.0.post_attention_layernorm.weight"));
        check("blk.0.ffn_norm.weight", true, Some("model.layers.0.pre_feedforward_layernorm.weight"));
        check("blk.0.ssm_conv.weight", false, None);
        check("rope_freqs.weight", false, None);
    }
}
