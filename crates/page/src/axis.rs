//! Axes: where a value lies between two ends of a drawing, and the round values to write beside them.

use crate::figures::significant;

/// How values are spread along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Each decade as long as the next; values must be above 0.
    Logarithmic,
}

/// A range of values laid along a range of the drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    scale: Scale,
    least: f64,
    greatest: f64,
    from: f64,
    to: f64,
}

/// A value worth writing beside an axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) at: f64,
}

/// The smallest and the largest of the values that are finite; `None` where there is none.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let mut ends: Option<(f64, f64)> = None;
    for value in values {
        if !value.is_finite() {
            continue;
        }
        ends = Some(match ends {
            None => (value, value),
            Some((least, greatest)) => (least.min(value), greatest.max(value)),
        });
    }
    ends
}

impl Axis {
    /// An axis over `least..=greatest`, drawn from `from` to `to`; a range without width is widened.
    pub(crate) fn linear(least: f64, greatest: f64, from: f64, to: f64) -> Self {
        let (least, greatest) = if greatest - least > 1e-12 * greatest.abs().max(least.abs()).max(1e-300) {
            (least, greatest)
        } else {
            let room = if least == 0.0 { 1.0 } else { least.abs() * 0.1 };
            (least - room, greatest + room)
        };
        Self { scale: Scale::Linear, least, greatest, from, to }
    }

    /// The same, logarithmic; ends at or below 0 are lifted to a millionth of the largest value.
    pub(crate) fn logarithmic(least: f64, greatest: f64, from: f64, to: f64) -> Self {
        let greatest = if greatest > 0.0 { greatest } else { 1.0 };
        let least = if least > 0.0 { least } else { greatest * 1e-6 };
        let (least, greatest) =
            if greatest / least > 1.001 { (least, greatest) } else { (least / 2.0, greatest * 2.0) };
        Self { scale: Scale::Logarithmic, least, greatest, from, to }
    }

    /// Where `value` lies; values outside are drawn at the nearer end.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.least) / (self.greatest - self.least),
            Scale::Logarithmic => {
                let value = value.max(self.least);
                (value / self.least).ln() / (self.greatest / self.least).ln()
            }
        };
        let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };

        self.from + share * (self.to - self.from)
    }

    /// About `wanted` round values inside the axis.
    pub(crate) fn ticks(&self, wanted: usize) -> Vec<Tick> {
        let values = match self.scale {
            Scale::Linear => self.linear_ticks(wanted),
            Scale::Logarithmic => self.logarithmic_ticks(wanted),
        };

        values.into_iter().map(|value| Tick { value, at: self.place(value) }).collect()
    }

    fn linear_ticks(&self, wanted: usize) -> Vec<f64> {
        let rough = (self.greatest - self.least) / wanted.max(1) as f64;
        let decade = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].map(|factor| factor * decade).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough);

        let first = (self.least / step).ceil();
        let last = (self.greatest / step + 1e-9).floor();
        let count = (last - first).clamp(0.0, 50.0) as usize;
        (0..=count).map(|index| (first + index as f64) * step).collect()
    }

    fn logarithmic_ticks(&self, wanted: usize) -> Vec<f64> {
        let (first, last) = (self.least.log10().floor() as i32, self.greatest.log10().ceil() as i32);
        let inside = |value: &f64| *value >= self.least * 0.999 && *value <= self.greatest * 1.001;

        // Few decades are filled with 2 and 5; many are thinned.
        let factors: &[f64] =
            if (last - first) as usize <= wanted.max(1) { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut values = Vec::new();
        for decade in first..=last {
            values.extend(factors.iter().map(|factor| factor * 10f64.powi(decade)).filter(inside));
        }

        let every = values.len().div_ceil(wanted.max(1) * 2).max(1);
        values.into_iter().step_by(every).collect()
    }
}

/// A tick's value as text: as few digits as tell ticks apart.
pub(crate) fn tick_text(value: f64) -> String {
    let text = significant(value);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lie_where_they_belong() {
        let axis = Axis::linear(0.0, 10.0, 100.0, 200.0);
        assert!((axis.place(5.0) - 150.0).abs() < 1e-9);
        assert!((axis.place(-3.0) - 100.0).abs() < 1e-9, "outside is drawn at the end");
        assert!((axis.place(f64::NAN) - 100.0).abs() < 1e-9);

        let axis = Axis::logarithmic(1.0, 100.0, 0.0, 100.0);
        assert!((axis.place(10.0) - 50.0).abs() < 1e-9);
        assert!((axis.place(0.0) - 0.0).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_round() {
        let check = |axis: Axis, wanted: &[f64]| {
            let got: Vec<f64> = axis.ticks(5).into_iter().map(|tick| tick.value).collect();
            assert_eq!(got.len(), wanted.len(), "{got:?}");
            for (got, wanted) in got.iter().zip(wanted) {
                assert!((got - wanted).abs() < 1e-9 * wanted.abs().max(1.0), "{got} {wanted}");
            }
        };
        check(Axis::linear(0.0, 10.0, 0.0, 1.0), &[0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        check(Axis::linear(11.0, 13.4, 0.0, 1.0), &[11.0, 11.5, 12.0, 12.5, 13.0]);
        check(Axis::logarithmic(1.0, 10.0, 0.0, 1.0), &[1.0, 2.0, 5.0, 10.0]);
    }

    #[test]
    fn no_range_is_without_width() {
        for axis in [
            Axis::linear(3.0, 3.0, 0.0, 1.0),
            Axis::linear(0.0, 0.0, 0.0, 1.0),
            Axis::logarithmic(2.0, 2.0, 0.0, 1.0),
            Axis::logarithmic(0.0, 0.0, 0.0, 1.0),
        ] {
            assert!(axis.greatest > axis.least && axis.place(axis.least).is_finite(), "{axis:?}");
        }
    }

    #[test]
    fn ticks_are_written_short() {
        assert_eq!(tick_text(11.5), "11.5");
        assert_eq!(tick_text(10.0), "10");
        assert_eq!(tick_text(0.0), "0");
        assert_eq!(tick_text(1200.0), "1200");
    }
}
