//! What GPU boards show of themselves beside their energy.

use serde::{Deserialize, Serialize};

use crate::units::{Joules, Watts};

/// What one board showed at one moment; `None` is unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BoardState {
    /// Product name.
    pub name: String,
    /// The board's identity, which stays when indices move.
    pub uuid: String,
    /// Degrees Celsius at the die.
    pub temperature_c: Option<u32>,
    /// The power limit in force.
    pub power_limit_w: Option<Watts>,
    /// Graphics clock in MHz.
    pub graphics_clock_mhz: Option<u32>,
    /// Memory clock in MHz.
    pub memory_clock_mhz: Option<u32>,
    /// What holds the clocks down, as the driver names it; idleness is not counted.
    pub throttle_reasons: Vec<String>,
    /// Compute processes on the board other than the one that measures.
    pub other_processes: Option<u32>,
}

/// One instrument's counter against the integral of its own power, over the same windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossCheck {
    /// The instrument.
    pub name: String,
    /// What the counter says; this is what readings are made of.
    pub counted: Joules,
    /// What the samples of power add up to.
    pub integrated: Joules,
    /// Windows behind both, each long enough to tell.
    pub windows: u32,
}

impl CrossCheck {
    /// A difference beyond this share is worth a warning.
    pub const TOLERANCE: f64 = 0.10;

    /// How far the integral is from the counter, as a share of the counter.
    pub fn difference(&self) -> f64 {
        self.integrated.get() / self.counted.get() - 1.0
    }

    /// Whether the two agree within [`TOLERANCE`](Self::TOLERANCE).
    pub fn agrees(&self) -> bool {
        self.difference().abs() <= Self::TOLERANCE
    }
}
