//! Which NVIDIA boards this process may use, as CUDA reads its environment (CUDA C++ Programming Guide, *CUDA
//! Environment Variables*).
//!
//! A board that the process cannot use works for somebody else: its joules are not the model's.

use std::env;

/// The variable that limits CUDA to some boards.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";
/// The variable that says how CUDA numbers boards.
const ORDER: &str = "CUDA_DEVICE_ORDER";

/// The boards that `CUDA_VISIBLE_DEVICES` leaves to a process; all of them where it is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VisibleGpus {
    /// What was written, entry by entry; `None` is no limit.
    entries: Option<Vec<String>>,
    /// Whether boards are numbered as NVML numbers them, by their place on the bus.
    by_bus: bool,
}

/// What tells boards apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoardIdentity {
    pub(crate) name: String,
    pub(crate) uuid: String,
}

impl VisibleGpus {
    /// What the variables of this process say.
    pub fn from_environment() -> Self {
        Self::of(env::var(VISIBLE).ok().as_deref(), env::var(ORDER).ok().as_deref())
    }

    /// What the texts of `CUDA_VISIBLE_DEVICES` and `CUDA_DEVICE_ORDER` mean; `None` is a variable that is not set.
    pub fn of(visible: Option<&str>, order: Option<&str>) -> Self {
        let entries =
            visible.map(|text| text.split(',').map(|entry| entry.trim().to_owned()).collect::<Vec<_>>());
        Self { entries, by_bus: order == Some("PCI_BUS_ID") }
    }

    /// The limit as it was written, control characters escaped and cut where it is long.
    pub(crate) fn shown(&self) -> String {
        let text = self.entries.as_deref().unwrap_or_default().join(",");
        format!("{VISIBLE}={}", infercost_core::text::printable_up_to(&text, 120))
    }

    /// For each of `boards`, in NVML's order, whether the process may use it.
    ///
    /// As CUDA does, this takes whole numbers, UUIDs and unique beginnings of UUIDs, and stops at the first entry that
    /// is none of them.
    ///
    /// # Errors
    /// Why it is unknown, in one plain line: an entry names a part of a board, or a number whose board is not
    /// known because CUDA numbers unlike boards by their speed.
    pub(crate) fn among(&self, boards: &[BoardIdentity]) -> Result<Vec<bool>, String> {
        let Some(entries) = &self.entries else { return Ok(vec![true; boards.len()]) };
        let unlike = boards.windows(2).any(|pair| matches!(pair, [one, next] if one.name != next.name));

        let mut visible = vec![false; boards.len()];
        for entry in entries {
            if entry.starts_with("MIG-") {
                return Err(format!(
                    "{} names a MIG instance, and a board's sensor cannot tell its instances apart",
                    self.shown()
                ));
            }

            let Some(index) = position(entry, boards) else { break };
            if unlike && !self.by_bus && entry.parse::<usize>().is_ok() {
                return Err(format!(
                    "{} numbers boards that are not alike, which CUDA does by speed and NVML by place; set {ORDER}=PCI_BUS_ID, or name boards by UUID",
                    self.shown()
                ));
            }

            if let Some(board) = visible.get_mut(index) {
                *board = true;
            }
        }
        Ok(visible)
    }
}

/// The board that an entry means; `None` for an entry that means none, or more than one.
fn position(entry: &str, boards: &[BoardIdentity]) -> Option<usize> {
    if let Ok(index) = entry.parse::<usize>() {
        return (index < boards.len()).then_some(index);
    }
    if !entry.starts_with("GPU-") {
        return None;
    }

    let mut matching =
        boards.iter().enumerate().filter(|(_, board)| board.uuid.starts_with(entry)).map(|(index, _)| index);
    let first = matching.next()?;
    matching.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boards(names: [&str; 3]) -> Vec<BoardIdentity> {
        let uuids = ["GPU-aa11", "GPU-aa22", "GPU-bb33"];
        names
            .into_iter()
            .zip(uuids)
            .map(|(name, uuid)| BoardIdentity { name: name.to_owned(), uuid: uuid.to_owned() })
            .collect()
    }

    #[test]
    fn as_cuda_reads_it() {
        let alike = boards(["A", "A", "A"]);
        for (text, expected) in [
            (None, [true, true, true]),
            (Some("1"), [false, true, false]),
            (Some("2,0"), [true, false, true]),
            (Some(" 0 , 1 "), [true, true, false]),
            (Some("GPU-aa22"), [false, true, false]),
            (Some("GPU-bb"), [false, false, true]),
            // A beginning that two boards share, a number beyond the last board and -1 end the list.
            (Some("0,GPU-aa,1"), [true, false, false]),
            (Some("0,7,1"), [true, false, false]),
            (Some("0,-1,1"), [true, false, false]),
            (Some(""), [false, false, false]),
            (Some("NoDevFiles"), [false, false, false]),
        ] {
            assert_eq!(VisibleGpus::of(text, None).among(&alike), Ok(expected.to_vec()), "{text:?}");
        }
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        let unlike = boards(["A", "B", "B"]);
        let numbered = VisibleGpus::of(Some("1"), None).among(&unlike);
        assert!(matches!(&numbered, Err(reason) if reason.contains("CUDA_DEVICE_ORDER=PCI_BUS_ID")));
        let by_bus = VisibleGpus::of(Some("1"), Some("PCI_BUS_ID")).among(&unlike);
        assert_eq!(by_bus, Ok(vec![false, true, false]));
        let by_uuid = VisibleGpus::of(Some("GPU-bb33"), None).among(&unlike);
        assert_eq!(by_uuid, Ok(vec![false, false, true]));

        for instance in ["MIG-1c2d", "MIG-GPU-aa11/1/0"] {
            let part = VisibleGpus::of(Some(instance), None).among(&unlike);
            assert!(matches!(&part, Err(reason) if reason.contains("MIG instance")), "{part:?}");
        }
    }
}
