//! An image on this machine: checked, decompressed and read as it is sent, never held as a whole and never copied.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pve_client::{Checksum, Content};
use sha2::digest::DynDigest;

use super::decode::Compression;

/// Why a file cannot be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is another one than expected.
    #[error("its {algorithm} checksum is {found}")]
    Other {
        /// The algorithm.
        algorithm: &'static str,
        /// The digits of the file's checksum.
        found: String,
    },
}

/// What is sent, and the checksum that the node has to find.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The bytes.
    pub content: Content,
    /// Their checksum.
    pub checksum: Checksum,
}

/// Reads a file once, to learn how long its content is and what checksum it has. `expected` is that of the file as it
/// lies there; `limit` is the most that it may decompress to.
pub(crate) fn prepare(
    path: &Path,
    compression: Option<Compression>,
    expected: Option<&Checksum>,
    limit: u64,
) -> Result<Prepared, Problem> {
    if let (None, Some(checksum)) = (compression, expected) {
        // The node compares it, so the file need not be read twice.
        let length = File::open(path)?.metadata()?.len();
        return Ok(Prepared { content: content(path.into(), None, length), checksum: checksum.clone() });
    }
    let mut of_file = hasher(expected.map_or("sha256", Checksum::algorithm));
    let mut of_content = hasher("sha256");
    let mut length = 0_u64;
    {
        let mut file = Hashing { inner: File::open(path)?, hasher: of_file.as_mut() };
        let mut decoded: Box<dyn Read + Send + '_> = match compression {
            Some(compression) => Box::new(compression.decode(&mut file, limit)),
            None => Box::new(&mut file),
        };
        let mut buffer = vec![0; 128 << 10];
        loop {
            let count = decoded.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            length = length.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            of_content.update(&buffer[..count]);
        }
        drop(decoded);
        // What follows the compressed content belongs to the file too.
        io::copy(&mut file, &mut io::sink())?;
    }
    let found = hexadecimal(&of_file.finalize());
    if let Some(expected) = expected.filter(|expected| expected.digest() != found) {
        return Err(Problem::Other { algorithm: expected.algorithm(), found });
    }
    let checksum = format!("sha256:{}", hexadecimal(&of_content.finalize()));
    let checksum = checksum.parse().map_err(io::Error::other)?;
    Ok(Prepared { content: content(path.into(), compression, length), checksum })
}

fn content(path: PathBuf, compression: Option<Compression>, length: u64) -> Content {
    Content::new(length, move || {
        let file = File::open(&path)?;
        Ok(match compression {
            Some(compression) => Box::new(compression.decode(file, length)),
            None => Box::new(file),
        })
    })
}

struct Hashing<'h, R> {
    inner: R,
    hasher: &'h mut (dyn DynDigest + Send),
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn hasher(algorithm: &str) -> Box<dyn DynDigest + Send> {
    match algorithm {
        "md5" => Box::<md5::Md5>::default(),
        "sha1" => Box::<sha1::Sha1>::default(),
        "sha224" => Box::<sha2::Sha224>::default(),
        "sha384" => Box::<sha2::Sha384>::default(),
        "sha512" => Box::<sha2::Sha512>::default(),
        _ => Box::<sha2::Sha256>::default(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn sha256(bytes: &[u8]) -> Checksum {
        let mut hasher = hasher("sha256");
        hasher.update(bytes);
        format!("sha256:{}", hexadecimal(&hasher.finalize())).parse().unwrap()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_compressed_file_is_sent_as_what_it_holds() {
        let (content, compressed) = (vec![7; 300_000], gzipped(&[7; 300_000]));
        let file = file(&compressed);
        let prepared =
            prepare(file.path(), Some(Compression::Gzip), Some(&sha256(&compressed)), 1 << 20).unwrap();
        assert_eq!((prepared.content.length(), prepared.checksum), (300_000, sha256(&content)));
        let mut sent = Vec::new();
        prepared.content.reader().unwrap().read_to_end(&mut sent).unwrap();
        assert!(sent == content);
    }

    #[test]
    fn a_file_with_another_checksum_is_not_sent() {
        let compressed = gzipped(b"image");
        let file = file(&compressed);
        let error = prepare(file.path(), Some(Compression::Gzip), Some(&sha256(b"other")), 100).unwrap_err();
        assert!(matches!(&error, Problem::Other { found, .. } if *found == sha256(&compressed).digest()));
    }

    #[test]
    fn a_file_without_a_checksum_gets_that_of_its_content() {
        let file = file(b"image");
        let prepared = prepare(file.path(), None, None, 0).unwrap();
        assert_eq!((prepared.content.length(), prepared.checksum), (5, sha256(b"image")));
        assert!(prepare(Path::new("/nonexistent/image"), None, None, 0).is_err());
    }

    #[test]
    fn a_file_that_decompresses_to_more_than_there_is_room_for_is_refused() {
        let file = file(&gzipped(&[0; 100_000]));
        let error = prepare(file.path(), Some(Compression::Gzip), None, 1000).unwrap_err();
        assert!(matches!(error, Problem::Unreadable(cause) if cause.kind() == io::ErrorKind::FileTooLarge));
    }
}
