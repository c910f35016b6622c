//! The error of a mean that uses what is known of each prompt: its length, the length of its answer, its kind.
//!
//! Prompts of mixed lengths cost different amounts, and a variant that is slower at reading and faster at writing saves
//! more on some of them than on others. Over a few prompts that spread is most of a saving's interval, although it says
//! nothing about the machine or the model: the lengths are known. So the values are regressed on what is known (control
//! variates, or regression estimation: Cochran, *Sampling Techniques*, 3rd ed. 1977, ch. 7), and the error of their
//! mean comes from what is left. It is then the error of a mean at the lengths that were asked.
//!
//! Where a part of a set was run, the lengths of the rest are not known, and their part of the error is added again: what
//! is left within kinds of prompts, times 1 − the share of the set that was run (the finite population correction, ibid.
//! ch. 2 and 5).
//!
//! The errors are delete-one-cluster jackknifes with the regression fitted anew each time, in closed form ("CV3": Bell &
//! McCaffrey 2002; MacKinnon, Nielsen & Webb 2023, as in [`crate::blocks`]), once with prompts as clusters and once with
//! blocks; the wider one counts.

use crate::normal::student_quantile;

/// A column whose variation is less than this share of its size adds nothing to those before it.
const LEAST_VARIATION: f64 = 1e-9;
/// Degrees of freedom below which a regression says nothing about its own error.
const FEWEST_DEGREES: usize = 5;

/// What is known of the values whose mean is wanted, one entry a prompt.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Columns that vary with the values: lengths.
    pub lengths: &'a [Vec<f64>],
    /// The block of each prompt.
    pub blocks: &'a [usize],
    /// The part of a larger set that was run; `None` where all of it was.
    pub part: Option<Part<'a>>,
}

/// How a part of a larger set was drawn.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Share of the set that was run, in (0, 1].
    pub share: f64,
    /// Columns whose mean in the part is that of the set, by the way in which it was drawn: kinds and lengths of prompts.
    pub balanced: &'a [Vec<f64>],
}

/// Standard errors of a mean, each with its degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanError {
    by_prompts: Deviation,
    by_blocks: Deviation,
    /// Of the rest of the set.
    of_rest: Deviation,
}

/// A standard error with its degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Deviation {
    error: f64,
    degrees: f64,
}

impl Deviation {
    fn at(self, level: f64) -> f64 {
        if self.error > 0.0 { student_quantile(level, self.degrees).abs() * self.error } else { 0.0 }
    }
}

impl MeanError {
    /// The error of the mean of `values`; `None` where they are too few for what is known, or a block decides a column
    /// alone.
    pub fn of(values: &[f64], known: &Known<'_>) -> Option<Self> {
        let n = values.len();
        if known.blocks.len() != n || values.iter().any(|value| !value.is_finite()) {
            return None;
        }

        let basis = Basis::of(n, known.lengths);
        let left = basis.residuals(values);
        let degrees = n.checked_sub(basis.columns.len()).filter(|degrees| *degrees >= FEWEST_DEGREES)?;
        let each: Vec<usize> = (0..n).collect();
        let (by_prompts, _) = basis.jackknife(&left, &each)?;
        let (by_blocks, blocks) = basis.jackknife(&left, known.blocks)?;

        Some(Self {
            by_prompts: Deviation { error: by_prompts, degrees: degrees as f64 },
            by_blocks: Deviation { error: by_blocks, degrees: blocks as f64 - 1.0 },
            of_rest: rest(values, variance(&left, degrees), known.part),
        })
    }

    /// How far from the mean the bound lies beyond which the truth is with one-sided probability `tail`.
    pub fn distance(&self, tail: f64) -> f64 {
        let own = self.by_prompts.at(tail).max(self.by_blocks.at(tail));
        own.hypot(self.of_rest.at(tail))
    }
}

/// The error that comes from not having run the rest of a set: what varies within kinds, less what varies at given
/// lengths.
fn rest(values: &[f64], at_given_lengths: f64, part: Option<Part<'_>>) -> Deviation {
    let none = Deviation { error: 0.0, degrees: f64::INFINITY };
    let Some(part) = part else { return none };
    let n = values.len();

    // Too few prompts for so many kinds: all of the spread counts.
    let mut basis = Basis::of(n, part.balanced);
    if n < basis.columns.len() + FEWEST_DEGREES {
        basis = Basis::of(n, &[]);
    }
    let Some(degrees) = n.checked_sub(basis.columns.len()).filter(|degrees| *degrees > 0) else {
        return none;
    };

    let within = variance(&basis.residuals(values), degrees);
    let left_out = (1.0 - part.share).clamp(0.0, 1.0);
    let square = left_out * (within - at_given_lengths).max(0.0);
    Deviation { error: square.sqrt(), degrees: degrees as f64 }
}

/// The variance of a mean whose values deviate by these residuals.
fn variance(residuals: &[f64], degrees: usize) -> f64 {
    let square: f64 = residuals.iter().map(|residual| residual * residual).sum();
    square / degrees as f64 / residuals.len() as f64
}

/// Orthonormal columns: the constant one, then what each further column adds to those before it (modified
/// Gram-Schmidt). One that adds nothing is left out.
struct Basis {
    columns: Vec<Vec<f64>>,
}

impl Basis {
    fn of(n: usize, further: &[Vec<f64>]) -> Self {
        let mut basis = Self { columns: Vec::new() };
        basis.add(vec![1.0; n]);
        for column in further.iter().filter(|column| column.len() == n) {
            basis.add(column.clone());
        }
        basis
    }

    fn add(&mut self, mut column: Vec<f64>) {
        let before = dot(&column, &column);

        // Twice, since once leaves rounding behind where columns are nearly the same.
        for _ in 0..2 {
            for known in &self.columns {
                let share = dot(known, &column);
                subtract(&mut column, share, known);
            }
        }

        let square = dot(&column, &column);
        if square.is_finite() && square > LEAST_VARIATION * before && square > 0.0 {
            let length = square.sqrt();
            column.iter_mut().for_each(|cell| *cell /= length);
            self.columns.push(column);
        }
    }

    fn residuals(&self, values: &[f64]) -> Vec<f64> {
        let mut left = values.to_vec();
        for column in &self.columns {
            let share = dot(column, &left);
            subtract(&mut left, share, column);
        }
        left
    }

    /// The jackknife's standard error of the mean at the mean of all columns, one cluster left out at a time with the
    /// regression fitted anew, and the number of clusters.
    ///
    /// Without cluster g, the mean changes by 1ᵀ (I − Q Qᵀ)⁻¹ r ÷ n over its rows of the basis Q and of the residuals
    /// r; the inverse is I + Q (I − QᵀQ)⁻¹ Qᵀ (Woodbury).
    fn jackknife(&self, residuals: &[f64], clusters: &[usize]) -> Option<(f64, usize)> {
        let mut rows: std::collections::BTreeMap<usize, Vec<usize>> = std::collections::BTreeMap::new();
        for (row, cluster) in clusters.iter().enumerate() {
            rows.entry(*cluster).or_default().push(row);
        }
        let count = rows.len();
        if count < 2 {
            return None;
        }

        let mut square = 0.0;
        for rows in rows.values() {
            square += self.change_without(rows, residuals)?.powi(2);
        }
        let groups = count as f64;
        let error = ((groups - 1.0) / groups * square).sqrt();
        error.is_finite().then_some((error, count))
    }

    fn change_without(&self, rows: &[usize], residuals: &[f64]) -> Option<f64> {
        let width = self.columns.len();
        let at = |column: usize, row: usize| self.columns.get(column).and_then(|one| one.get(row)).copied();

        let mut left = vec![vec![0.0; width]; width];
        let (mut of_residuals, mut of_ones, mut sum) = (vec![0.0; width], vec![0.0; width], 0.0);
        for row in rows {
            let residual = residuals.get(*row).copied()?;
            sum += residual;
            for (column, line) in left.iter_mut().enumerate() {
                let cell = at(column, *row)?;
                *of_residuals.get_mut(column)? += cell * residual;
                *of_ones.get_mut(column)? += cell;
                for (other, value) in line.iter_mut().enumerate() {
                    *value -= cell * at(other, *row)?;
                }
            }
        }
        for (column, line) in left.iter_mut().enumerate() {
            *line.get_mut(column)? += 1.0;
        }

        let solved = solve(left, of_residuals)?;
        Some((sum + dot(&of_ones, &solved)) / residuals.len() as f64)
    }
}

/// Solves a small system by elimination with pivots; `None` where it is singular.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let width = right.len();
    for column in 0..width {
        let size =
            |row: &usize| matrix.get(*row).and_then(|line| line.get(column)).map_or(0.0, |cell| cell.abs());
        let pivot = (column..width).max_by(|one, other| size(one).total_cmp(&size(other)))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);

        let line = matrix.get(column)?.clone();
        let (head, value) = (line.get(column).copied()?, right.get(column).copied()?);
        if head.abs() < LEAST_VARIATION {
            return None;
        }
        for row in (0..width).filter(|row| *row != column) {
            let other = matrix.get_mut(row)?;
            let factor = other.get(column).copied()? / head;
            subtract(other, factor, &line);
            *right.get_mut(row)? -= factor * value;
        }
    }

    let mut solution = Vec::with_capacity(width);
    for (column, (line, value)) in matrix.iter().zip(&right).enumerate() {
        solution.push(value / line.get(column).copied()?);
    }
    Some(solution)
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

fn subtract(from: &mut [f64], share: f64, what: &[f64]) {
    from.iter_mut().zip(what).for_each(|(cell, other)| *cell -= share * other);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test ends at the first thing that is wrong")]
    use super::*;

    const BLOCKS: [usize; 12] = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];
    const VALUES: [f64; 12] = [1.0, 2.5, 3.0, 4.5, 5.0, 5.5, 7.5, 8.0, 9.5, 10.0, 10.5, 12.5];

    fn lengths() -> Vec<f64> {
        (0..12).map(|index| f64::from(index) + if index % 3 == 0 { 0.5 } else { 0.0 }).collect()
    }

    fn error(lengths: &[Vec<f64>], part: Option<Part<'_>>) -> MeanError {
        MeanError::of(&VALUES, &Known { lengths, blocks: &BLOCKS, part }).unwrap()
    }

    fn near(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-9 * expected.abs().max(1.0), "{got} is not {expected}");
    }

    /// Ordinary least squares of the values that are kept, at the mean of the columns of all.
    fn fitted(keep: impl Fn(usize) -> bool, column: &[f64], at: f64) -> f64 {
        let rows: Vec<usize> = (0..VALUES.len()).filter(|row| keep(*row)).collect();
        let n = rows.len() as f64;
        let mean = |of: &dyn Fn(usize) -> f64| rows.iter().map(|row| of(*row)).sum::<f64>() / n;
        let (x, y) = (mean(&|row| column[row]), mean(&|row| VALUES[row]));
        let xy: f64 = rows.iter().map(|row| (column[*row] - x) * (VALUES[*row] - y)).sum();
        let xx: f64 = rows.iter().map(|row| (column[*row] - x).powi(2)).sum();
        y + xy / xx * (at - x)
    }

    /// Without anything known, it is the standard error of a mean, s ÷ √n, and that of the means of equal blocks.
    #[test]
    fn nothing_known_is_the_plain_error() {
        let found = error(&[], None);
        let mean = VALUES.iter().sum::<f64>() / 12.0;
        let square: f64 = VALUES.iter().map(|value| (value - mean).powi(2)).sum();
        near(found.by_prompts.error, (square / 11.0 / 12.0).sqrt());

        let means: Vec<f64> = VALUES.chunks(3).map(|block| block.iter().sum::<f64>() / 3.0).collect();
        let square: f64 = means.iter().map(|block| (block - mean).powi(2)).sum();
        near(found.by_blocks.error, (square / 3.0 / 4.0).sqrt());
        near(found.of_rest.error, 0.0);
    }

    /// The closed form is the regression fitted anew without each cluster.
    #[test]
    fn the_closed_form_is_the_jackknife() {
        let column = lengths();
        let at = column.iter().sum::<f64>() / 12.0;
        let whole = fitted(|_| true, &column, at);
        let found = error(std::slice::from_ref(&column), None);

        let square: f64 = (0..12).map(|row| (fitted(|one| one != row, &column, at) - whole).powi(2)).sum();
        near(found.by_prompts.error, (11.0 / 12.0 * square).sqrt());
        let square: f64 =
            (0..4).map(|block| (fitted(|one| BLOCKS[one] != block, &column, at) - whole).powi(2)).sum();
        near(found.by_blocks.error, (3.0 / 4.0 * square).sqrt());
        assert!(found.by_prompts.error < error(&[], None).by_prompts.error / 5.0);
    }

    /// A column that says nothing new, or nothing at all, changes nothing.
    #[test]
    fn what_adds_nothing_is_left_out() {
        let one = error(&[lengths()], None);
        let twice: Vec<f64> = lengths().iter().map(|length| 2.0 * length + 3.0).collect();
        let again = error(&[lengths(), twice, vec![7.0; 12], vec![0.0; 12]], None);
        near(one.by_prompts.error, again.by_prompts.error);
        near(one.by_blocks.error, again.by_blocks.error);
        near(one.by_prompts.degrees, again.by_prompts.degrees);
    }

    /// What is not known of the rest of a set is added again: all of it for a set without end, nothing for the whole.
    #[test]
    fn the_rest_of_a_set_counts_by_its_share() {
        let (lengths, plain) = ([lengths()], error(&[], None));
        let part = |share| Part { share, balanced: &[] };
        let endless = error(&lengths, Some(part(0.0)));
        let given = error(&lengths, None);
        let square = plain.by_prompts.error.powi(2);
        let within = variance(&Basis::of(12, &lengths).residuals(&VALUES), 10);
        near(endless.of_rest.error, (square - within).sqrt());
        near(error(&lengths, Some(part(1.0))).of_rest.error, 0.0);
        near(error(&lengths, Some(part(0.5))).of_rest.error, ((square - within) / 2.0).sqrt());
        assert!(endless.distance(0.025) > given.distance(0.025));

        // What was drawn in its share is no more unknown.
        let balanced = Part { share: 0.0, balanced: &lengths };
        near(error(&lengths, Some(balanced)).of_rest.error, 0.0);
    }

    #[test]
    fn too_little_says_nothing() {
        let known = |blocks| Known { lengths: &[], blocks, part: None };
        assert_eq!(MeanError::of(&[1.0; 3], &known(&[0, 1, 2])), None);
        assert_eq!(MeanError::of(&VALUES, &known(&[0; 12])), None);
        assert_eq!(MeanError::of(&VALUES, &known(&[0, 1])), None);
        assert_eq!(MeanError::of(&[f64::NAN; 12], &known(&BLOCKS)), None);

        // One block alone holds all that a column varies by.
        let mut column = vec![0.0; 12];
        column[3] = 1.0;
        let lengths = [column];
        assert_eq!(MeanError::of(&VALUES, &Known { lengths: &lengths, blocks: &BLOCKS, part: None }), None);
    }
}
