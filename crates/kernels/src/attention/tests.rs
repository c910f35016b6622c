//! Attention against plain sums in double precision.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use super::*;
use crate::CacheType;

struct Case {
    heads: usize,
    kv_heads: usize,
    width: usize,
    cached: usize,
    tokens: usize,
    window: Option<usize>,
    softcap: Option<f32>,
}

fn noise(seed: usize, length: usize) -> Vec<f32> {
    (0..length).map(|i| (((i + seed) * 2_654_435_761) % 10_007) as f32 / 5003.5 - 1.0).collect()
}

/// Attention in double precision, from rows of keys and values.
fn expected(case: &Case, q: &[f32], k: &[f32], v: &[f32], scale: f32) -> Vec<f64> {
    let (width, group) = (case.width, case.heads / case.kv_heads);
    let mut output = Vec::new();

    for token in 0..case.tokens {
        for head in 0..case.heads {
            let position = case.cached + token;
            let first = (position + 1).saturating_sub(case.window.unwrap_or(usize::MAX));
            let row = |rows: &[f32], key: usize| -> Vec<f64> {
                let start = (key * case.kv_heads + head / group) * width;
                rows[start..start + width].iter().map(|x| f64::from(*x)).collect()
            };
            let query = &q[(token * case.heads + head) * width..][..width];
            let scores: Vec<f64> = (first..=position)
                .map(|key| {
                    let dot: f64 = query.iter().zip(row(k, key)).map(|(a, b)| f64::from(*a) * b).sum();
                    let score = dot * f64::from(scale);
                    case.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
                })
                .collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = scores.iter().map(|score| (score - largest).exp()).sum();
            let mut mixed = vec![0.0; width];
            for (key, score) in (first..=position).zip(&scores) {
                for (mixed, value) in mixed.iter_mut().zip(row(v, key)) {
                    *mixed += (score - largest).exp() / total * value;
                }
            }
            output.extend(mixed);
        }
    }

    output
}

fn check(case: &Case) {
    let total = case.cached + case.tokens;
    let row = case.kv_heads * case.width;
    let (mut k, mut v) = (noise(1, total * row), noise(2, total * row));
    // Numbers that half precision holds, so that both types of cache hold the same.
    for number in k.iter_mut().chain(&mut v) {
        *number = half::f16::from_f32(*number * 2.0).to_f32();
    }
    let q = noise(3, case.tokens * case.heads * case.width);
    let scale = 0.7;
    let wanted = expected(case, &q, &k, &v, scale);

    let shape = AttentionShape { heads: case.heads, scale, softcap: case.softcap, window: case.window };
    let queries = Queries {
        rows: &q,
        stride: case.heads * case.width,
        tokens: case.tokens,
        first_position: case.cached,
    };
    for isa in Isa::available() {
        for cache_type in [CacheType::F32, CacheType::F16] {
            let mut cache = KvCache::new(cache_type, case.kv_heads, case.width);
            for token in 0..total {
                // In steps, so that growing is part of the test.
                cache.reserve(token + 1, token, 100_000);
                cache.write(token, &k[token * row..][..row], &v[token * row..][..row]);
            }
            let mut first_bits: Option<Vec<u32>> = None;
            for threads in [1, 3] {
                let mut team = Team::new(threads).unwrap();
                let mut output = vec![f32::NAN; wanted.len()];
                let mut parts = AttentionParts::default();
                team.attend(isa, &shape, queries, &cache, &mut parts, &mut output);
                for (found, wanted) in output.iter().zip(&wanted) {
                    let error = (f64::from(*found) - wanted).abs();
                    assert!(error < 1e-4, "{isa:?} {cache_type:?}: {found}, not {wanted}");
                }
                let bits = output.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(
                    *first_bits.get_or_insert(bits.clone()),
                    bits,
                    "the same bits at any number of threads"
                );
            }
        }
    }
}

#[test]
fn attention_is_that_of_double_precision() {
    let usual = Case { heads: 9, kv_heads: 3, width: 64, cached: 0, tokens: 1, window: None, softcap: None };
    for cached in [0, 1, 15, 16, 63, 64, 300, 700] {
        check(&Case { cached, ..usual });
    }
    for tokens in [2, 7, 8, 9, 65] {
        check(&Case { tokens, ..usual });
        check(&Case { tokens, cached: 71, ..usual });
    }
}

#[test]
fn heads_of_any_width_and_number() {
    for width in [1, 8, 20, 48, 80, 256] {
        for (heads, kv_heads) in [(1, 1), (4, 1), (7, 1), (10, 2), (11, 1)] {
            for tokens in [1, 5] {
                check(&Case { heads, kv_heads, width, cached: 20, tokens, window: None, softcap: None });
            }
        }
    }
}

#[test]
fn windows_end_where_they_should() {
    for window in [1, 2, 16, 17, 100, 1000] {
        for (cached, tokens) in [(0, 40), (90, 1), (300, 1), (290, 20)] {
            let window = Some(window);
            check(&Case { heads: 4, kv_heads: 2, width: 32, cached, tokens, window, softcap: None });
        }
    }
}

#[test]
fn scores_are_capped() {
    for (cached, tokens) in [(0, 30), (300, 1)] {
        let softcap = Some(1.5);
        check(&Case { heads: 4, kv_heads: 2, width: 32, cached, tokens, window: Some(77), softcap });
    }
}

#[test]
fn damage_stays_visible() {
    for isa in Isa::available() {
        let mut cache = KvCache::new(CacheType::F32, 1, 16);
        cache.reserve(40, 0, 40);
        for token in 0..40 {
            let key = if token == 20 { f32::NAN } else { 1.0 };
            cache.write(token, &[key; 16], &[1.0; 16]);
        }
        let shape = AttentionShape { heads: 1, scale: 1.0, softcap: None, window: None };
        let mut output = [0.0; 16];
        let queries = Queries { rows: &[1.0; 16], stride: 16, tokens: 1, first_position: 39 };
        let mut team = Team::new(1).unwrap();
        team.attend(isa, &shape, queries, &cache, &mut AttentionParts::default(), &mut output);
        assert!(output.iter().all(|value| value.is_nan()), "{isa:?}: {output:?}");
    }
}
