//! Streams as `gzip -9n`, `bzip2 -9`, `xz -9` and `zstd -19` write them: 500 lines of `homelab`.

use super::*;

const SAMPLES: [(Compression, &str); 4] = [
    (
        Compression::Gzip,
        "1f8b0800000000000203edc5a10d0030080030cf972321416ce17fb73330ad69cfab7b32dab66ddbb66daffd01\
        85b32888a00f0000",
    ),
    (
        Compression::Bzip2,
        "425a6839314159265359a29320630004e1c10000103246a00050860409aa803348394835483b48374839483d48\
        3d483e2ee48a70a121452640c6",
    ),
    (
        Compression::Xz,
        "fd377a585a000004e6d6b446020021011c00000010cf58cce00f9f00235d00341bc9f2eb0636cadcdc9b39c5b0\
        164d87cb4ae539f000952732ae0779d50725543e00000051c58f274f4b53ad00013fa01f000000fab9244eb1c4\
        67fb020000000004595a",
    ),
    (Compression::Zstandard, "28b52ffd04687d000040686f6d656c61620a010095ef5f2e37c61a96"),
];

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn content(compression: Compression, compressed: &[u8], limit: u64) -> io::Result<String> {
    let mut content = String::new();
    compression.decode(compressed, limit).read_to_string(&mut content)?;
    Ok(content)
}

#[test]
fn what_the_usual_programs_write_is_read() {
    for (compression, sample) in SAMPLES {
        let sample = bytes(sample);
        assert_eq!(Compression::of_content(&sample[..6]), Some(compression));
        assert_eq!(content(compression, &sample, 4000).unwrap(), "homelab\n".repeat(500), "{compression:?}");
    }
    assert_eq!(Compression::of_content(b"QFI\xfb\0\0"), None);
}

#[test]
fn joined_streams_are_read_to_the_last() {
    for (compression, sample) in SAMPLES {
        let twice = bytes(sample).repeat(2);
        assert_eq!(content(compression, &twice, 8000).unwrap(), "homelab\n".repeat(1000), "{compression:?}");
    }
}

#[test]
fn a_skippable_frame_is_skipped() {
    let (compression, sample) = SAMPLES[3];
    let skippable = [b"\x5a\x2a\x4d\x18\x03\0\0\0xyz".to_vec(), bytes(sample)].concat();
    assert_eq!(content(compression, &skippable, 4000).unwrap().len(), 4000);
    assert!(content(compression, &skippable[..9], 4000).is_err());
}

#[test]
fn a_stream_that_is_cut_off_is_an_error() {
    for (compression, sample) in SAMPLES {
        let whole = bytes(sample);
        for length in [whole.len() / 2, whole.len() - 1] {
            assert!(content(compression, &whole[..length], 4000).is_err(), "{compression:?} {length}");
        }
    }
}

#[test]
fn a_changed_byte_is_an_error() {
    for (compression, sample) in SAMPLES {
        let mut changed = bytes(sample);
        let middle = changed.len() / 2;
        changed[middle] ^= 0x10;
        assert!(content(compression, &changed, 1 << 20).is_err(), "{compression:?}");
    }
}

#[test]
fn more_than_the_limit_is_an_error() {
    for (compression, sample) in SAMPLES {
        let error = content(compression, &bytes(sample), 3999).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge, "{compression:?}");
    }
}
