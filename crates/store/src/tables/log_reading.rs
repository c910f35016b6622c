//! The log, read by number.

use infercost_core::text::printable;

use super::entry::{LOG, LogEntry, MAX_ENTRY};
use super::remote_tables::{LAYOUT, RemoteTables};
use crate::error::RemoteError;

/// Entries that are asked for at once.
const AT_ONCE: u64 = 16;
/// Entries that are read.
const MOST_ENTRIES: u64 = 1_000_000;

impl RemoteTables {
    /// Reads what was added since, to the end.
    pub(super) fn read_on(&self) -> Result<(), RemoteError> {
        let mut log = self.log.borrow_mut();
        let mut is_end = false;
        while !is_end {
            let numbers: Vec<u64> = (log.next_number()..log.next_number() + AT_ONCE).collect();
            let mut objects = Vec::with_capacity(numbers.len());
            for number in &numbers {
                objects.push(self.objects.within(&LogEntry::object(*number)));
            }

            let contents = self.objects.get_all(&objects, MAX_ENTRY)?;
            for (number, content) in numbers.into_iter().zip(contents) {
                match content {
                    None => is_end = true,
                    // asked for at once: what came later than the end is left for the next look
                    Some(_) if is_end => break,
                    Some(json) => log.take(self.entry(&json, number)?),
                }
            }
            if log.last() > MOST_ENTRIES {
                return Err(self.damaged(format!(
                    "its log has more than {MOST_ENTRIES} entries; write tables to a prefix of their own"
                )));
            }
        }
        Ok(())
    }

    /// Reads the whole log, and makes sure that no entry of it is lost: numbers beyond a gap would not be seen.
    pub(super) fn read_whole(&self) -> Result<(), RemoteError> {
        if !LAYOUT.check(&self.objects)? {
            return Err(RemoteError::NoTables { address: self.address().to_owned() });
        }

        // listed first: what others add meanwhile is then no gap
        let listed = self.objects.list(&self.objects.within(LOG))?;
        let highest = listed.keys().filter_map(|name| LogEntry::number_of(name)).max().unwrap_or(0);
        self.read_on()?;

        let next = self.log.borrow().next_number();
        if next <= highest {
            return Err(self.damaged(format!(
                "{} is missing, and there are later ones; put it back, or write the tables again to another prefix",
                LogEntry::object(next)
            )));
        }
        Ok(())
    }

    fn entry(&self, json: &[u8], number: u64) -> Result<LogEntry, RemoteError> {
        let what = LogEntry::object(number);
        LogEntry::read(json, number).map_err(|why| self.damaged(format!("{what} {}", printable(&why))))
    }
}
