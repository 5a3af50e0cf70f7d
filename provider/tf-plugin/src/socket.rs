//! Where the server listens: a unix socket in a folder that only this user can enter, else loopback TCP.

use std::fs::DirBuilder;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The longest path that every system accepts for a socket, its final zero left out (`sun_path` of macOS is 104 bytes).
const LONGEST_PATH: usize = 103;

/// A listener, and what has to go with it.
pub(crate) struct Socket {
    pub(crate) listener: Listener,
    _folder: Option<PrivateFolder>,
}

/// Not yet driven by a runtime.
pub(crate) enum Listener {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

/// Removed with everything in it when dropped.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn new(parent: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let path = parent.join(format!("plugin-{:016x}", u64::from_ne_bytes(random)));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // Nothing can be done about a folder that will not go, and the process ends.
        let _ = std::fs::remove_dir_all(&self.0);
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
        Ok(Self { listener: Listener::Tcp(listener), _folder: None })
    }

    fn unix(parent: &Path) -> io::Result<Self> {
        let folder = PrivateFolder::new(parent)?;
        let path = folder.0.join("provider");
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "the path is too long for a socket"));
        }
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener: Listener::Unix(listener, path), _folder: Some(folder) })
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
        let socket = Socket::open(std::slice::from_ref(&parent.0), false).unwrap();
        let (network, address) = socket.address().unwrap();
        let inner = Path::new(&address).parent().unwrap();
        assert_eq!(network, "unix");
        assert_eq!(inner.parent(), Some(parent.0.as_path()));
        assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
        assert_eq!(parent.0.read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_folder_with_too_long_a_name_or_none_is_passed_over() {
        let parent = folder();
        let long = parent.0.join("x".repeat(120));
        std::fs::create_dir(&long).unwrap();
        let folders = [long.clone(), parent.0.join("missing"), parent.0.clone()];
        let socket = Socket::open(&folders, false).unwrap();
        assert!(socket.address().unwrap().1.starts_with(parent.0.join("plugin-").to_str().unwrap()));
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
}
