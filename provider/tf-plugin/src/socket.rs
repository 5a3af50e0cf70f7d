//! Where the server listens: a unix socket in a folder that only this user can enter, else loopback TCP.

use std::fs::{DirBuilder, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the name of each folder begins.
const PREFIX: &str = "tf-plugin-";
/// How old the folder of a process that is gone has to be: one that starts right now has not locked its own yet.
const LEFT_BEHIND: Duration = Duration::from_secs(60);
/// The longest path that every system accepts for a socket, its final zero left out (`sun_path` of macOS is 104 bytes).
const LONGEST_PATH: usize = 103;

/// A listener, and what has to go with it.
pub(crate) struct Socket {
    pub(crate) listener: Listener,
    folder: Option<PrivateFolder>,
}

/// Not yet driven by a runtime.
pub(crate) enum Listener {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

/// Removed with everything in it when dropped. The system gives the lock up when the process ends in whatever way.
struct PrivateFolder {
    path: PathBuf,
    _locked: File,
}

impl PrivateFolder {
    fn new(parent: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = parent.join(format!("{PREFIX}{:016x}", u64::from_ne_bytes(random)));
        DirBuilder::new().mode(0o700).create(&path)?;
        let locked = File::open(&path)?;
        // A file system without locks keeps its folders.
        let _ = locked.try_lock();
        Ok(Self { path, _locked: locked })
    }
}

/// Removes from `parent` the folders of processes that were killed: those that nobody has locked.
fn sweep(parent: &Path, left_behind: Duration) -> io::Result<()> {
    for entry in parent.read_dir()?.flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if ours && is_left_behind(&entry.path(), left_behind).unwrap_or(false) {
            // Whoever else is at it has the same in mind; another user's folder stays.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Whether a folder is old and its process is gone.
fn is_left_behind(folder: &Path, left_behind: Duration) -> io::Result<bool> {
    let found = folder.symlink_metadata()?;
    let old = found.modified()?.elapsed().is_ok_and(|age| age >= left_behind);
    Ok(old && found.is_dir() && File::open(folder)?.try_lock().is_ok())
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // Nothing can be done about a folder that will not go, and the process ends.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

impl Socket {
    /// Listens in the first of `folders` that works. TCP, which every user of the machine can reach, only if
    /// `tcp_is_safe`.
    pub(crate) fn open(folders: &[PathBuf], tcp_is_safe: bool) -> io::Result<Self> {
        let mut last = io::Error::other("no folder was given");
        for folder in folders {
            match Self::unix(folder) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        if !tcp_is_safe {
            return Err(last);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Listener::Tcp(listener), folder: None })
    }

    fn unix(parent: &Path) -> io::Result<Self> {
        let folder = PrivateFolder::new(parent)?;
        let path = folder.path.join("provider");
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "the path is too long for a socket"));
        }
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Listener::Unix(listener, path), folder: Some(folder) })
    }

    /// Removes, beside whatever else this process does, what killed processes left where this one listens.
    pub(crate) fn sweep(&self) {
        let parent = self.folder.as_ref().and_then(|folder| folder.path.parent()).map(Path::to_path_buf);
        if let Some(parent) = parent {
            std::thread::spawn(move || sweep(&parent, LEFT_BEHIND));
        }
    }

    /// Network and address, as the handshake names them.
    pub(crate) fn address(&self) -> io::Result<(&'static str, String)> {
        match &self.listener {
            Listener::Unix(_, path) => Ok(("unix", path.to_string_lossy().into_owned())),
            Listener::Tcp(listener) => Ok(("tcp", listener.local_addr()?.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A folder of this test alone, removed at its end.
    fn folder() -> PrivateFolder {
        PrivateFolder::new(&std::env::temp_dir()).unwrap()
    }

    #[test]
    fn the_socket_is_in_a_private_folder_that_goes_with_it() {
        let parent = folder();
        let socket = Socket::open(std::slice::from_ref(&parent.path), false).unwrap();
        let (network, address) = socket.address().unwrap();
        let inner = Path::new(&address).parent().unwrap();
        assert_eq!(network, "unix");
        assert_eq!(inner.parent(), Some(parent.path.as_path()));
        assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
        assert_eq!(parent.path.read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_folder_with_too_long_a_name_or_none_is_passed_over() {
        let parent = folder();
        let long = parent.path.join("x".repeat(120));
        std::fs::create_dir(&long).unwrap();
        let folders = [long.clone(), parent.path.join("missing"), parent.path.clone()];
        let socket = Socket::open(&folders, false).unwrap();
        assert!(socket.address().unwrap().1.starts_with(parent.path.join(PREFIX).to_str().unwrap()));
        assert_eq!(long.read_dir().unwrap().count(), 0);
    }

    #[test]
    fn without_a_folder_only_a_client_with_a_certificate_may_use_tcp() {
        let socket = Socket::open(&[PathBuf::from("/nonexistent")], true).unwrap();
        let (network, address) = socket.address().unwrap();
        assert_eq!(network, "tcp");
        assert!(address.starts_with("127.0.0.1:"));
        assert!(Socket::open(&[PathBuf::from("/nonexistent")], false).is_err());
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_is_in_use_or_not_ours_stays() {
        let parent = folder();
        let dead = parent.path.join(format!("{PREFIX}0123456789abcdef"));
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join("provider"), "").unwrap();
        let foreign = parent.path.join("plugin-0123456789abcdef");
        std::fs::create_dir(&foreign).unwrap();
        let link = parent.path.join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(&foreign, &link).unwrap();
        let socket = Socket::open(std::slice::from_ref(&parent.path), false).unwrap();
        let alive = PathBuf::from(socket.address().unwrap().1);

        sweep(&parent.path, LEFT_BEHIND).unwrap();
        assert!(dead.exists(), "one that may just be starting stays");
        sweep(&parent.path, Duration::ZERO).unwrap();
        assert!(!dead.exists());
        assert!(alive.exists() && foreign.exists() && link.is_symlink());
    }
}
