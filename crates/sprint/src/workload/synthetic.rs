//! Workloads that are made up: `synthetic:input=512,output=128,rate=2,count=100,shared=256`.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{TOKENS_OF_A_BLOCK, TraceInput, TraceRequest, TraceWorkload, WorkloadFault, tokens};

/// Requests where nobody says how many.
const USUAL_COUNT: u64 = 64;
/// Block numbers of what is shared; those of single requests begin above.
const SHARED: u64 = 1 << 40;

/// A workload by its lengths and rate: `input` and `output` tokens (`N`, or `LEAST-MOST` at even odds), requests per
/// second at exponential gaps (`rate`; without it there are no arrival times), `count` requests, and the tokens with which
/// all prompts begin alike (`shared`).
///
/// # Errors
/// [`WorkloadFault`] for a name that is none, a number that is none, and where lengths are missing.
pub fn synthetic(text: &str, seed: u64) -> Result<TraceWorkload, WorkloadFault> {
    let (mut input, mut output, mut rate) = (None, None, None);
    let (mut count, mut shared) = (USUAL_COUNT, 0);
    for part in text.split(',').filter(|part| !part.trim().is_empty()) {
        let (name, value) =
            part.split_once('=').ok_or_else(|| wrong(text, format!("`{part}` is no NAME=VALUE")))?;
        let value = value.trim();
        match name.trim() {
            "input" => input = Some(Lengths::parse(value).ok_or_else(|| no_number(text, part))?),
            "output" => output = Some(Lengths::parse(value).ok_or_else(|| no_number(text, part))?),
            "rate" => rate = Some(positive(value).ok_or_else(|| no_number(text, part))?),
            "count" => count = whole(value).ok_or_else(|| no_number(text, part))?,
            "shared" => shared = whole(value).ok_or_else(|| no_number(text, part))?,
            other => {
                return Err(wrong(text, format!("`{other}` is none of input, output, rate, count, shared")));
            }
        }
    }

    let (Some(input), Some(output)) = (input, output) else {
        return Err(wrong(text, "lengths are missing; give input=TOKENS,output=TOKENS".to_owned()));
    };
    if shared > u64::from(input.least) {
        return Err(wrong(
            text,
            format!("shared={shared} is more than the shortest input of {}", input.least),
        ));
    }
    if usize::try_from(count).map_or(true, |count| count > super::MOST_REQUESTS) {
        return Err(wrong(text, format!("count={count} is too many")));
    }

    let mut chance = ChaCha8Rng::seed_from_u64(seed);
    let mut at_s = 0.0;
    let mut requests = Vec::new();
    for index in 0..count {
        if let (Some(rate), true) = (rate, index > 0) {
            // −ln(1 − u) / rate is exponential where u is uniform in [0, 1)
            at_s -= (1.0 - chance.random::<f64>()).ln() / rate;
        }
        let length = input.draw(&mut chance);
        let blocks = blocks(length, shared, index);
        let input = TraceInput::Tokens { count: length, blocks };
        requests.push(TraceRequest { at_s, input, output_tokens: output.draw(&mut chance) });
    }
    let format = "synthetic".to_owned();
    Ok(TraceWorkload {
        format,
        requests,
        has_arrivals: rate.is_some(),
        held: count,
        ..TraceWorkload::default()
    })
}

fn wrong(text: &str, reason: String) -> WorkloadFault {
    WorkloadFault::of_file(&format!("synthetic:{text}"), reason)
}

fn no_number(text: &str, part: &str) -> WorkloadFault {
    wrong(text, format!("{}: that is not a number above 0", part.trim()))
}

/// Numbers of a request's blocks: shared ones first, whole blocks only, then its own.
fn blocks(length: u32, shared: u64, index: u64) -> Vec<u64> {
    let block = u64::from(TOKENS_OF_A_BLOCK);
    let all = u64::from(length).div_ceil(block);
    let common = shared / block;
    let first = index.saturating_mul(all.max(1));
    (0..all).map(|block| if block < common { SHARED + block } else { first.saturating_add(block) }).collect()
}

/// Lengths at even odds.
#[derive(Clone, Copy)]
struct Lengths {
    least: u32,
    most: u32,
}

impl Lengths {
    fn parse(text: &str) -> Option<Self> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let (least, most) = (tokens(whole(least)?).ok()?, tokens(whole(most)?).ok()?);
        (least <= most).then_some(Self { least, most })
    }

    fn draw(self, chance: &mut ChaCha8Rng) -> u32 {
        chance.random_range(self.least..=self.most)
    }
}

fn positive(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

fn whole(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|value| *value > 0)
}
