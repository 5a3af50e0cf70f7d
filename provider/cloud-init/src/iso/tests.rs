//! The image byte by byte, read here without the writer's own functions.

use super::*;

const SEED: [File<'static>; 2] = [
    File { name: "user-data", content: b"#cloud-config\n{}\n" },
    File { name: "meta-data", content: b"instance-id: i-1\n" },
];

fn number(image: &[u8], at: usize) -> u32 {
    let field: [u8; 8] = image[at..at + 8].try_into().unwrap();
    let [a, b, c, d, e, f, g, h] = field;
    assert_eq!([a, b, c, d], [h, g, f, e], "both byte orders agree at {at}");
    u32::from_le_bytes([a, b, c, d])
}

/// The files of the tree whose descriptor is at that sector: the name of the record, its Rock Ridge
/// name, and the content.
fn files(image: &[u8], descriptor: usize) -> Vec<(Vec<u8>, String, Vec<u8>)> {
    let root = descriptor * SECTOR + 156;
    let (start, size) = (number(image, root + 2) as usize * SECTOR, number(image, root + 10) as usize);
    let mut files = Vec::new();
    let mut at = start;
    while at < start + size {
        let length = usize::from(image[at]);
        if length == 0 {
            at = (at + 1).next_multiple_of(SECTOR);
            continue;
        }
        assert!(at % SECTOR + length <= SECTOR, "no record crosses a sector");
        let record = &image[at..at + length];
        let name_length = usize::from(record[32]);
        let name = record[33..33 + name_length].to_vec();
        if record[25] & 2 == 0 {
            let (sector, size) = (number(record, 2) as usize, number(record, 10) as usize);
            let content = image[sector * SECTOR..sector * SECTOR + size].to_vec();
            files.push((name, rock_ridge_name(&record[(33 + name_length).next_multiple_of(2)..]), content));
        }
        at += length;
    }
    files
}

fn rock_ridge_name(mut entries: &[u8]) -> String {
    while entries.len() >= 4 {
        let length = usize::from(entries[2]);
        if entries.starts_with(b"NM") {
            return String::from_utf8(entries[5..length].to_vec()).unwrap();
        }
        entries = &entries[length..];
    }
    String::new()
}

fn joliet(name: &str) -> Vec<u8> {
    name.bytes().flat_map(|byte| [0, byte]).collect()
}

#[test]
fn both_trees_hold_the_same_files() {
    let image = image("cidata", &SEED).unwrap();
    let by_name: Vec<(String, Vec<u8>)> =
        files(&image, 16).into_iter().map(|(_, name, content)| (name, content)).collect();
    let [user_data, meta_data] = SEED.map(|file| (file.name.to_owned(), file.content.to_vec()));
    assert_eq!(by_name, [meta_data.clone(), user_data.clone()]);
    let of_joliet: Vec<(Vec<u8>, Vec<u8>)> =
        files(&image, 17).into_iter().map(|(name, _, content)| (name, content)).collect();
    assert_eq!(of_joliet, [meta_data, user_data].map(|(name, content)| (joliet(&name), content)));
}

#[test]
fn the_descriptors_say_what_the_disc_is() {
    let image = image("cidata", &SEED).unwrap();
    assert!(image[..16 * SECTOR].iter().all(|byte| *byte == 0));
    for (sector, kind) in [(16, 1), (17, 2), (18, 255)] {
        assert_eq!(
            &image[sector * SECTOR..sector * SECTOR + 7],
            &[&[kind], b"CD001\x01".as_slice()].concat()
        );
    }
    assert_eq!(&image[16 * SECTOR + 40..16 * SECTOR + 72], format!("{:32}", "cidata").as_bytes());
    assert_eq!(&image[17 * SECTOR + 40..17 * SECTOR + 52], b"\0c\0i\0d\0a\0t\0a");
    assert_eq!(&image[17 * SECTOR + 88..17 * SECTOR + 91], b"%/E");
    for descriptor in [16, 17] {
        assert_eq!(number(&image, descriptor * SECTOR + 80) as usize * SECTOR, image.len());
        let root = number(&image, descriptor * SECTOR + 156 + 2);
        let little = u32::from_le_bytes(image[descriptor * SECTOR + 140..][..4].try_into().unwrap());
        let big = u32::from_be_bytes(image[descriptor * SECTOR + 148..][..4].try_into().unwrap());
        assert_eq!(&image[little as usize * SECTOR + 2..][..4], root.to_le_bytes());
        assert_eq!(&image[big as usize * SECTOR + 2..][..4], root.to_be_bytes());
    }
}

#[test]
fn the_same_files_in_any_order_give_the_same_bytes() {
    let [user_data, meta_data] = SEED;
    assert_eq!(image("cidata", &[user_data, meta_data]), image("cidata", &[meta_data, user_data]));
}

#[test]
fn long_names_and_many_files_are_kept() {
    let names: Vec<String> = (0..90).map(|number| format!("{number:02}{}", "long-name.".repeat(6))).collect();
    let content = vec![7; 5000];
    let many: Vec<File<'_>> = names.iter().map(|name| File { name, content: &content }).collect();
    let image = image("CIDATA", &many).unwrap();
    let found = files(&image, 16);
    assert_eq!(found.iter().map(|(_, name, _)| name.clone()).collect::<Vec<_>>(), names);
    assert!(found.iter().all(|(_, _, read)| *read == content));
    let sorted = |names: Vec<Vec<u8>>| names.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(sorted(found.into_iter().map(|(short, _, _)| short).collect()));
    let of_joliet = files(&image, 17).into_iter().map(|(name, _, _)| name).collect::<Vec<_>>();
    assert_eq!(of_joliet, names.iter().map(|name| joliet(name)).collect::<Vec<_>>());
}

#[test]
fn an_empty_file_takes_no_sector() {
    let empty = image("cidata", &[File { name: "user-data", content: b"" }]).unwrap();
    let small = image("cidata", &[File { name: "user-data", content: b"x" }]).unwrap();
    assert_eq!(small.len(), empty.len() + SECTOR);
    assert_eq!(files(&empty, 16)[0].2, b"");
}

#[test]
fn what_the_format_cannot_hold_is_refused() {
    let named = |name| image("cidata", &[File { name, content: b"" }]);
    let long = "x".repeat(65);
    for name in ["", ".", "..", "a/b", "a;1", "ü", "a\n", &long] {
        assert_eq!(named(name), Err(Error::Name(name.to_owned())));
    }
    let [user_data, _] = SEED;
    assert_eq!(image("cidata", &[user_data; 2]), Err(Error::SameName("user-data".to_owned())));
    for label in ["", "seventeen-letters", "ci data"] {
        assert_eq!(image(label, &SEED), Err(Error::Label(label.to_owned())));
    }
}
