//! The rest of a machine's devices and switches, from creation to nothing left, with every CLI: each argument is changed
//! in turn, of a machine that is stopped and of one that runs.

use serde_json::json;
use suite::vms::Place;
use suite::workspace::with_each_cli;
use suite::{Lab, Workspace};

const ADDRESS: &str = "homelab_pve_vm.this";

const MAPPINGS: &str = "resource \"homelab_pve_usb_mapping\" \"stick\" {\n  name = \"stick\"\n  devices = [{ node_name = \"pve1\", \
                        device_id = \"0403:6001\" }]\n}\n\
                        resource \"homelab_pve_dir_mapping\" \"media\" {\n  name = \"media\"\n  directories = [{ node_name = \"pve1\", \
                        path = \"/srv/media\" }]\n}\n";

fn vm(body: &str) -> String {
    format!(
        "{MAPPINGS}resource \"homelab_pve_vm\" \"this\" {{\n  node_name = \"pve1\"\n  vm_id = 4711\n  os_type = \"l26\"\n  {body}\n}}\n"
    )
}

fn here() -> Place {
    Place { node: "pve1".to_owned(), id: 4711 }
}

/// The steps of a life, each with what it says.
const STEPS: [(&str, &str); 17] = [
    (
        "usb devices",
        "usb_devices = { usb0 = { mapping_name = homelab_pve_usb_mapping.stick.name }, usb7 = { spice = true } }",
    ),
    (
        "other usb devices",
        "usb_devices = { usb0 = { spice = true, usb3 = true }, usb2 = { mapping_name = \"stick\", usb3 = false } }",
    ),
    (
        "shares",
        "virtiofs = { virtiofs0 = { mapping_name = homelab_pve_dir_mapping.media.name, cache = \"always\", direct_io = true, \
         expose_acl = true, expose_xattr = true } }",
    ),
    (
        "another share",
        "virtiofs = { virtiofs3 = { mapping_name = \"media\", cache = \"auto\", direct_io = false } }",
    ),
    ("serial ports", "serial_ports = { serial0 = {}, serial2 = {} }"),
    (
        "display and console",
        "display = { type = \"virtio\", memory_mib = 64, clipboard = \"vnc\" }\n  keyboard_layout = \"de\"\n  tablet = false",
    ),
    (
        "another display",
        "display = { type = \"serial0\" }\n  serial_ports = { serial0 = {} }\n  tablet = true",
    ),
    (
        "small devices",
        "rng = { source = \"/dev/urandom\", max_bytes = 2048, period_milliseconds = 500 }\n  watchdog = { model = \"ib700\", \
         action = \"poweroff\" }\n  audio = { device = \"ich9-intel-hda\", driver = \"none\" }",
    ),
    (
        "other small devices",
        "rng = { source = \"/dev/hwrng\" }\n  watchdog = { model = \"i6300esb\" }\n  audio = { device = \"AC97\" }",
    ),
    (
        "numa",
        "cpu = { cores = 2, sockets = 2, numa = true, type = \"host\", flags = [\"+aes\", \"-pcid\"] }\n  memory = { size_mib = 1024 }\n  \
         numa_nodes = { numa0 = { processor_ids = [0, 1], memory_mib = 512, host_node_ids = [0], policy = \"bind\" }, \
         numa1 = { processor_ids = [2, 3], memory_mib = 512 } }",
    ),
    (
        "less of numa",
        "cpu = { cores = 2, numa = true, type = \"kvm64\", flags = [\"+spec-ctrl\"] }\n  memory = { size_mib = 1024 }\n  \
         numa_nodes = { numa0 = { processor_ids = [1, 0], memory_mib = 1024 } }",
    ),
    (
        "hotplug and startup",
        "cpu = { numa = true }\n  memory = { size_mib = 2048 }\n  hotplug = [\"usb\", \"memory\", \"cpu\", \"disk\", \"network\"]\n  \
         startup = { order = 3, up_delay_seconds = 30, down_delay_seconds = 60 }",
    ),
    ("no hotplug", "hotplug = []\n  startup = { order = 0 }"),
    (
        "switches",
        "acpi = false\n  kvm = false\n  local_time = true\n  hotplug = [\"disk\", \"network\", \"usb\"]",
    ),
    (
        "what is said in short",
        "cpu = { flags = [\"+aes\"] }\n  watchdog = {}\n  memory = { allow_ksm = false }\n  state_storage_name = \"shared\"",
    ),
    (
        "some of the processors",
        "cpu = { cores = 4, plugged_cores = 2 }\n  watchdog = { action = \"none\" }\n  memory = { allow_ksm = true }\n  \
         state_storage_name = \"local-lvm\"",
    ),
    ("nothing", "start_on_boot = false"),
];

/// Lives through the steps, and wants the plan after each to be empty.
fn live(lab: &Lab, workspace: &Workspace, started: bool) {
    for (step, body) in STEPS {
        let body = format!("started = {started}\n  {body}");
        workspace.configure(&lab.provider_block(), &vm(&body));
        let run = workspace.apply();
        assert_eq!(run.code, Some(0), "{step}: {}", run.text);
        let again = workspace.plan();
        assert_eq!(again.code, Some(0), "the plan after {step:?} is not empty:\n{}", again.text);
        assert_eq!(lab.runs(&here()), started, "{step}");
        // Importing reports what the step has written, so nothing differs.
        workspace.forget(ADDRESS).ok();
        workspace.import(ADDRESS, "pve1/4711").ok();
        let imported = workspace.plan();
        assert_eq!(
            imported.code,
            Some(0),
            "the plan after the import of {step:?} is not empty:\n{}",
            imported.text
        );
    }
}

#[test]
fn a_stopped_machine_changes_every_device() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        live(&lab, &workspace, false);
        workspace.destroy().ok();
        assert_eq!(lab.vms(), Vec::<serde_json::Value>::new());
    });
}

#[test]
fn a_running_machine_changes_every_device() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        live(&lab, &workspace, true);
        let config = lab.config(&here());
        for key in
            ["usb0", "virtiofs0", "serial0", "vga", "rng0", "watchdog", "audio0", "numa0", "startup", "acpi"]
        {
            assert!(config[key].is_null(), "{key} is left: {config}");
        }
        workspace.destroy().ok();
    });
}

#[test]
fn a_plan_says_which_devices_wait_for_a_restart() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        workspace.configure(&lab.provider_block(), &vm("name = \"web\""));
        workspace.apply().ok();
        // These are plugged in.
        workspace.configure(
            &lab.provider_block(),
            &vm("name = \"web\"\n  usb_devices = { usb0 = { spice = true } }\n  startup = { order = 1 }"),
        );
        let run = workspace.apply().ok();
        assert!(!run.text.contains("Restart is needed"), "{}", run.text);
        workspace.plan_is_empty();
        // These are not.
        for (argument, body) in [
            ("display", "display = { type = \"virtio\" }"),
            ("serial_ports[\"serial0\"]", "serial_ports = { serial0 = {} }"),
            ("watchdog", "watchdog = {}"),
            ("virtiofs[\"virtiofs0\"]", "virtiofs = { virtiofs0 = { mapping_name = \"media\" } }"),
            ("cpu.flags", "cpu = { flags = [\"+aes\"] }"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(&format!("name = \"web\"\n  {body}")));
            let plan = workspace.plan();
            assert_eq!(plan.code, Some(2), "{}", plan.text);
            assert!(
                plan.prose().contains(&format!("takes a new `{argument}` only when it starts")),
                "{body}: {}",
                plan.text
            );
        }
        // A change that may not restart it waits.
        let patient = "name = \"web\"\n  reboot_when_needed = false\n  watchdog = {}";
        workspace.configure(&lab.provider_block(), &vm(patient));
        workspace.apply().ok();
        workspace.plan_is_empty();
        assert_eq!(workspace.resource(ADDRESS)["pending_changes"], json!(["watchdog"]));
        workspace.destroy().ok();
    });
}

#[test]
fn slots_that_nobody_named_are_left_alone() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let body = |text: &str| {
            vm(&format!(
                "started = false\n  description = \"{text}\"\n  usb_devices = {{ usb0 = {{ spice = true }} }}\n  serial_ports = {{ serial0 = {{}} }}"
            ))
        };
        workspace.configure(&lab.provider_block(), &body("a"));
        workspace.apply().ok();
        let by_hand = json!({
            "usb3": "mapping=stick", "serial1": "socket", "virtiofs1": "media", "vga": "qxl", "rng0": "/dev/urandom",
            "numa1": "cpus=0", "watchdog": "ib700", "hotplug": "disk", "audio0": "device=AC97",
        });
        lab.edit(&here(), &by_hand);
        workspace.plan_is_empty();
        workspace.configure(&lab.provider_block(), &body("b"));
        workspace.apply().ok();
        workspace.plan_is_empty();
        let config = lab.config(&here());
        for (key, value) in by_hand.as_object().expect("it is one") {
            assert_eq!(config[key], *value, "{key}");
        }
        // What was named and changed by hand is put right.
        lab.edit(&here(), &json!({"delete": "usb0", "serial0": "socket"}));
        let plan = workspace.plan();
        assert_eq!(plan.code, Some(2), "{}", plan.text);
        workspace.apply().ok();
        assert_eq!(lab.config(&here())["usb0"], "spice");
        workspace.destroy().ok();
    });
}

#[test]
fn what_cannot_work_is_told_on_its_argument_when_planned() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for (body, summary) in [
            ("usb_devices = { usb0 = {} }", "Missing argument"),
            ("usb_devices = { usb0 = { spice = true, mapping_name = \"stick\" } }", "Conflicting arguments"),
            ("usb_devices = { usb14 = { spice = true } }", "There is no slot"),
            (
                "pci_devices = { hostpci0 = { mapping_name = \"gpu\", host_address = \"01:00\" } }",
                "Conflicting arguments",
            ),
            (
                "machine = \"pc\"\n  pci_devices = { hostpci0 = { mapping_name = \"gpu\", pcie = true } }",
                "Chipset has no PCI Express",
            ),
            (
                "pci_devices = { hostpci0 = { mapping_name = \"gpu\", pcie = true } }",
                "Chipset has no PCI Express",
            ),
            ("serial_ports = { serial0 = { host_device = \"/dev/ttyS0\" } }", "Only root may do this"),
            ("cpu = { numa = true }\n  memory = { hugepages = \"2\" }", "Only root may do this"),
            ("display = { type = \"none\", memory_mib = 16 }", "Unsupported argument"),
            ("cpu = { cores = 2, plugged_cores = 3 }", "Too many cores"),
            ("cpu = { affinity = \"3-1\" }", "numbers and ranges"),
            ("cpu = { flags = [\"+avx\"] }", "a flag that Proxmox VE lets machines set"),
            ("cpu = { flags = [\"+aes\", \"-aes\"] }", "Conflicting arguments"),
            ("hotplug = [\"floppy\"]", "must be one of"),
            (
                "hotplug = [\"memory\"]\n  virtiofs = { virtiofs0 = { mapping_name = \"media\" } }",
                "Conflicting arguments",
            ),
            (
                "cpu = { numa = true }\n  memory = { size_mib = 1024 }\n  numa_nodes = { numa0 = { processor_ids = [0], memory_mib = 512 } }",
                "Memory does not add up",
            ),
            ("numa_nodes = { numa0 = { processor_ids = [0], memory_mib = 512 } }", "Missing NUMA"),
            ("hotplug = [\"memory\"]", "Missing NUMA"),
            ("virtiofs = { virtiofs0 = { mapping_name = \"nowhere\" } }", "Mapping does not exist"),
        ] {
            workspace.configure(&lab.provider_block(), &vm(body));
            let plan = workspace.plan();
            assert!(plan.prose().contains(summary), "{body}: {}", plan.text);
        }
    });
}

#[test]
fn an_import_differs_in_nothing_whether_a_default_is_spelled_out_or_not() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        for pair in [
            ["watchdog = {}", "watchdog = { model = \"i6300esb\" }"],
            ["cpu = { flags = [\"+aes\"] }", "cpu = { flags = [\"+aes\"], type = \"kvm64\" }"],
        ] {
            workspace.configure(&lab.provider_block(), &vm(pair[0]));
            workspace.apply().ok();
            for body in pair {
                workspace.forget(ADDRESS).ok();
                workspace.configure(&lab.provider_block(), &vm(body));
                workspace.import(ADDRESS, "pve1/4711").ok();
                workspace.plan_is_empty();
            }
        }
        workspace.destroy().ok();
    });
}

#[test]
fn what_only_root_may_set_lives_with_roots_password() {
    with_each_cli(|cli| {
        let lab = Lab::start();
        let workspace = Workspace::new(cli);
        let all = "hook_script = \"local:snippets/hook.sh\"\n  kvm_arguments = \"-device vmcoreinfo\"\n  \
                   cpu = { affinity = \"0-1,3\", numa = true }\n  memory = { hugepages = \"any\", keep_hugepages = true }";
        for argument in ["`hook_script`", "`kvm_arguments`", "`cpu.affinity`", "`memory.keep_hugepages`"] {
            workspace.configure(&lab.provider_block(), &vm(all));
            let said = workspace.plan().failed().prose();
            assert!(said.contains("Only root may do this") && said.contains(argument), "{argument}: {said}");
        }
        let other = "hook_script = \"shared:snippets/hook.sh\"\n  cpu = { affinity = \"2\" }\n  \
                     memory = { keep_hugepages = false }";
        for body in [all, other, "start_on_boot = false"] {
            workspace.configure(&lab.provider_block_with_password(), &vm(body));
            workspace.apply().ok();
            workspace.plan_is_empty();
            workspace.forget(ADDRESS).ok();
            workspace.import(ADDRESS, "pve1/4711").ok();
            workspace.plan_is_empty();
        }
        let config = lab.config(&here());
        assert!(
            ["hookscript", "args", "affinity", "hugepages", "keephugepages"]
                .iter()
                .all(|key| config[key].is_null()),
            "{config}"
        );
        for (script, summary) in [
            ("local-lvm:snippets/hook.sh", "Storage takes no scripts"),
            ("local:iso/hook.iso", "a volume with the content `snippets`"),
            ("local:snippets/other.sh", "There is no volume \"local:snippets/other.sh\""),
        ] {
            workspace
                .configure(&lab.provider_block_with_password(), &vm(&format!("hook_script = \"{script}\"")));
            let said = workspace.plan().failed().prose();
            assert!(said.contains(summary), "{script}: {said}");
        }
        workspace.configure(&lab.provider_block_with_password(), &vm(""));
        workspace.destroy().ok();
    });
}
