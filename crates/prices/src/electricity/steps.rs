//! How long values hold that come with their beginnings alone.

/// Lengths in which exchanges trade, in seconds.
const USUAL: [i64; 3] = [900, 1800, 3600];
/// No value holds longer.
const LONGEST: i64 = 3600;

/// How many seconds each value holds, given the seconds at which they begin, in order.
///
/// A value holds until the next one, in steps that may change within one answer, as exchanges went from hours to
/// quarters. Behind a gap nothing is known: a distance that stands alone among shorter ones is a gap and no step.
pub(crate) fn lengths(starts: &[i64]) -> Vec<i64> {
    let distances: Vec<i64> =
        starts.windows(2).filter_map(|pair| pair.last()?.checked_sub(*pair.first()?)).collect();

    let mut before: Option<i64> = None;
    (0..starts.len())
        .map(|index| {
            let next = distances.get(index).copied();
            let after = distances.get(index + 1).copied();
            let length = match next {
                // Two equal steps in a row are what the answer goes on in.
                Some(next) if after == Some(next) && USUAL.contains(&next) => next,
                Some(next) => next.min(before.or(after).unwrap_or(LONGEST)),
                None => before.unwrap_or(LONGEST),
            };

            let length = length.min(LONGEST);
            before = Some(length);
            length
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_and_gaps() {
        for (starts, expected) in [
            (&[0][..], &[3600][..]),
            (&[], &[]),
            (&[0, 900, 1800, 3600], &[900, 900, 900, 900]),
            (&[0, 3600, 7200], &[3600, 3600, 3600]),
            // hours, then quarters
            (&[0, 3600, 7200, 8100, 9000], &[3600, 3600, 900, 900, 900]),
            // quarters, then hours
            (&[0, 900, 1800, 5400, 9000], &[900, 900, 3600, 3600, 3600]),
            // a gap of two days between hours
            (&[0, 3600, 176_400, 180_000], &[3600, 3600, 3600, 3600]),
        ] {
            assert_eq!(lengths(starts), expected, "{starts:?}");
        }
    }
}
