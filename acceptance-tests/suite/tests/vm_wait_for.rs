//! Waiting for a guest: in applies only, bounded, and told when it is in vain. With every CLI.

use serde_json::json;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  name = \"web\"\n  \
         shutdown_timeout_seconds = 2\n  networks = {{ net0 = {{ bridge = \"vmbr0\" }} }}\n  {body}\n}}\n"
    )
}

const AGENT: &str = "agent = { enabled = true }\n";

fn asked_the_agent(lab: &Lab, before: usize) -> usize {
    lab.calls_since(before).iter().filter(|call| call.contains("/agent/")).count()
}

#[test]
fn an_apply_waits_for_an_address_and_a_plan_does_not() {
    with_each_cli(|cli| {
        let lab = Lab::with(&["--guest-boot", "2"]);
        let workspace = Workspace::new(cli);
        let waiting = |cores: u32, more: &str| {
            vm(&format!(
                "{AGENT}  cpu = {{ cores = {cores} }}\n  wait_for = {{ address = \"ipv4\", interface_name = \"eth0\" }}\n  {more}"
            ))
        };
        workspace.configure(&lab.provider_block(), &waiting(1, ""));
        workspace.apply().ok();
        assert!(asked_the_agent(&lab, 0) > 1);
        let addresses = || workspace.resource("homelab_pve_vm.this")["addresses"].clone();
        assert_eq!(addresses(), json!({"eth0": ["198.51.100.140"]}));

        // Neither a plan nor a change that the running machine takes asks again.
        let before = lab.calls();
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &waiting(1, "tags = [\"a\"]"));
        let plan = workspace.plan().prose();
        assert!(!plan.contains("addresses"), "{plan}");
        workspace.apply().ok();
        assert_eq!(asked_the_agent(&lab, before), 0);

        // A restart does.
        workspace.configure(&lab.provider_block(), &waiting(2, "tags = [\"a\"]"));
        let plan = workspace.plan().prose();
        assert!(plan.contains("addresses") && plan.contains("Restart is needed"), "{plan}");
        workspace.apply().ok();
        assert!(asked_the_agent(&lab, before) > 1);
        workspace.plan_is_empty();
        assert_eq!(addresses(), json!({"eth0": ["198.51.100.140"]}));

        // So do a stop and a start.
        workspace.configure(&lab.provider_block(), &waiting(2, "started = false"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(addresses(), json!(null));
        workspace.configure(&lab.provider_block(), &waiting(2, ""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(addresses(), json!({"eth0": ["198.51.100.140"]}));

        let live = "data \"homelab_pve_vm\" \"live\" {\n  vm_id = homelab_pve_vm.this.vm_id\n  read_addresses = true\n}\n";
        workspace.configure(&lab.provider_block(), &format!("{}{live}", waiting(2, "")));
        workspace.apply().ok();
        assert_eq!(
            workspace.resource("data.homelab_pve_vm.live")["addresses"],
            json!({"eth0": ["198.51.100.140"]})
        );

        workspace.forget("homelab_pve_vm.this").ok();
        workspace.import("homelab_pve_vm.this", "4711").ok();
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.destroy().ok();
    });
}

#[test]
fn a_wait_in_vain_says_what_to_check_and_is_taken_up_again() {
    with_each_cli(|cli| {
        let lab = Lab::with(&["--guest-boot", "3600"]);
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm(AGENT));
        workspace.apply().ok();
        let wish = |wish: &str| vm(&format!("{AGENT}  wait_for = {{ {wish}, timeout_seconds = 1 }}"));
        workspace.configure(&lab.provider_block(), &wish("agent = true"));
        for _ in 0..2 {
            let told = workspace.apply();
            assert_eq!(told.code, Some(1));
            let told = told.prose();
            assert!(
                told.contains("within 1 seconds there was not an answer of the guest agent")
                    && told.contains("`qemu-guest-agent` is installed"),
                "{told}"
            );
        }
        lab.request("POST", "/lab/clock", Some("{\"advance_seconds\": 3700}"));
        workspace.apply().ok();
        workspace.plan_is_empty();

        workspace.configure(&lab.provider_block(), &wish("address = \"ipv6\""));
        let told = workspace.apply();
        assert_eq!(told.code, Some(1));
        let told = told.prose();
        assert!(told.contains("tells of eth0: 198.51.100.140"), "{told}");
        workspace.configure(&lab.provider_block(), &wish("address = \"any\""));
        workspace.apply().ok();
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &vm(AGENT));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource("homelab_pve_vm.this")["addresses"], json!(null));
        workspace.destroy().ok();
    });
}

#[test]
fn a_new_machine_whose_guest_is_not_ready_is_kept_in_the_state() {
    with_each_cli(|cli| {
        let lab = Lab::with(&["--guest-boot", "3600"]);
        let workspace = Workspace::new(cli);
        let wish = vm(&format!("{AGENT}  wait_for = {{ agent = true, timeout_seconds = 1 }}"));
        workspace.configure(&lab.provider_block(), &wish);
        assert_eq!(workspace.apply().code, Some(1));
        assert_eq!(lab.guests(), ["web"]);
        lab.request("POST", "/lab/clock", Some("{\"advance_seconds\": 3700}"));
        workspace.run(&["untaint", "homelab_pve_vm.this"]).ok();
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(lab.guests(), ["web"]);
        workspace.destroy().ok();
        assert!(lab.vms().is_empty());
    });
}

#[test]
fn a_guest_that_cannot_be_asked_is_told() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, expected) in [
            ("wait_for = { agent = true }", "which this machine does not enable"),
            (
                "agent = { enabled = false }\n  wait_for = { agent = true }",
                "which this machine does not enable",
            ),
            ("agent = { enabled = true }\n  wait_for = {}", "Say what to wait for"),
            (
                "agent = { enabled = true }\n  wait_for = { agent = true, interface_name = \"eth0\" }",
                "needs `wait_for.address`",
            ),
            ("template = true\n  wait_for = { agent = true }", "A template never runs"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(body));
            let told = workspace.plan();
            assert_eq!(told.code, Some(1), "{body}");
            let told = told.prose();
            assert!(told.contains(expected), "{body}: {told}");
        }
        // What a clone has is known only when it is there.
        lab.make(&lab_template(), &json!({"name": "bare", "template": 1}));
        workspace
            .configure(&lab.provider_block(), &vm("clone = { vm_id = 9000 }\n  wait_for = { agent = true }"));
        let told = workspace.apply();
        assert_eq!(told.code, Some(1));
        let told = told.prose();
        assert!(
            told.contains("Guest agent is disabled") && told.contains("agent = { enabled = true }"),
            "{told}"
        );
        workspace.destroy().ok();
    });
}

fn lab_template() -> suite::vms::Place {
    suite::vms::Place { node: "pve1".to_owned(), id: 9000 }
}
