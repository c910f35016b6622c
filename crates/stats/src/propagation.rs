//! Intervals of what is computed from measured quantities.

use infercost_core::Estimate;

/// One uncertain input. Inputs with the same `group` come from the same measurement and move together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input {
    /// The measured value with its interval.
    pub estimate: Estimate,
    /// Which measurement it comes from.
    pub group: u32,
}

impl Input {
    /// An input of a group.
    pub fn new(estimate: Estimate, group: u32) -> Self {
        Self { estimate, group }
    }
}

/// A value that is taken as certain.
pub fn exact(value: f64) -> Estimate {
    Estimate { point: value, lower: value, upper: value, confidence: 0.95, n: 0 }
}

/// The interval of `f` at the inputs.
///
/// Each group of inputs is moved to its lower and to its upper ends while the others stay at their points; the
/// distances that `f` goes down, and those that it goes up, are each added as squares (variance recovery: Zou &
/// Donner, *Construction of confidence limits about effect measures*, Stat. Med. 27, 2008). Assumes that `f` is
/// monotone in each group within its interval, that groups are independent, and that inputs within a group are
/// wholly dependent, which errs on the wide side for a sum.
///
/// `None` where `f` is not finite at the points or at an end.
pub fn propagate(inputs: &[Input], f: impl Fn(&[f64]) -> f64) -> Option<Estimate> {
    let points: Vec<f64> = inputs.iter().map(|input| input.estimate.point).collect();
    let point = f(&points);
    let mut groups: Vec<u32> = inputs.iter().map(|input| input.group).collect();
    groups.sort_unstable();
    groups.dedup();

    let (mut below, mut above) = (0.0, 0.0);
    for group in groups {
        let low = f(&with_group_at(inputs, group, |one| one.lower));
        let high = f(&with_group_at(inputs, group, |one| one.upper));
        if !low.is_finite() || !high.is_finite() {
            return None;
        }
        below += (point - low.min(high)).max(0.0).powi(2);
        above += (low.max(high) - point).max(0.0).powi(2);
    }

    // What is taken as certain says nothing of how sure the answer is.
    let measured: Vec<&Estimate> =
        inputs.iter().map(|input| &input.estimate).filter(|estimate| estimate.n > 0).collect();

    point.is_finite().then(|| Estimate {
        point,
        lower: point - below.sqrt(),
        upper: point + above.sqrt(),
        confidence: measured.iter().map(|one| one.confidence).fold(1.0_f64, f64::min),
        n: measured.iter().map(|one| one.n).min().unwrap_or(0),
    })
}

/// The inputs' points, with those of one group moved to an end.
fn with_group_at(inputs: &[Input], group: u32, end: fn(&Estimate) -> f64) -> Vec<f64> {
    let mut values = Vec::with_capacity(inputs.len());
    for Input { estimate, group: its_group } in inputs {
        values.push(if *its_group == group { end(estimate) } else { estimate.point });
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(point: f64, half: f64, group: u32) -> Input {
        Input::new(
            Estimate {
                point,
                lower: point - half,
                upper: point + half,
                confidence: 0.95,
                n: 10 + group as usize,
            },
            group,
        )
    }

    fn check(inputs: &[Input], f: fn(&[f64]) -> f64, wanted: Option<(f64, f64, f64)>) {
        let found = propagate(inputs, f).map(|found| (found.point, found.lower, found.upper));
        match (found, wanted) {
            (Some(found), Some(wanted)) => {
                let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
                assert!(
                    near(found.0, wanted.0) && near(found.1, wanted.1) && near(found.2, wanted.2),
                    "{found:?}"
                );
            }
            (found, wanted) => assert_eq!(found, wanted),
        }
    }

    #[test]
    fn distances_add_as_squares_between_groups_and_plainly_within() {
        let sum = |x: &[f64]| x.iter().sum();
        check(&[input(10.0, 3.0, 0), input(20.0, 4.0, 1)], sum, Some((30.0, 25.0, 35.0)));
        check(&[input(10.0, 3.0, 0), input(20.0, 4.0, 0)], sum, Some((30.0, 23.0, 37.0)));
        check(&[input(10.0, 3.0, 0)], |_| 7.0, Some((7.0, 7.0, 7.0)));
        check(&[input(4.0, 2.0, 0)], |x| 8.0 / x[0], Some((2.0, 8.0 / 6.0, 4.0)));
        check(&[input(1.0, 1.0, 0)], |x| 1.0 / x[0], None);
        check(&[], |_| 3.0, Some((3.0, 3.0, 3.0)));
    }

    /// Deviates of mean 0 and spread 1 from a fixed stream: the sum of twelve uniform numbers, less six.
    struct Deviates(u64);

    impl Deviates {
        fn next(&mut self) -> f64 {
            let mut sum = -6.0;
            for _ in 0..12 {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                sum += (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
            }
            sum
        }
    }

    /// Intervals of measured values at 95 % give intervals of sums, products and ratios that hold the truth about as
    /// often.
    #[test]
    fn the_truth_is_within_as_often_as_promised() {
        let truths: [f64; 3] = [0.8, 48.0, 12.0];
        let spreads = [0.05, 4.0, 2.0];
        let functions: [fn(&[f64]) -> f64; 3] = [
            |x| x[0] * 0.02 + x[1] * 1e-4 + x[2] * 1e-3,
            |x| x[0] * x[1] * x[2],
            |x| 1.0 - x[1] / (x[0] * 70.0 + x[2]),
        ];
        let mut deviates = Deviates(0x9E37_79B9_7F4A_7C15);
        for (number, f) in functions.iter().enumerate() {
            let truth = f(&truths);
            let mut held = 0;
            for _ in 0..1000 {
                let inputs: Vec<Input> = (0..3)
                    .map(|index| {
                        input(
                            truths[index] + spreads[index] * deviates.next(),
                            1.96 * spreads[index],
                            index as u32,
                        )
                    })
                    .collect();
                let found = propagate(&inputs, f);
                held += i32::from(found.is_some_and(|found| found.lower <= truth && truth <= found.upper));
            }
            assert!((925..=975).contains(&held), "function {number} holds {held} of 1000");
        }
    }

    #[test]
    fn the_smallest_sample_is_named() {
        let found = propagate(&[input(1.0, 0.1, 5), input(1.0, 0.1, 2)], |x| x[0] * x[1]);
        assert_eq!(found.map(|found| found.n), Some(12));
    }
}
