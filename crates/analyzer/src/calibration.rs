//! What a wall meter shows for what the machine's own meter counts: wall = factor × host + offset.

use infercost_core::text::count;
use thiserror::Error;

/// Fewest windows of a fit.
pub const FEWEST_WINDOWS: usize = 6;
/// A residual beyond this share of the mean wall power is no fit.
const LARGEST_RESIDUAL: f64 = 0.10;
/// Host powers must differ by this share of their largest, or no slope can be told.
const SMALLEST_RANGE: f64 = 0.10;

/// Mean powers of both meters over one window, in watts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowPowers {
    /// By the machine's own meter.
    pub host: f64,
    /// By the wall meter.
    pub wall: f64,
}

/// A fitted line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallFit {
    /// Wall watts for each host watt.
    pub factor: f64,
    /// Wall watts that the host meter does not see.
    pub offset: f64,
    /// Root mean square of what the line misses, as a share of the mean wall power.
    pub residual: f64,
}

/// Why no line was fitted.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum FitError {
    /// Too few windows.
    #[error("{} could be read; a fit needs {FEWEST_WINDOWS}", count(*found as u64, "window"))]
    TooFew {
        /// Windows with both powers.
        found: usize,
    },
    /// Rest and work look alike to the host's meter.
    #[error(
        "the machine's own meter shows {lowest:.1} to {highest:.1} W, too little difference between rest and \
         work to fit a factor; calibrate on an otherwise idle machine"
    )]
    TooAlike {
        /// Smallest host power, in watts.
        lowest: f64,
        /// Largest host power, in watts.
        highest: f64,
    },
    /// The line goes down.
    #[error("the wall meter falls where the machine's own meter rises; is it on this machine's plug?")]
    Falling,
    /// The points lie far from any line.
    #[error(
        "the wall meter is {:.0} % off the best line; keep other loads off the plug and the machine",
        residual * 100.0
    )]
    Scattered {
        /// As in [`WallFit`].
        residual: f64,
    },
}

/// Fits the line by ordinary least squares of wall on host power over at least [`FEWEST_WINDOWS`] windows.
///
/// # Errors
/// [`FitError`]: too few windows or too little spread, a falling line, or more than 10 % of residual.
pub fn fit(windows: &[WindowPowers]) -> Result<WallFit, FitError> {
    let sound: Vec<&WindowPowers> =
        windows.iter().filter(|one| one.host.is_finite() && one.wall.is_finite()).collect();
    let found = sound.len();
    if found < FEWEST_WINDOWS {
        return Err(FitError::TooFew { found });
    }

    let host = mean(&sound, |one| one.host);
    let wall = mean(&sound, |one| one.wall);
    let lowest = sound.iter().map(|one| one.host).fold(f64::INFINITY, f64::min);
    let highest = sound.iter().map(|one| one.host).fold(f64::NEG_INFINITY, f64::max);
    if highest - lowest <= SMALLEST_RANGE * highest.abs() {
        return Err(FitError::TooAlike { lowest, highest });
    }

    let covariance = mean(&sound, |one| (one.host - host) * (one.wall - wall));
    let factor = covariance / mean(&sound, |one| (one.host - host).powi(2));
    if factor.is_nan() || factor <= 0.0 {
        return Err(FitError::Falling);
    }

    let offset = wall - factor * host;
    let square = mean(&sound, |one| (one.wall - factor * one.host - offset).powi(2));
    let residual = square.sqrt() / wall;
    if residual.is_nan() || residual > LARGEST_RESIDUAL {
        return Err(FitError::Scattered { residual });
    }
    Ok(WallFit { factor, offset, residual })
}

fn mean(windows: &[&WindowPowers], quantity: impl Fn(&WindowPowers) -> f64) -> f64 {
    windows.iter().map(|one| quantity(one)).sum::<f64>() / windows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(hosts: &[f64], wall: impl Fn(usize, f64) -> f64) -> Vec<WindowPowers> {
        let window = |(index, host): (usize, &f64)| WindowPowers { host: *host, wall: wall(index, *host) };
        hosts.iter().enumerate().map(window).collect()
    }

    const HOSTS: [f64; 8] = [20.0, 80.0, 21.0, 78.0, 20.0, 82.0, 19.0, 80.0];

    #[test]
    fn a_line_is_found() {
        let exact = fit(&line(&HOSTS, |_, host| 1.2 * host + 15.0));
        assert!(
            matches!(exact, Ok(WallFit { factor, offset, residual })
                if (factor - 1.2).abs() < 1e-9 && (offset - 15.0).abs() < 1e-9 && residual < 1e-9),
            "{exact:?}"
        );
        let noise = |index: usize| if index.is_multiple_of(2) { 1.0 } else { -1.0 };
        let noisy = fit(&line(&HOSTS, |index, host| 1.2 * host + 15.0 + noise(index / 2)));
        assert!(
            matches!(noisy, Ok(fit) if (fit.factor - 1.2).abs() < 0.05 && fit.residual > 0.005),
            "{noisy:?}"
        );
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let few = fit(&line(&HOSTS[..5], |_, host| host));
        assert_eq!(few, Err(FitError::TooFew { found: 5 }));
        let unread = fit(&line(&HOSTS, |index, host| if index < 3 { f64::NAN } else { host }));
        assert_eq!(unread, Err(FitError::TooFew { found: 5 }));
        let alike = fit(&line(&[50.0, 51.0, 50.5, 50.0, 52.0, 51.0], |_, host| host));
        assert!(matches!(alike, Err(FitError::TooAlike { .. })), "{alike:?}");
        assert_eq!(fit(&line(&HOSTS, |_, host| 200.0 - host)), Err(FitError::Falling));
        let scattered = fit(&line(&HOSTS, |index, host| host + if index < 4 { 60.0 } else { 0.0 }));
        assert!(matches!(scattered, Err(FitError::Scattered { .. })), "{scattered:?}");
    }
}
