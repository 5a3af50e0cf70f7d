//! ISO 9660 images with Rock Ridge and Joliet names: one folder, written once, every byte determined.
//!
//! ECMA-119 is the base; Rock Ridge (IEEE P1282) is what Linux shows, Joliet what Windows shows.

mod field;
mod record;

use field::{both16, both32, padded, padded_utf16};
use record::{Names, folder, root_record};

const SECTOR: usize = 2048;

/// The first 16 sectors are the system's, and stay empty.
const FIRST_DESCRIPTOR: u32 = 16;
const PATH_TABLES: u32 = 19;
const FOLDERS: u32 = 23;

/// A file of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File<'a> {
    /// Its name: 1 to 64 printable ASCII characters, none of `* / : ; ? \`.
    pub name: &'a str,
    /// What it holds.
    pub content: &'a [u8],
}

/// Why there is no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Joliet has no such name.
    #[error("`{0}` cannot be the name of a file of the image")]
    Name(String),
    /// Two files of that name.
    #[error("`{0}` is the name of two files of the image")]
    SameName(String),
    /// The label is longer than Joliet's 16 characters, empty, or not ASCII.
    #[error("`{0}` cannot be the label of the image")]
    Label(String),
    /// Sectors are counted with 32 bits, and so are the bytes of a file.
    #[error("the files do not fit into an image")]
    TooLarge,
}

/// A file and the sectors it takes.
struct Placed<'a> {
    file: File<'a>,
    /// For readers that know neither Rock Ridge nor Joliet.
    short_name: String,
    sector: u32,
    size: u32,
}

/// One of the two trees: the plain one with Rock Ridge names, and the one of Joliet.
#[derive(Clone, Copy)]
struct Tree {
    names: Names,
    folder: u32,
    folder_sectors: u32,
    little_table: u32,
}

/// A disc image labelled `label` with `files` in its only folder.
///
/// # Errors
/// When a name, the label or a size has no place in the format.
pub fn image(label: &str, files: &[File<'_>]) -> Result<Vec<u8>, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if label.is_empty() || label.len() > 16 || !label.chars().all(plain) {
        return Err(Error::Label(label.to_owned()));
    }
    let mut placed = place(files)?;
    let sectors_of = |placed: &[Placed<'_>], names| count(folder(placed, names, 0, 0).len());
    let rock_ridge = Tree {
        names: Names::RockRidge,
        folder: FOLDERS,
        folder_sectors: sectors_of(&placed, Names::RockRidge)?,
        little_table: PATH_TABLES,
    };
    let joliet = Tree {
        names: Names::Joliet,
        folder: FOLDERS + rock_ridge.folder_sectors,
        folder_sectors: sectors_of(&placed, Names::Joliet)?,
        little_table: PATH_TABLES + 2,
    };
    let mut end = joliet.folder + joliet.folder_sectors;
    for file in &mut placed {
        if file.size > 0 {
            file.sector = end;
            end = end.checked_add(count(file.file.content.len())?).ok_or(Error::TooLarge)?;
        }
    }
    let trees = [rock_ridge, joliet];
    let mut image = vec![0; SECTOR * usize::try_from(FIRST_DESCRIPTOR).unwrap_or_default()];
    for tree in trees {
        image.extend(descriptor(tree, label, end));
    }
    image.extend(padded(b"\xffCD001\x01", SECTOR, 0));
    for tree in trees {
        image.extend(path_table(tree.folder.to_le_bytes(), 1u16.to_le_bytes()));
        image.extend(path_table(tree.folder.to_be_bytes(), 1u16.to_be_bytes()));
    }
    for tree in trees {
        image.extend(folder(&placed, tree.names, tree.folder, tree.folder_sectors));
    }
    for file in &placed {
        image.extend_from_slice(file.file.content);
        image.resize(image.len().next_multiple_of(SECTOR), 0);
    }
    Ok(image)
}

/// Whole sectors of so many bytes.
fn count(bytes: usize) -> Result<u32, Error> {
    u32::try_from(bytes.div_ceil(SECTOR)).map_err(|_| Error::TooLarge)
}

/// The files in the order of their names, which both trees ask for.
fn place<'a>(files: &[File<'a>]) -> Result<Vec<Placed<'a>>, Error> {
    let mut sorted = files.to_vec();
    sorted.sort_by_key(|file| file.name);
    let mut placed: Vec<Placed<'a>> = Vec::new();
    for file in sorted {
        let known = |c: char| c.is_ascii_graphic() && !"*/:;?\\".contains(c) || c == ' ';
        let only_dots = file.name.chars().all(|c| c == '.');
        if only_dots || file.name.len() > 64 || !file.name.chars().all(known) {
            return Err(Error::Name(file.name.to_owned()));
        }
        if placed.last().is_some_and(|last| last.file.name == file.name) {
            return Err(Error::SameName(file.name.to_owned()));
        }
        let size = u32::try_from(file.content.len()).map_err(|_| Error::TooLarge)?;
        placed.push(Placed { short_name: short_name(file.name, placed.len()), sector: 0, size, file });
    }
    Ok(placed)
}

/// Letters and digits of the name, and the number of the file, which keeps short names apart and in
/// the order of the long ones: `000_USER.;1`.
fn short_name(name: &str, number: usize) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric).take(4);
    let letters: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    format!("{number:03}_{letters}.;1")
}

/// A volume descriptor: what is on the disc, and where.
fn descriptor(tree: Tree, label: &str, sectors: u32) -> Vec<u8> {
    let joliet = tree.names == Names::Joliet;
    let text = |text: &str, width| {
        if joliet { padded_utf16(text, width) } else { padded(text.as_bytes(), width, b' ') }
    };
    let mut bytes = vec![if joliet { 2 } else { 1 }];
    bytes.extend(b"CD001\x01\0");
    bytes.extend(text("", 32));
    bytes.extend(text(label, 32));
    bytes.extend([0; 8]);
    bytes.extend(both32(sectors));
    // Joliet level 3, that is UCS-2.
    bytes.extend(padded(if joliet { b"%/E" } else { b"" }, 32, 0));
    bytes.extend(both16(1)); // Discs of the set,
    bytes.extend(both16(1)); // and the number of this one.
    bytes.extend(both16(2048)); // The size of a sector.
    bytes.extend(both32(10)); // The size of a path table.
    bytes.extend(tree.little_table.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((tree.little_table + 1).to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(root_record(tree.folder, tree.folder_sectors));
    // Set, publisher, preparer, application; then the files with copyright, abstract, bibliography.
    for width in [128, 128, 128, 128, 37, 37, 37] {
        bytes.extend(text("", width));
    }
    // Created, modified, expires, effective: not said, so that the same files give the same image.
    for _ in 0..4 {
        bytes.extend(b"0000000000000000\0");
    }
    bytes.push(1);
    padded(&bytes, SECTOR, 0)
}

/// A path table with its one entry, the only folder, whose parent is itself.
fn path_table(folder: [u8; 4], parent: [u8; 2]) -> Vec<u8> {
    let entry = [&[1, 0], folder.as_slice(), &parent, &[0, 0]].concat();
    padded(&entry, SECTOR, 0)
}

#[cfg(test)]
mod tests;
