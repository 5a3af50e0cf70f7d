//! The client against a scripted server: credentials, tasks, lookups and the exact bytes sent.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use pve_client::{
    Auth, Client, Config, Error, NodeName, Problem, Pve, Scope, Secret, Secrets, Settings, Trust, Upid, VmId,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

type Log = Arc<Mutex<Vec<String>>>;

/// Serves (status line, body) by a function of "METHOD target body" and records every request.
async fn serve(reply: fn(&str, usize) -> (&'static str, String)) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let log = Log::default();
    let seen = log.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let seen = seen.clone();
            tokio::spawn(async move {
                loop {
                    let (mut head, mut byte) = (Vec::new(), [0]);
                    while !head.ends_with(b"\r\n\r\n") {
                        if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                            return;
                        }
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8(head).unwrap();
                    let header = |name: &str| {
                        head.lines().find_map(|l| {
                            l.to_lowercase()
                                .starts_with(&format!("{name}:"))
                                .then(|| l[name.len() + 1..].trim().to_owned())
                        })
                    };
                    let mut body = vec![0; header("content-length").map_or(0, |n| n.parse().unwrap())];
                    stream.read_exact(&mut body).await.unwrap();
                    let first =
                        head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").replace("/api2/json", "");
                    let line = format!("{first} {}", String::from_utf8(body).unwrap()).trim_end().to_owned();
                    let count = seen.lock().unwrap().iter().filter(|l| l.starts_with(&line)).count();
                    let marks: Vec<String> = ["authorization", "cookie", "csrfpreventiontoken"]
                        .iter()
                        .filter_map(|n| header(n))
                        .collect();
                    seen.lock().unwrap().push(format!("{line} [{}]", marks.join("; ")));
                    let (status, text) = reply(&line, count);
                    let answer = format!(
                        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}",
                        text.len()
                    );
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (endpoint, log)
}

fn token(endpoint: &str) -> Pve {
    let auth = Auth::Token(Secret::new("tf@pve!t1=abc"));
    let client = Client::new(Config::new(endpoint, auth, Trust::System)).unwrap();
    client.scoped(Scope::within(Duration::from_secs(10)))
}

fn data(text: &str) -> (&'static str, String) {
    ("200 OK", format!("{{\"data\":{text}}}"))
}

const UPID: &str = "UPID:pve1:0000022A:0008A653:6B03BB63:qmstart:100:root@pam:";

#[tokio::test]
async fn a_token_goes_into_its_header_and_delete_parameters_into_the_query() {
    let (endpoint, log) = serve(|_, _| data("null")).await;
    token(&endpoint).delete_pool(&"a".parse().unwrap()).await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["DELETE /pools?poolid=a [PVEAPIToken=tf@pve!t1=abc]"]);
}

#[tokio::test]
async fn a_refused_ticket_is_replaced_once_and_writes_carry_the_csrf_token() {
    let (endpoint, log) = serve(|line, count| match line {
        l if l.starts_with("POST /access/ticket") => {
            data(r#"{"username":"root@pam","ticket":"PVE:x+","CSRFPreventionToken":"c"}"#)
        }
        "POST /pools poolid=a" if count == 0 => ("401 Authentication failed!", String::new()),
        _ => data("null"),
    })
    .await;
    let auth = Auth::Password { user: "root".into(), password: "p w".into(), realm: "pam".into() };
    let client = Client::new(Config::new(&endpoint, auth, Trust::System)).unwrap();
    client
        .scoped(Scope::within(Duration::from_secs(5)))
        .create_pool(&"a".parse().unwrap(), None)
        .await
        .unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log[0], "POST /access/ticket username=root%40pam&password=p+w []");
    assert_eq!(log[1], "POST /pools poolid=a [PVEAuthCookie=PVE%3Ax%2B; c]");
    assert_eq!(log.len(), 4, "{log:?}");
    assert_eq!(log.last().unwrap(), "POST /pools poolid=a [PVEAuthCookie=PVE%3Ax%2B; c]");
}

#[tokio::test]
async fn a_failure_without_a_body_is_read_from_the_status_line() {
    let (endpoint, _) = serve(|_, _| ("401 No ticket", String::new())).await;
    let got = token(&endpoint).version().await;
    assert!(matches!(got, Err(Error::Unauthorized { ref message }) if message == "No ticket"), "{got:?}");
}

#[tokio::test]
async fn a_task_is_awaited_and_its_warnings_or_failure_told() {
    let (endpoint, _) = serve(|line, count| match line {
        l if l.contains("/log?limit=0") => data(r#"[{"n":1,"t":"WARN: no space"},{"n":2,"t":"TASK ..."}]"#),
        l if l.contains("%3A100%3A") && count == 0 => data(r#"{"status":"running"}"#),
        l if l.contains("%3A100%3A") => data(r#"{"status":"stopped","exitstatus":"WARNINGS: 1"}"#),
        _ => data(r#"{"status":"stopped","exitstatus":"VM 101 already running"}"#),
    })
    .await;
    let pve = token(&endpoint);
    assert_eq!(pve.wait(&UPID.parse().unwrap()).await.unwrap().warnings, ["no space"]);
    let other: Upid = UPID.replace(":100:", ":101:").parse().unwrap();
    let failed = pve.wait(&other).await.unwrap_err();
    assert!(
        matches!(&failed, Error::TaskFailed { problem: Problem::Running, log_tail, .. } if log_tail.len() == 2),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_wait_whose_time_is_up_names_its_task_and_lets_it_run() {
    let (endpoint, log) = serve(|_, _| data(r#"{"status":"running"}"#)).await;
    let late = token(&endpoint).client().scoped(Scope::within(Duration::from_millis(100)));
    assert!(matches!(late.wait(&UPID.parse().unwrap()).await, Err(Error::TimedOut { upid: Some(_) })));
    assert!(log.lock().unwrap().iter().all(|line| line.starts_with("GET ")));
}

#[tokio::test]
async fn a_moved_machine_is_found_and_the_list_is_read_once_until_a_write() {
    let (endpoint, log) = serve(|line, _| match line {
        "GET /nodes/pve1/qemu/100/config" => {
            ("500 x", r#"{"data":null,"message":"Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist\n"}"#.into())
        }
        "GET /cluster/resources" => data(r#"[{"type":"qemu","vmid":100,"node":"pve2","status":"unknown","id":"qemu/100"}]"#),
        "GET /nodes/pve2/qemu/100/config" => data(r#"{"digest":"d","memory":"512"}"#),
        _ => data("null"),
    })
    .await;
    let pve = token(&endpoint);
    let hint: NodeName = "pve1".parse().unwrap();
    let id = VmId::new(100).unwrap();
    let (address, config) = pve.find_vm(id, Some(&hint)).await.unwrap().unwrap();
    assert_eq!((address.to_string().as_str(), config.value("memory")), ("pve2/100", Some("512")));
    let lists = || log.lock().unwrap().iter().filter(|l| l.contains("/cluster/resources")).count();
    pve.guests().await.unwrap();
    assert_eq!(lists(), 1);
    pve.create_pool(&"a".parse().unwrap(), None).await.unwrap();
    // Those that ask at once share one list.
    let (a, b) = tokio::join!(pve.guests(), pve.cluster());
    assert_eq!(a.unwrap(), b.unwrap().guests);
    assert_eq!(lists(), 2);
}

#[tokio::test]
async fn a_change_that_meets_a_stale_digest_is_tried_again_with_the_new_one() {
    let (endpoint, log) = serve(|line, count| match line {
        "GET /storage/ds2" if count == 0 => data(r#"{"type":"dir","digest":"old"}"#),
        "GET /storage/ds2" => data(r#"{"type":"dir","digest":"new"}"#),
        l if l.ends_with("digest=old") => {
            ("500 x", r#"{"data":null,"message":"update storage failed: detected modified configuration - file changed by other user? Try again.\n"}"#.into())
        }
        _ => data("{}"),
    })
    .await;
    let before = Settings::new().set("nodes", "pve1");
    let changes = before.changes_to(&Settings::new().set("content", "iso"));
    let name = "ds2".parse().unwrap();
    token(&endpoint).change_storage(&name, &changes, &Secrets::new()).await.unwrap();
    let writes: Vec<String> = log.lock().unwrap().iter().filter(|l| l.starts_with("PUT")).cloned().collect();
    assert_eq!(writes.len(), 2, "{writes:?}");
    assert!(writes[1].starts_with("PUT /storage/ds2 content=iso&delete=nodes&digest=new"), "{writes:?}");
}
