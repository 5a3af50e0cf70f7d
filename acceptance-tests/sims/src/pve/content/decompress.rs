//! Compressions that a node takes off a file that it has fetched.

use std::io::Read;

use crate::pve::answer::Failure;

/// What is in a compressed file.
pub fn decompress(compression: &str, data: &[u8]) -> Result<Vec<u8>, Failure> {
    let decoded = match compression {
        "gz" => read(flate2::read::MultiGzDecoder::new(data)),
        "bz2" => read(bzip2::read::MultiBzDecoder::new(data)),
        "zst" => ruzstd::decoding::StreamingDecoder::new(data).ok().and_then(read),
        other => return Err(Failure::died(format!("the lab does not take off {other}"))),
    };
    decoded.ok_or_else(|| Failure::died("decompression failed: exit code 1"))
}

fn read(mut decoder: impl Read) -> Option<Vec<u8>> {
    let mut decoded = Vec::new();
    decoder.read_to_end(&mut decoded).ok()?;
    Some(decoded)
}
