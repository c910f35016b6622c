//! Physical quantities, each in its SI unit.

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $unit:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            #[doc = concat!("Nothing measured yet: 0 ", $unit, ".")]
            pub const ZERO: Self = Self(0.0);

            #[doc = concat!("Wraps a number of ", $unit, ".")]
            pub const fn new(value: f64) -> Self {
                Self(value)
            }

            #[doc = concat!("The number of ", $unit, ".")]
            pub const fn get(self) -> f64 {
                self.0
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl Neg for $name {
            type Output = Self;
            fn neg(self) -> Self {
                Self(-self.0)
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }

        impl Div<f64> for $name {
            type Output = Self;
            fn div(self, divisor: f64) -> Self {
                Self(self.0 / divisor)
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
                values.fold(Self::ZERO, Add::add)
            }
        }
    };
}

quantity!(
    /// Energy in joules.
    Joules,
    "joules"
);
quantity!(
    /// Power in watts.
    Watts,
    "watts"
);
quantity!(
    /// A token rate in tokens per second.
    TokensPerSecond,
    "tokens per second"
);

/// A size in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Joules {
    /// Converts from the microjoules that sysfs counters hold.
    pub fn from_microjoules(microjoules: u64) -> Self {
        Self::new(microjoules as f64 * 1e-6)
    }

    /// Converts from the millijoules that NVML counters hold.
    pub fn from_millijoules(millijoules: u64) -> Self {
        Self::new(millijoules as f64 * 1e-3)
    }

    /// The same energy in kilowatt-hours, the unit of tariffs (1 kWh = 3.6 MJ).
    pub fn kilowatt_hours(self) -> f64 {
        self.get() / 3.6e6
    }
}

impl Watts {
    /// Converts from the microwatts that hwmon gauges hold.
    pub fn from_microwatts(microwatts: u64) -> Self {
        Self::new(microwatts as f64 * 1e-6)
    }

    /// Converts from the milliwatts that NVML gauges hold.
    pub fn from_milliwatts(milliwatts: u64) -> Self {
        Self::new(milliwatts as f64 * 1e-3)
    }
}

impl Mul<Duration> for Watts {
    type Output = Joules;

    fn mul(self, time: Duration) -> Joules {
        Joules::new(self.get() * time.as_secs_f64())
    }
}

impl Div<Duration> for Joules {
    type Output = Watts;

    fn div(self, time: Duration) -> Watts {
        Watts::new(self.get() / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_times_time_is_energy() {
        let energy = Watts::new(60.0) * Duration::from_secs(60);
        assert!((energy.get() - 3600.0).abs() < 1e-9);
        assert!((energy.kilowatt_hours() - 0.001).abs() < 1e-12);
        assert!(((energy / Duration::from_secs(60)).get() - 60.0).abs() < 1e-9);
    }

    #[test]
    fn edge_conversions() {
        assert!((Joules::from_microjoules(2_500_000).get() - 2.5).abs() < 1e-12);
        assert!((Joules::from_millijoules(2_500).get() - 2.5).abs() < 1e-12);
        assert!((Watts::from_microwatts(15_000_000).get() - 15.0).abs() < 1e-12);
        assert!((Watts::from_milliwatts(15_000).get() - 15.0).abs() < 1e-12);
    }
}
