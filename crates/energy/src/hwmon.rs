//! hwmon sensors (Linux, hwmon/sysfs-interface.rst).

use std::path::Path;

use crate::discovery::{MissingMeter, Offer};

/// Finds the sensors below `sysfs_root/class/hwmon`.
pub(crate) fn find(sysfs_root: &Path) -> Offer {
    let mut offer = Offer::default();
    offer.absent.push(MissingMeter {
        name: "hwmon".to_owned(),
        reason: format!("no power or energy sensor in {}", sysfs_root.join("class/hwmon").display()),
        fix: "load the driver of the board's power sensor".to_owned(),
    });
    offer
}
