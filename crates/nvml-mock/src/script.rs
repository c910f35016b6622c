//! What the boards do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const LIBRARY: &str = "libinfercost_nvml_mock.so";
const INSTALLED: &str = "libnvidia-ml.so.1";

/// The whole machine as the library shows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// The error that starting the library gives, by NVML's number; 0 starts it.
    pub init_error: u32,
    /// The boards, by index.
    pub boards: Vec<Board>,
}

/// One board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Board {
    /// Product name.
    pub name: String,
    /// Identity.
    pub uuid: String,
    /// What the energy counter counts.
    pub watts: f64,
    /// What the power gauge shows; `None` for the same as the counter.
    pub shown_watts: Option<f64>,
    /// Milliseconds between two movements of the counter.
    pub refresh_ms: u64,
    /// Whether there is an energy counter.
    pub counter: bool,
    /// Whether there is a power gauge.
    pub gauge: bool,
    /// Whether MIG is on.
    pub mig: bool,
    /// Milliseconds after which the board falls off the bus.
    pub lost_after_ms: Option<u64>,
    /// Bits of the throttle reasons.
    pub throttle: u64,
    /// Milliseconds after which it is hot: 80 °C in place of 45 °C, at 1200 MHz and not 1980 MHz, and throttled by
    /// heat as well (`NVML_CLOCKS_THROTTLE_REASON_SW_THERMAL_SLOWDOWN`).
    pub hot_after_ms: Option<u64>,
    /// Process ids on the board.
    pub processes: Vec<u32>,
    /// Percent of the time in which it works; `None` for a board that does not tell.
    pub utilization: Option<u32>,
    /// Bytes in use of 80 GB; `None` for a board that does not tell.
    pub memory_used: Option<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            name: "Scripted GPU".to_owned(),
            uuid: "GPU-00000000-0000-0000-0000-000000000000".to_owned(),
            watts: 100.0,
            shown_watts: None,
            refresh_ms: 20,
            counter: true,
            gauge: true,
            mig: false,
            lost_after_ms: None,
            throttle: 0,
            hot_after_ms: None,
            processes: Vec::new(),
            utilization: None,
            memory_used: None,
        }
    }
}

/// Puts the library and its script into `folder`, and gives the library's path.
///
/// # Errors
/// Where the library has not been built next to the running test, or `folder` cannot be written.
pub fn install(folder: &Path, script: &Script) -> io::Result<PathBuf> {
    let installed = folder.join(INSTALLED);
    fs::copy(built_library()?, &installed)?;
    fs::write(script_of(&installed), serde_json::to_vec(script)?)?;
    Ok(installed)
}

/// The script that belongs to a copy of the library.
pub(crate) fn script_of(library: &Path) -> PathBuf {
    library.with_extension("json")
}

/// Cargo builds the library of a dependency into the folder in which the test itself lies.
fn built_library() -> io::Result<PathBuf> {
    let test = std::env::current_exe()?;
    test.ancestors()
        .skip(1)
        .take(3)
        .flat_map(|folder| [folder.join(LIBRARY), folder.join("deps").join(LIBRARY)])
        .find(|library| library.is_file())
        .ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("{LIBRARY} is not next to {}", test.display()))
        })
}
