//! The records of a folder: where a file lies, and what it is called.

use super::field::{both16, both32, utf16};
use super::{Placed, SECTOR};

/// Which names a tree shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Short ones, and the real ones in Rock Ridge entries beside them.
    RockRidge,
    /// Real ones, in UTF-16, without the version number that other writers of images leave out too.
    Joliet,
}

const FOLDER: u8 = 2;

/// What a folder is to POSIX: a directory that all may read.
const FOLDER_MODE: u32 = 0o40_555;
/// What a file is: regular, and its owner alone may read it, for there are secrets in user data.
const FILE_MODE: u32 = 0o100_400;

/// The sectors of the only folder: itself, itself as its parent, and the files. No record crosses
/// the end of a sector.
pub(super) fn folder(files: &[Placed<'_>], names: Names, sector: u32, sectors: u32) -> Vec<u8> {
    let bytes = sectors.saturating_mul(2048);
    let extras = |first: &[u8]| match names {
        Names::RockRidge => [first, &posix(FOLDER_MODE, 2)].concat(),
        Names::Joliet => Vec::new(),
    };
    // SP: the extensions begin at once. ER: they are those of Rock Ridge.
    let announced = b"SP\x07\x01\xbe\xef\0ER\x12\x01\x0a\0\0\x01RRIP_1991A";
    let mut records = vec![
        record(sector, bytes, FOLDER, &[0], &extras(announced)),
        record(sector, bytes, FOLDER, &[1], &extras(&[])),
    ];
    records.extend(files.iter().map(|file| match names {
        Names::RockRidge => {
            let long_name = file.file.name.as_bytes();
            let entry = [b"NM", [length(5 + long_name.len()), 1, 0].as_slice(), long_name].concat();
            let extras = [posix(FILE_MODE, 1), entry].concat();
            record(file.sector, file.size, 0, file.short_name.as_bytes(), &extras)
        }
        Names::Joliet => record(file.sector, file.size, 0, &utf16(file.file.name), &[]),
    }));
    let mut folder: Vec<u8> = Vec::new();
    for record in records {
        let room = SECTOR - folder.len() % SECTOR;
        if record.len() > room {
            folder.resize(folder.len() + room, 0);
        }
        folder.extend(record);
    }
    folder.resize(folder.len().next_multiple_of(SECTOR), 0);
    folder
}

/// The record of the folder in a volume descriptor: 34 bytes, with no extension.
pub(super) fn root_record(sector: u32, sectors: u32) -> Vec<u8> {
    record(sector, sectors.saturating_mul(2048), FOLDER, &[0], &[])
}

fn record(sector: u32, size: u32, flags: u8, name: &[u8], extras: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0];
    bytes.extend(both32(sector));
    bytes.extend(both32(size));
    // 1980-01-01 00:00:00 UTC, always.
    bytes.extend([80, 1, 1, 0, 0, 0, 0]);
    bytes.extend([flags, 0, 0]);
    bytes.extend(both16(1));
    bytes.push(length(name.len()));
    bytes.extend_from_slice(name);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes.extend_from_slice(extras);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes[0] = length(bytes.len());
    bytes
}

/// Rock Ridge's PX: mode, links, and root as owner and group.
fn posix(mode: u32, links: u32) -> Vec<u8> {
    let numbers = [mode, links, 0, 0].map(both32).concat();
    [b"PX\x24\x01".as_slice(), &numbers].concat()
}

/// Names of 64 characters make the longest record, 198 bytes.
fn length(bytes: usize) -> u8 {
    u8::try_from(bytes).unwrap_or(u8::MAX)
}
