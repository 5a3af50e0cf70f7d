//! How the plugin's process lives and ends: protocol list 18 to 22, 25 and 26.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use core_emulator::proto::health::HealthCheckRequest;
use core_emulator::proto::health::health_client::HealthClient;
use core_emulator::proto::plugin::Empty;
use core_emulator::proto::plugin::grpc_broker_client::GrpcBrokerClient;
use core_emulator::proto::plugin::grpc_stdio_client::GrpcStdioClient;
use core_emulator::proto::tfplugin6::stop_provider;
use core_emulator::{Applied, Core, Failure, Launch, Plugin};
use serde_json::json;
use suite::Lab;
use suite::plugin::{configured, core, started};
use suite::process::{binaries, children, signal, wait_for};
use tokio::task::JoinHandle;

const POOL: &str = "homelab_pve_pool";

async fn stop(core: &Core) {
    let answer = core
        .client()
        .stop_provider(stop_provider::Request {})
        .await
        .expect("a stop is answered")
        .into_inner();
    assert_eq!(answer.error, "");
}

/// 18.
#[tokio::test]
async fn it_ends_at_once_with_the_streams_of_the_core_still_open() {
    let mut plugin = started().await;
    let channel = plugin.channel().await.unwrap();
    let empty = tokio_stream::pending();
    let _broker = GrpcBrokerClient::new(channel.clone()).start_stream(empty).await.unwrap();
    let _stdio = GrpcStdioClient::new(channel).stream_stdio(Empty {}).await.unwrap();
    let begin = Instant::now();
    plugin.shut_down().await.unwrap();
    let status = plugin.ended(Duration::from_secs(5)).await.unwrap();
    assert!(status.success());
    assert!(begin.elapsed() < Duration::from_millis(500), "it took {:?}", begin.elapsed());
}

/// An apply of a pool in a slow lab: the pool is made, and the provider waits for the next answer.
async fn running_apply(lab: &Lab, core: &Arc<Core>) -> JoinHandle<Result<Applied, Failure>> {
    let config = json!({ "name": "slow" });
    let plan = core.plan(POOL, None, &config).await.expect("a pool can be planned");
    let core = core.clone();
    let apply = tokio::spawn(async move { core.apply(&plan, &config).await });
    wait_for("the creation of the pool", Duration::from_secs(20), || (lab.writes() > 0).then_some(()));
    apply
}

/// 19.
#[tokio::test(flavor = "multi_thread")]
async fn an_end_in_the_middle_of_an_apply_is_bounded() {
    let lab = Lab::with(&["--latency", "1000"]);
    let (mut plugin, core) = configured(&lab).await;
    let core = Arc::new(core);
    let apply = running_apply(&lab, &core).await;
    let begin = Instant::now();
    plugin.shut_down().await.unwrap();
    plugin.ended(Duration::from_secs(5)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(2), "it took {:?}", begin.elapsed());
    // Either the answer still came, or the connection ended; it did not hang.
    let _ = tokio::time::timeout(Duration::from_secs(5), apply).await.unwrap().unwrap();
}

/// 20.
#[tokio::test]
async fn ctrl_c_is_left_to_the_core_and_a_termination_is_clean() {
    let mut plugin = started().await;
    core(&plugin).await;
    signal(plugin.id(), "INT");
    core(&plugin).await;
    signal(plugin.id(), "TERM");
    assert!(plugin.ended(Duration::from_secs(5)).await.unwrap().success());
    assert!(!Path::new(&plugin.handshake.address).parent().unwrap().exists());
}

/// Whether a process runs; one that only waits to be reaped does not.
fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, tail)| !tail.starts_with('Z'))
}

/// A plugin whose parent is a shell, and the plugin's own process id.
async fn with_a_parent() -> (Plugin, u32) {
    let shell = Launch::new(Path::new("sh"))
        .argument("-c")
        .argument("\"$0\" & wait")
        .argument(binaries().join("terraform-provider-homelab").to_str().expect("the path is text"))
        .start()
        .await
        .expect("the plugin starts");
    let plugin = children(shell.id(), "terraform-provider-homelab").pop().expect("the shell started it");
    (shell, plugin)
}

/// 21.
#[tokio::test]
async fn it_does_not_outlive_the_process_that_started_it() {
    let (shell, plugin) = with_a_parent().await;
    core(&shell).await;
    signal(shell.id(), "KILL");
    wait_for("the end of the orphan", Duration::from_secs(5), || (!runs(plugin)).then_some(()));
    assert!(!Path::new(&shell.handshake.address).exists());
}

/// 21: the core dies in the middle of an apply, with everything that it held open.
#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_finishes_what_it_began() {
    let lab = Lab::with(&["--latency", "1000"]);
    let (shell, plugin) = with_a_parent().await;
    let core = core(&shell).await;
    core.configure(&suite::plugin::block(&lab)).await.unwrap();
    let core = Arc::new(core);
    let apply = running_apply(&lab, &core).await;
    let calls = lab.calls();
    signal(shell.id(), "KILL");
    apply.abort();
    drop((core, apply));
    wait_for("the end of the orphan", Duration::from_secs(10), || (!runs(plugin)).then_some(()));
    assert!(lab.calls() > calls, "it ended before it had read back what it made");
}

/// 22.
#[tokio::test]
async fn a_stop_while_idle_changes_nothing() {
    let plugin = started().await;
    let core = core(&plugin).await;
    stop(&core).await;
    stop(&core).await;
    core.validate(POOL, &json!({ "name": "a" })).await.unwrap();
}

/// 22.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_a_running_apply_and_later_calls_work() {
    let lab = Lab::with(&["--latency", "1000"]);
    let (_plugin, core) = configured(&lab).await;
    let core = Arc::new(core);
    let apply = running_apply(&lab, &core).await;
    stop(&core).await;
    let applied = tokio::time::timeout(Duration::from_secs(5), apply).await.unwrap().unwrap().unwrap();
    assert!(applied.messages.iter().any(|message| message.is_error), "a stopped apply answers with an error");
    let state = applied.state.expect("what was made is in the state");
    assert!(state.tainted);
    assert_eq!(lab.pools(), ["slow"]);
    core.data("homelab_pve_version", &json!({})).await.unwrap();
}

/// 25.
#[tokio::test]
async fn its_health_is_told_by_name() {
    let plugin = started().await;
    let mut client = HealthClient::new(plugin.channel().await.unwrap());
    let check = |service: &str| HealthCheckRequest { service: service.to_owned() };
    assert_eq!(client.check(check("plugin")).await.unwrap().into_inner().status, 1);
    assert_eq!(client.check(check("nonsense")).await.unwrap_err().code(), tonic::Code::NotFound);
}

/// 26: what newer cores know and this provider has not.
#[tokio::test]
async fn a_call_that_it_does_not_have_is_unimplemented() {
    let plugin = started().await;
    for method in
        ["/tfplugin6.Provider/ListResource", "/tfplugin6.Provider/PlanAction", "/plugin.GRPCNonsense/Call"]
    {
        assert_eq!(
            plugin.call_unlisted(method).await.unwrap_err().code(),
            tonic::Code::Unimplemented,
            "{method}"
        );
    }
    core(&plugin).await;
}
