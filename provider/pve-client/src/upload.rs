//! Files that are sent to a storage, as `multipart/form-data` that is read while it is sent.

use std::fmt;

use api_core::{Content, HeaderValue};

use crate::{Call, Error, NodeName, Pve, Result, StorageName, Upid};

/// A checksum that a node compares before it keeps a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checksum {
    algorithm: &'static str,
    digest: String,
}

/// The algorithms and the hexadecimal digits of their digests.
const ALGORITHMS: [(&str, usize); 6] =
    [("md5", 32), ("sha1", 40), ("sha224", 56), ("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A text is no checksum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a checksum has to be an algorithm (md5, sha1, sha224, sha256, sha384 or sha512), a colon and all its hexadecimal \
     digits, such as sha256:9f86d081884c7d65…"
)]
pub struct InvalidChecksum;

impl Checksum {
    /// Such as `sha256`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm
    }

    /// The hexadecimal digits, in lower case.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The parameters that a node takes it as.
    pub fn params(&self) -> crate::Params {
        crate::Params::new().set("checksum-algorithm", self.algorithm).set("checksum", &self.digest)
    }
}

impl std::str::FromStr for Checksum {
    type Err = InvalidChecksum;

    fn from_str(text: &str) -> Result<Self, InvalidChecksum> {
        let (name, digest) = text.split_once(':').ok_or(InvalidChecksum)?;
        let name = name.to_ascii_lowercase();
        let (algorithm, digits) =
            ALGORITHMS.into_iter().find(|(known, _)| *known == name).ok_or(InvalidChecksum)?;
        if digest.len() != digits || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidChecksum);
        }
        Ok(Self { algorithm, digest: digest.to_ascii_lowercase() })
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.digest)
    }
}

impl Pve {
    /// Sends a file to a storage. A node overwrites a file of that name without a word, so look first.
    pub async fn upload(
        &self,
        node: &NodeName,
        storage: &StorageName,
        kind: &str,
        file: &str,
        checksum: Option<&Checksum>,
        content: Content,
    ) -> Result<Upid> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Config {
            reason: format!("the operating system gives no random numbers: {error}"),
        })?;
        let boundary = format!("homelab-{:032x}", u128::from_ne_bytes(random));
        let (before, after) = parts(&boundary, kind, file, checksum);
        let call = Call::post(format!("/nodes/{node}/storage/{storage}/upload"))
            .sending(content.between(before, after), multipart(&boundary)?);
        self.upid(&call).await
    }
}

fn multipart(boundary: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
        .map_err(|error| Error::Config { reason: error.to_string() })
}

/// What comes before and after the file. The fields have to come first, and the file has to be called `filename`
/// (pve-http-server 6.0.5, `AnyEvent.pm`).
fn parts(boundary: &str, kind: &str, file: &str, checksum: Option<&Checksum>) -> (String, String) {
    let fields = [Some(("content", kind))]
        .into_iter()
        .chain(checksum.map_or([None, None], |checksum| {
            [Some(("checksum-algorithm", checksum.algorithm())), Some(("checksum", checksum.digest()))]
        }))
        .flatten();
    let mut before: String = fields
        .map(|(name, value)| {
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        })
        .collect();
    before.push_str(&format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"{file}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    ));
    (before, format!("\r\n--{boundary}--\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_come_before_the_file() {
        let checksum = format!("md5:{}", "A".repeat(32)).parse().unwrap();
        let (before, after) = parts("B", "iso", "a.iso", Some(&checksum));
        assert_eq!(
            before,
            "--B\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\niso\r\n\
             --B\r\nContent-Disposition: form-data; name=\"checksum-algorithm\"\r\n\r\nmd5\r\n\
             --B\r\nContent-Disposition: form-data; name=\"checksum\"\r\n\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\
             --B\r\nContent-Disposition: form-data; name=\"filename\"; filename=\"a.iso\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        assert_eq!(after, "\r\n--B--\r\n");
    }

    #[test]
    fn a_checksum_has_all_digits_of_its_algorithm() {
        let text = format!("sha256:{}", "0F".repeat(32));
        assert_eq!(text.parse::<Checksum>().unwrap().to_string(), text.to_lowercase());
        for bad in
            ["", "sha256", "sha256:00", "crc32:00000000", &"0".repeat(64), &format!("md5:{}", "g".repeat(32))]
        {
            assert_eq!(bad.parse::<Checksum>(), Err(InvalidChecksum), "{bad}");
        }
    }
}
