//! The exact bytes of requests, and how answers and connections are treated as pveproxy really behaves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::time::{Duration, Instant};

use pve_client::{Auth, Client, Config, Error, Params, Problem, Pve, Scope, Secret, Trust, VmAddress, VmId};
use support::{answer, data, serve};

const UPID: &str = "UPID:pve1:0000022A:0008A653:6B03BB63:qmstart:100:root@pam:";

fn client(endpoint: &str, auth: Auth) -> Client {
    Client::new(Config::new(endpoint, auth, Trust::System)).unwrap()
}

fn scoped(client: &Client) -> Pve {
    client.scoped(Scope::within(Duration::from_secs(10)))
}

fn token(endpoint: &str) -> Pve {
    scoped(&client(endpoint, Auth::Token(Secret::new("tf@pve!t1=abc"))))
}

fn password(endpoint: &str) -> Client {
    let auth = Auth::Password { user: "root".into(), password: "p w&=ü".into(), realm: "pam".into() };
    client(endpoint, auth)
}

fn vm() -> VmAddress {
    VmAddress::new("pve1".parse().unwrap(), VmId::new(100).unwrap())
}

#[tokio::test]
async fn a_read_with_a_token_has_exactly_these_bytes() {
    let (endpoint, wire) = serve(|_, _| data(r#"[{"poolid":"a/b"}]"#)).await;
    token(&endpoint).pool(&"a/b".parse().unwrap()).await.unwrap();
    assert_eq!(
        wire.texts(),
        [
            "GET /api2/json/pools?poolid=a%2Fb HTTP/1.1\nauthorization: PVEAPIToken=tf@pve!t1=abc\nhost: HOST\n\n"
        ]
    );
}

#[tokio::test]
async fn a_login_and_a_write_have_exactly_these_bytes() {
    let login = r#"{"username":"root@pam","ticket":"PVE:root@pam:6A::s+/=","CSRFPreventionToken":"6A:c/+="}"#;
    let (endpoint, wire) =
        serve(move |_, text| if text.contains("/access/ticket") { data(login) } else { data("null") }).await;
    let pve = scoped(&password(&endpoint));
    pve.create_pool(&"a".parse().unwrap(), Some("hot & new, 100 %")).await.unwrap();
    assert_eq!(
        wire.texts(),
        [
            "POST /api2/json/access/ticket HTTP/1.1\ncontent-type: application/x-www-form-urlencoded\nhost: HOST\n\
             content-length: 44\n\nusername=root%40pam&password=p+w%26%3D%C3%BC",
            "POST /api2/json/pools HTTP/1.1\ncontent-type: application/x-www-form-urlencoded\n\
             cookie: PVEAuthCookie=PVE%3Aroot%40pam%3A6A%3A%3As%2B%2F%3D\ncsrfpreventiontoken: 6A:c/+=\nhost: HOST\n\
             content-length: 39\n\npoolid=a&comment=hot+%26+new%2C+100+%25",
        ]
    );
}

#[tokio::test]
async fn a_read_with_a_ticket_carries_no_csrf_token_and_delete_has_no_body() {
    let login = r#"{"username":"root@pam","ticket":"T","CSRFPreventionToken":"C"}"#;
    let (endpoint, wire) =
        serve(move |_, text| if text.contains("/access/ticket") { data(login) } else { data("[]") }).await;
    let pve = scoped(&password(&endpoint));
    pve.pools().await.unwrap();
    pve.delete_pool(&"a".parse().unwrap()).await.unwrap();
    assert_eq!(
        wire.texts()[1..],
        [
            "GET /api2/json/pools HTTP/1.1\ncookie: PVEAuthCookie=T\nhost: HOST\n\n",
            "DELETE /api2/json/pools?poolid=a HTTP/1.1\ncookie: PVEAuthCookie=T\ncsrfpreventiontoken: C\nhost: HOST\n\n",
        ]
    );
}

#[tokio::test]
async fn an_old_ticket_is_renewed_with_itself_and_a_dead_one_with_the_password() {
    let (endpoint, wire) = serve(|number, text| match text {
        text if text.contains("password=p+w") => data(&format!(
            r#"{{"username":"root@pam","ticket":"T{number}","CSRFPreventionToken":"C{number}"}}"#
        )),
        text if text.contains("password=T0") => {
            data(r#"{"username":"root@pam","ticket":"NEW","CSRFPreventionToken":"CN"}"#)
        }
        text if text.contains("password=NEW") => answer("401 authentication failure", ""),
        _ => data("[]"),
    })
    .await;
    let client = password(&endpoint);
    scoped(&client).pools().await.unwrap();
    // Two hours pass in steps of a little over one; sockets need the real clock again afterwards.
    for _ in 0..2 {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(3700)).await;
        tokio::time::resume();
        scoped(&client).pools().await.unwrap();
    }
    let logins: Vec<String> = wire
        .texts()
        .iter()
        .map(|text| {
            text.lines().filter(|line| line.contains("password=") || line.starts_with("cookie")).collect()
        })
        .collect();
    assert_eq!(
        logins,
        [
            "username=root%40pam&password=p+w%26%3D%C3%BC",
            "cookie: PVEAuthCookie=T0",
            "username=root%40pam&password=T0",
            "cookie: PVEAuthCookie=NEW",
            "username=root%40pam&password=NEW",
            "username=root%40pam&password=p+w%26%3D%C3%BC",
            "cookie: PVEAuthCookie=T5",
        ]
    );
}

#[tokio::test]
async fn every_configuration_write_carries_the_digest() {
    let upid = format!("\"{UPID}\"");
    let (endpoint, wire) = serve(move |_, text| {
        data(if text.starts_with("PUT") && text.contains("/config") { "null" } else { &upid })
    })
    .await;
    let pve = token(&endpoint);
    let digest = Some("d1g");
    pve.set_vm_config(&vm(), Params::new().set("cores", 2), &["tags".into()], digest).await.unwrap();
    pve.set_vm_config_task(&vm(), Params::new().set("scsi0", "local:8"), &[], digest).await.unwrap();
    pve.resize_disk(&vm(), "scsi0", "9G", digest).await.unwrap();
    pve.move_disk(&vm(), "scsi0", Params::new().set("storage", "nvme").flag("delete", true), digest)
        .await
        .unwrap();
    let lines: Vec<String> = wire
        .texts()
        .iter()
        .map(|text| {
            let target = text.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
            format!("{target} {}", text.rsplit('\n').next().unwrap())
        })
        .collect();
    assert_eq!(
        lines,
        [
            "PUT /api2/json/nodes/pve1/qemu/100/config cores=2&delete=tags&digest=d1g",
            "POST /api2/json/nodes/pve1/qemu/100/config scsi0=local%3A8&digest=d1g",
            "PUT /api2/json/nodes/pve1/qemu/100/resize disk=scsi0&size=9G&digest=d1g",
            "POST /api2/json/nodes/pve1/qemu/100/move_disk disk=scsi0&storage=nvme&delete=1&digest=d1g",
        ]
    );
}

#[tokio::test]
async fn connections_are_kept_after_successes_and_given_up_after_failures() {
    let (endpoint, wire) = serve(|number, _| match number {
        2 => answer("500 no options specified", r#"{"data":null,"message":"no options specified\n"}"#),
        _ => data("[]"),
    })
    .await;
    let pve = token(&endpoint);
    for _ in 0..2 {
        pve.pools().await.unwrap();
    }
    assert!(matches!(pve.pools().await, Err(Error::Refused { status: 500, .. })));
    for _ in 0..2 {
        pve.pools().await.unwrap();
    }
    let connections: Vec<usize> = wire.seen().iter().map(|seen| seen.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1, 1]);
}

#[tokio::test]
async fn a_write_on_a_connection_that_the_server_just_closed_goes_out_once_on_another() {
    let (endpoint, wire) =
        serve(|number, _| if number == 0 { format!("{}CUT", data("[]")) } else { data("null") }).await;
    let pve = token(&endpoint);
    pve.pools().await.unwrap();
    pve.create_pool(&"a".parse().unwrap(), None).await.unwrap();
    let writes = wire.texts().iter().filter(|text| text.starts_with("POST")).count();
    assert_eq!((writes, wire.seen().len()), (1, 2));
}

#[tokio::test]
async fn each_status_of_a_lost_node_is_repeated_for_reads_and_never_for_writes() {
    for (status, text) in
        [(595, "Connection refused"), (596, "Connection timed out"), (599, "Too many redirections")]
    {
        let line = format!("{status} {text}");
        let (endpoint, wire) =
            serve(move |number, _| if number == 0 { answer(&line, "") } else { data("[]") }).await;
        token(&endpoint).pools().await.unwrap();
        assert_eq!(wire.seen().len(), 2, "{status}");

        let line = format!("{status} {text}");
        let (endpoint, wire) = serve(move |_, _| answer(&line, "")).await;
        let got = token(&endpoint).create_pool(&"a".parse().unwrap(), None).await;
        let Err(Error::MaybeApplied { source }) = got else { panic!("{status}: {got:?}") };
        let lost = source.proxy_lost().unwrap();
        assert_eq!((lost.status, lost.reason.as_str()), (status, text));
        assert_eq!(wire.seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_node_that_stays_lost_is_told_by_its_status() {
    let (endpoint, wire) = serve(|_, _| answer("595 No route to host", "")).await;
    let got = token(&endpoint).vm_config(&vm()).await;
    let Err(Error::NeverSent { source }) = got else { panic!("{got:?}") };
    assert_eq!(source.proxy_lost().unwrap().status, 595);
    assert!(wire.seen().len() > 1);
}

#[tokio::test]
async fn refused_parameters_keep_their_names_and_a_bodiless_failure_its_reason() {
    let body = r#"{"data":null,"errors":{"memory":"type check ('integer') failed - got 'x'\n"},"message":"Parameter verification failed.\n"}"#;
    let (endpoint, _) = serve(move |number, _| match number {
        0 => answer("400 Parameter verification failed.", body),
        _ => answer("403 Permission check failed (/vms/100, VM.Audit)", ""),
    })
    .await;
    let pve = token(&endpoint);
    let got = pve.set_vm_config(&vm(), Params::new().set("memory", "x"), &[], None).await;
    let Err(Error::Rejected { fields, .. }) = got else { panic!("{got:?}") };
    assert_eq!(fields["memory"].trim(), "type check ('integer') failed - got 'x'");
    let got = pve.vm_config(&vm()).await;
    let Err(Error::Forbidden { message }) = got else { panic!("{got:?}") };
    assert_eq!(message, "Permission check failed (/vms/100, VM.Audit)");
}

#[tokio::test]
async fn a_task_is_asked_for_after_a_moment_and_then_ever_less_often() {
    let (endpoint, wire) = serve(|number, _| {
        data(if number < 6 { r#"{"status":"running"}"# } else { r#"{"status":"stopped","exitstatus":"OK"}"# })
    })
    .await;
    let started = Instant::now();
    token(&endpoint).wait(&UPID.parse().unwrap()).await.unwrap();
    let seen = wire.seen();
    assert_eq!(
        wire.texts()[0],
        "GET /api2/json/nodes/pve1/tasks/UPID%3Apve1%3A0000022A%3A0008A653%3A6B03BB63%3Aqmstart%3A100%3Aroot%40pam%3A/status \
         HTTP/1.1\nauthorization: PVEAPIToken=tf@pve!t1=abc\nhost: HOST\n\n"
    );
    // No task ends sooner, so a question before that would be a call for nothing.
    let moment = seen[0].at - started;
    assert!((Duration::from_millis(15)..Duration::from_millis(50)).contains(&moment), "{moment:?}");
    let pauses: Vec<Duration> = seen.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(pauses[0] >= Duration::from_millis(25), "{pauses:?}");
    assert!(pauses[5] > pauses[0] * 3, "{pauses:?}");
}

#[tokio::test]
async fn the_end_of_a_long_log_is_in_the_error_of_a_failed_task() {
    let (endpoint, wire) = serve(|_, text| {
        if text.contains("/log?") {
            let lines: Vec<String> = (1..=200).map(|n| format!(r#"{{"n":{n},"t":"line {n}"}}"#)).collect();
            return data(&format!("[{}]", lines.join(",")));
        }
        data(r#"{"status":"stopped","exitstatus":"can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout"}"#)
    })
    .await;
    let got = token(&endpoint).wait(&UPID.parse().unwrap()).await;
    let Err(Error::TaskFailed { problem: Problem::Busy, log_tail, .. }) = got else { panic!("{got:?}") };
    assert_eq!((log_tail.len(), log_tail.last().unwrap().as_str()), (20, "line 200"));
    // Without a limit only the first fifty lines would come.
    assert!(wire.texts()[1].contains("/log?limit=0 "));
}

#[tokio::test]
async fn a_cancelled_operation_stops_its_task_with_exactly_this_request() {
    let (endpoint, wire) =
        serve(|_, text| data(if text.starts_with("DELETE") { "null" } else { r#"{"status":"running"}"# }))
            .await;
    let pve = token(&endpoint);
    let (cancel, seen) = (pve.scope().cancelled().clone(), wire.clone());
    tokio::spawn(async move {
        while seen.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
    });
    assert!(matches!(pve.wait(&UPID.parse().unwrap()).await, Err(Error::Cancelled)));
    assert_eq!(
        wire.texts().last().unwrap(),
        "DELETE /api2/json/nodes/pve1/tasks/UPID%3Apve1%3A0000022A%3A0008A653%3A6B03BB63%3Aqmstart%3A100%3Aroot%40pam%3A \
         HTTP/1.1\nauthorization: PVEAPIToken=tf@pve!t1=abc\nhost: HOST\n\n"
    );
}

#[tokio::test]
async fn a_proxy_that_restarts_while_a_task_runs_does_not_end_the_wait() {
    // A read is tried four times, so five cuts are more than one question bears.
    let (endpoint, wire) = serve(|number, _| match number {
        0 => data(r#"{"status":"running"}"#),
        1..=5 => String::new(),
        _ => data(r#"{"status":"stopped","exitstatus":"OK"}"#),
    })
    .await;
    token(&endpoint).wait(&UPID.parse().unwrap()).await.unwrap();
    assert_eq!(wire.seen().len(), 7);
}
