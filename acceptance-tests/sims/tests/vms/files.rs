//! Files that storages take from outside, and when they do not.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use serde_json::json;

use super::bench::Bench;

/// Serves one file of 1 MiB to whoever asks first; answers its address.
fn served() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("it listens");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody asks");
        let mut lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", 1 << 20);
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&vec![0; 1 << 20]))
            .expect("it is sent");
    });
    format!("http://{address}/a.iso")
}

#[test]
fn a_full_storage_takes_no_file_but_one_in_place_of_another() {
    let mut bench = Bench::new("lab");
    bench.ok("POST", "/storage", "storage=files&type=dir&path=/files&content=iso");
    bench.lab.storage_sizes.insert("files".to_owned(), 3 << 20);
    assert_eq!(bench.upload("files", "a.iso", &vec![0; 2 << 20]), "OK");
    assert_eq!(bench.upload("files", "a.iso", &vec![1; 3 << 20]), "OK");
    let end = bench.upload("files", "b.iso", &[0]);
    assert!(end.starts_with("import failed:") && end.ends_with("No space left on device"), "{end}");
    let form = format!("content=iso&filename=c.iso&url={}", served());
    let end = bench.task("POST", "/nodes/pve1/storage/files/download-url", &form);
    assert_eq!(end, "download failed: exit code 3");
    assert_eq!(bench.volumes("pve1", "files"), ["files:iso/a.iso"]);
}

#[test]
fn a_storage_takes_only_the_content_that_it_is_for() {
    let mut bench = Bench::new("lab");
    let form = "content=iso&filename=a.iso&url=http://127.0.0.1:1/a.iso";
    assert_eq!(
        bench.refused("POST", "/nodes/pve1/storage/local-lvm/download-url", form),
        "storage: storage 'local-lvm' is not configured for content-type 'iso'\n"
    );
    let listed = bench.ok("GET", "/nodes/pve1/storage", "content=iso");
    let ids: Vec<_> = listed.as_array().into_iter().flatten().map(|item| item["storage"].clone()).collect();
    assert!(ids.contains(&json!("local")) && !ids.contains(&json!("local-lvm")), "{ids:?}");
}
