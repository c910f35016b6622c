//! Processes other than infercost's own, whose CPU time an estimate counts: servers that it did not start.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::sysfs_file;

/// Largest table of sockets read, in bytes.
const MAX_TABLE: u64 = 16 << 20;
/// A listening socket in `/proc/net/tcp` (tcp_states.h).
const LISTENING: &str = "0A";

/// Roots of process trees; clones share one list, so that a server found later counts from then on.
#[derive(Debug, Clone, Default)]
pub struct WatchedProcesses(Arc<Mutex<BTreeSet<u32>>>);

impl WatchedProcesses {
    /// Counts this process and its descendants from now on.
    pub fn add(&self, pid: u32) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pid);
    }

    pub(crate) fn roots(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

impl PartialEq for WatchedProcesses {
    /// True for clones of one list.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The processes that listen on a TCP port of this machine: the sockets of `/proc/net/tcp` and `tcp6` that do, and
/// whoever has them open.
///
/// # Errors
/// Why they are not known, in one plain line: nothing listens, or the processes belong to another user or
/// another container.
pub fn listeners(proc_root: &Path, port: u16) -> Result<Vec<u32>, String> {
    let mut inodes = BTreeSet::new();
    for table in ["net/tcp", "net/tcp6"] {
        let mut text = String::new();
        if let Ok(file) = File::open(proc_root.join(table)) {
            // A table cut short still shows what it shows.
            let _ = file.take(MAX_TABLE).read_to_string(&mut text);
        }
        inodes.extend(text.lines().filter_map(|line| listening_inode(line, port)));
    }

    if inodes.is_empty() {
        return Err(format!("no process of this machine listens on port {port}"));
    }

    let wanted: BTreeSet<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let pids = sysfs_file::entries(proc_root).into_iter().filter_map(|name| name.parse().ok());
    let found: Vec<u32> = pids.filter(|pid| holds_any(proc_root, *pid, &wanted)).collect();
    if found.is_empty() {
        return Err(format!(
            "the process that listens on port {port} cannot be seen: it belongs to another user or container"
        ));
    }
    Ok(found)
}

/// Whether a process has one of the sockets open.
fn holds_any(proc_root: &Path, pid: u32, sockets: &BTreeSet<String>) -> bool {
    let Ok(files) = fs::read_dir(proc_root.join(pid.to_string()).join("fd")) else { return false };
    files.flatten().any(|file| {
        fs::read_link(file.path()).is_ok_and(|link| link.to_str().is_some_and(|link| sockets.contains(link)))
    })
}

/// The socket's inode where the line is a socket that listens on the port.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (_, local) = fields.get(1)?.rsplit_once(':')?;
    let listens = *fields.get(3)? == LISTENING && u16::from_str_radix(local, 16).ok()? == port;
    fields.get(9)?.parse().ok().filter(|_| listens)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F91 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0000000000000000 20 0 0 10 -1
garbage
";

    #[test]
    fn whoever_has_the_listening_socket_open() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("net")).unwrap();
        fs::write(root.join("net/tcp"), TABLE).unwrap();
        for (pid, target) in [("10", "socket:[4242]"), ("11", "socket:[4243]"), ("12", "/dev/null")] {
            fs::create_dir_all(root.join(pid).join("fd")).unwrap();
            std::os::unix::fs::symlink(target, root.join(pid).join("fd/3")).unwrap();
        }
        assert_eq!(listeners(root, 0x1F90), Ok(vec![10]));
        // 8081 is the far end of a connection, and nobody listens there
        assert!(listeners(root, 0x1F91).unwrap_err().contains("no process"));
        fs::remove_dir_all(root.join("10")).unwrap();
        assert!(listeners(root, 0x1F90).unwrap_err().contains("another user"));
    }

    #[test]
    fn this_process_is_found() {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = socket.local_addr().unwrap().port();
        assert_eq!(listeners(Path::new("/proc"), port), Ok(vec![std::process::id()]));
    }
}
