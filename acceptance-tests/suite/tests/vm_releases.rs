//! Machines on an older Proxmox VE, and what a login that may do little is told. With every CLI.

use suite::cycle::live_in;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

fn vm(body: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  name = \"web\"\n  \
         shutdown_timeout_seconds = 2\n  {body}\n}}\n"
    )
}

#[test]
fn a_machine_lives_on_the_older_release_and_leaves_nothing() {
    // An import cannot know how long a guest may take.
    let vm = |body: &str| vm(body).replace("shutdown_timeout_seconds = 2", "");
    let disks =
        |size: u32| format!("disks = {{ scsi0 = {{ storage_name = \"shared\", size_gib = {size} }} }}");
    let agent = "agent = { enabled = true, freeze_on_backup = false }\n  networks = { net0 = { bridge = \"vmbr0\" } }";
    live_in(
        &["--version-of", "8.4"],
        &[
            vm(&format!(
                "{}\n  {agent}\n  memory = {{ size_mib = 1024 }}\n  wait_for = {{ address = \"ipv4\" }}",
                disks(1)
            )),
            vm(&format!("{}\n  {agent}\n  memory = {{ size_mib = 2048, minimum_mib = 1024 }}", disks(2))),
            vm(&format!("{}\n  cpu = {{ cores = 2 }}\n  started = false", disks(2))),
            vm(&format!("{}\n  cpu = {{ cores = 2 }}", disks(2))).replace("\"pve1\"", "\"pve2\""),
        ],
        &[("homelab_pve_vm.this", "4711")],
        |lab| assert!(lab.vms().is_empty()),
    );
}

/// The provider block of a login with these privileges on a path.
fn login(lab: &Lab, path: &str, privileges: &str) -> String {
    let post = |path: &str, body: &str| lab.request("POST", path, Some(body));
    post("/api2/json/access/roles", &format!("{{\"roleid\":\"Limited\",\"privs\":\"{privileges}\"}}"));
    post("/api2/json/access/users", "{\"userid\":\"tf@pve\"}");
    let entry = format!("{{\"path\":\"{path}\",\"roles\":\"Limited\",\"users\":\"tf@pve\"}}");
    lab.request("PUT", "/api2/json/access/acl", Some(&entry));
    let made = post("/api2/json/access/users/tf@pve/token/ci", "{\"privsep\":0}");
    let secret = made["data"]["value"].as_str().expect("the lab tells the secret");
    lab.provider_block_as(&format!("tf@pve!ci={secret}"))
}

#[test]
fn each_missing_privilege_is_told_by_the_plan_as_the_release_calls_it() {
    with_each_cli(|cli| {
        for (release, agent) in [("9.2", "VM.GuestAgent.Audit"), ("8.4", "VM.Monitor")] {
            let lab = Lab::with(&["--version-of", release]);
            let workspace = Workspace::new(cli);
            let provider =
                login(&lab, "/", "VM.Allocate,VM.Audit,VM.Config.Options,Sys.Audit,Datastore.Audit");
            let writes = lab.writes();
            let body = "cpu = { cores = 2 }\n  disks = { scsi0 = { storage_name = \"shared\", size_gib = 1 } }\n  \
                        networks = { net0 = { bridge = \"vmbr0\" } }\n  agent = { enabled = true }\n  \
                        wait_for = { agent = true }";
            workspace.configure(&provider, &vm(body));
            let before = lab.calls();
            let said = workspace.plan().failed().prose();
            for missing in [
                "VM.Config.CPU",
                "VM.Config.Disk",
                "VM.Config.HWType",
                "VM.Config.Network",
                "VM.PowerMgmt",
                "Datastore.AllocateSpace",
                "SDN.Use",
                agent,
            ] {
                let line = format!("--privs {missing} ");
                assert!(format!("{said} ").contains(&line), "{release} {missing}: {said}");
            }
            assert!(said.contains("pveum acl modify /storage/shared --tokens 'tf@pve!ci'"), "{said}");
            assert!(!said.contains("--privs VM.Allocate"), "{said}");
            let asked =
                lab.calls_since(before).into_iter().filter(|call| call.ends_with("/access/permissions"));
            assert_eq!(asked.count(), 1);
            assert_eq!(lab.writes(), writes);
        }
    });
}

#[test]
fn privileges_on_a_pool_are_enough_for_the_machines_in_it() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        lab.request("POST", "/api2/json/pools", Some("{\"poolid\":\"web\"}"));
        let provider = login(
            &lab,
            "/pool/web",
            "VM.Allocate,VM.Audit,VM.Config.Options,VM.Config.CPU,VM.PowerMgmt,Pool.Audit",
        );
        let workspace = Workspace::new(cli);
        for cores in [1, 2] {
            workspace
                .configure(&provider, &vm(&format!("pool_name = \"web\"\n  cpu = {{ cores = {cores} }}")));
            workspace.apply().ok();
            workspace.plan_is_empty();
        }
        workspace.configure(&provider, &vm("pool_name = \"web\"\n  memory = { size_mib = 1024 }"));
        let said = workspace.plan().failed().prose();
        assert!(said.contains("--privs VM.Config.Memory") && said.contains("acl modify /pool/web"), "{said}");
        workspace.configure(&provider, "");
        workspace.apply().ok();
        assert!(lab.vms().is_empty());
    });
}
