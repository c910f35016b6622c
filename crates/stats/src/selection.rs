//! Values of a sample by their rank, where the sample is too large to be copied.

/// Bits of a value that one walk over the sample settles.
const DIGIT: u32 = 16;
/// The values that such a digit has.
const DIGITS: usize = 1 << DIGIT;

/// A value that is looked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    /// Its leading bits, as far as they are settled.
    settled: u64,
    /// Its rank among the values that begin with them.
    rank: usize,
}

/// How often each next digit follows some leading bits.
struct Counts {
    settled: u64,
    digits: Vec<usize>,
}

/// The values at those ranks of the sorted sample, 0 first; `None` where one is beyond its end. Walks the sample four times
/// and keeps none of it: radix selection from the highest digit on.
pub(crate) fn at_ranks(sample: impl Iterator<Item = f64> + Clone, ranks: &[usize]) -> Option<Vec<f64>> {
    let mut all: Vec<Wanted> = ranks.iter().map(|rank| Wanted { settled: 0, rank: *rank }).collect();

    for level in 1..=u64::BITS / DIGIT {
        let shift = u64::BITS - level * DIGIT;
        let mut counts = counts_for(&all);

        for value in sample.clone() {
            let bits = ordered(value) >> shift;
            let (settled, digit) = (bits >> DIGIT, bits & (DIGITS as u64 - 1));
            if let Some(counts) = counts.iter_mut().find(|counts| counts.settled == settled)
                && let Some(count) = counts.digits.get_mut(digit as usize)
            {
                *count += 1;
            }
        }

        for wanted in &mut all {
            let counts = counts.iter().find(|counts| counts.settled == wanted.settled)?;
            *wanted = next_digit(*wanted, &counts.digits)?;
        }
    }

    Some(all.iter().map(|wanted| value_of(wanted.settled)).collect())
}

/// Room to count what follows the bits that are settled, each once.
fn counts_for(all: &[Wanted]) -> Vec<Counts> {
    let mut counts: Vec<Counts> = Vec::new();
    for wanted in all {
        if counts.iter().all(|known| known.settled != wanted.settled) {
            counts.push(Counts { settled: wanted.settled, digits: vec![0; DIGITS] });
        }
    }
    counts
}

/// One digit more of a value; `None` where its rank is beyond the end.
fn next_digit(wanted: Wanted, counts: &[usize]) -> Option<Wanted> {
    let mut rank = wanted.rank;
    for (digit, count) in (0..).zip(counts) {
        match rank.checked_sub(*count) {
            Some(left) => rank = left,
            None => return Some(Wanted { settled: wanted.settled << DIGIT | digit, rank }),
        }
    }
    None
}

/// Bits that are ordered as numbers are by [`f64::total_cmp`].
fn ordered(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | 1 << (u64::BITS - 1) }
}

/// The number of such bits.
fn value_of(ordered: u64) -> f64 {
    let is_positive = ordered >> (u64::BITS - 1) == 1;
    f64::from_bits(if is_positive { ordered & (u64::MAX >> 1) } else { !ordered })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn every_rank_has_the_value_that_it_has_in_the_sorted_sample() {
        let odd = [f64::NEG_INFINITY, -1.5, -f64::MIN_POSITIVE, -0.0, 0.0, f64::MIN_POSITIVE, f64::INFINITY];
        let close = (0..500).map(|i| 0.015 + f64::from(i * 7_919 % 503) * 1e-17);
        let sample: Vec<f64> =
            odd.into_iter().chain(close).chain([0.015; 9]).chain([1e300, -1e300]).collect();

        let mut sorted = sample.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        for ranks in (0..sorted.len()).collect::<Vec<_>>().chunks(5) {
            let expected: Vec<f64> = ranks.iter().map(|rank| sorted[*rank]).collect();
            let found = at_ranks(sample.iter().copied(), ranks).unwrap();
            assert_eq!(bits(&found), bits(&expected), "{ranks:?}");
        }

        assert_eq!(at_ranks(sample.iter().copied(), &[sorted.len()]), None);
        assert_eq!(at_ranks([].into_iter(), &[0]), None);
    }
}
