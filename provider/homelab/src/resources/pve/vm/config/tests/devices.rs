//! Tables for devices of the node and small devices.

use super::*;

#[test]
fn pci_devices_are_found_by_mapping_or_by_place_and_keep_what_is_not_named() {
    creates(
        json!({"pci_devices": {"hostpci0": {"mapping_name": "gpu", "pcie": true, "primary_gpu": true, "rom_bar": false}}}),
        "",
        &["hostpci0=mapping=gpu,pcie=1,rombar=0,x-vga=1"],
    );
    creates(
        json!({"pci_devices": {"hostpci0": {"mapping_name": "gpu", "pcie": false}}}),
        "hostpci0: romfile=a.bin,rombar=on,mapping=gpu\nhostpci1: mapping=other",
        &["hostpci0=mapping=gpu,pcie=0,rombar=on,romfile=a.bin"],
    );
    creates(
        json!({"pci_devices": {"hostpci0": {"mapping_name": "gpu"}}}),
        "hostpci0: 0000:01:00.0,pcie=1",
        &["hostpci0=mapping=gpu,pcie=1"],
    );
    imports(
        "hostpci0: pcie=yes,mapping=gpu\nhostpci15: host=01:00;02:00.1,mdev=nvidia-63,legacy-igd=1",
        json!({"pci_devices": {
            "hostpci0": {"mapping_name": "gpu", "pcie": true},
            "hostpci15": {"host_address": "01:00;02:00.1", "mediated_device_type": "nvidia-63"},
        }}),
    );
}

#[test]
fn usb_devices_are_a_mapping_a_device_of_the_node_or_one_of_the_viewer() {
    creates(
        json!({"usb_devices": {
            "usb0": {"mapping_name": "stick", "usb3": true}, "usb1": {"spice": true}, "usb2": {"host_device": "046d:c52b"},
        }}),
        "",
        &["usb0=mapping=stick,usb3=1", "usb1=spice", "usb2=046d:c52b"],
    );
    creates(
        json!({"usb_devices": {"usb0": {"mapping_name": "stick"}, "usb1": {"spice": true, "usb3": false}}}),
        "usb0: host=1-2,usb3=yes\nusb1: SPICE\nusb2: spice",
        &["usb0=mapping=stick,usb3=yes", "usb1=SPICE,usb3=0"],
    );
    imports(
        "usb0: mapping=stick\nusb1: host=spice,usb3=1\nusb13: 1-2.3",
        json!({"usb_devices": {
            "usb0": {"mapping_name": "stick", "spice": false}, "usb1": {"spice": true, "usb3": true},
            "usb13": {"host_device": "1-2.3", "spice": false},
        }}),
    );
}

#[test]
fn shares_and_serial_ports_keep_their_spelling() {
    creates(
        json!({"virtiofs": {"virtiofs0": {"mapping_name": "media", "cache": "never", "direct_io": true, "expose_acl": true, "expose_xattr": false}},
               "serial_ports": {"serial0": {}, "serial1": {"host_device": "/dev/ttyS0"}}}),
        "",
        &[
            "serial0=socket",
            "serial1=/dev/ttyS0",
            "virtiofs0=media,cache=never,direct-io=1,expose-acl=1,expose-xattr=0",
        ],
    );
    creates(
        json!({"virtiofs": {"virtiofs0": {"mapping_name": "media"}}, "serial_ports": {"serial0": {}}}),
        "virtiofs0: cache=auto,dirid=media\nserial0: socket\nserial3: /dev/ttyS1",
        &[],
    );
    imports(
        "virtiofs9: dirid=media,expose-acl=on\nserial3: /dev/ttyS1\nserial0: socket",
        json!({
            "virtiofs": {"virtiofs9": {"mapping_name": "media", "expose_acl": true}},
            "serial_ports": {"serial0": {}, "serial3": {"host_device": "/dev/ttyS1"}},
        }),
    );
}

#[test]
fn devices_of_which_there_is_one_come_and_go() {
    creates(
        json!({"display": {"type": "virtio", "memory_mib": 64}, "rng": {"source": "/dev/urandom"}, "watchdog": {},
               "audio": {"device": "intel-hda"}}),
        "",
        &["audio0=device=intel-hda", "rng0=/dev/urandom", "vga=virtio,memory=64", "watchdog=i6300esb"],
    );
    creates(
        json!({"display": {"memory_mib": 32}, "rng": {"source": "/dev/random", "max_bytes": 0, "period_milliseconds": 500},
               "watchdog": {"action": "reset"}, "audio": {"device": "AC97", "driver": "none"}}),
        "rng0: source=/dev/urandom,period=100\nwatchdog: model=ib700,action=pause",
        &[
            "audio0=device=AC97,driver=none",
            "rng0=/dev/random,max_bytes=0,period=500",
            "vga=std,memory=32",
            "watchdog=ib700,action=reset",
        ],
    );
    imports(
        "vga: type=qxl2,clipboard=vnc\nrng0: source=/dev/hwrng\nwatchdog: action=reset\naudio0: driver=none,device=AC97",
        json!({
            "display": {"type": "qxl2", "clipboard": "vnc"},
            "rng": {"source": "/dev/hwrng"},
            "watchdog": {"model": "i6300esb", "action": "reset"},
            "audio": {"device": "AC97", "driver": "none"},
        }),
    );
    let all = "vga: virtio,memory=64\nrng0: /dev/urandom\nwatchdog: i6300esb\naudio0: device=AC97";
    let before = read(Named::Everything, &wire(all), model(json!({})));
    assert_eq!(
        changes(Some(&before), &model(json!({})), &wire(all)),
        ["-audio0", "-rng0", "-vga", "-watchdog"]
    );
    assert_eq!(changes(None, &model(json!({})), &wire(all)), Vec::<String>::new());
}

#[test]
fn what_says_nothing_of_a_device_that_was_named_before_is_left_alone() {
    let present = "cores: 2\nagent: type=isa\nvga: clipboard=vnc";
    let before = read(Named::Everything, &wire(present), model(json!({})));
    let after = model(json!({
        "cpu": {"cores": 4, "type": "kvm64"}, "agent": {"enabled": false, "type": "isa"},
        "display": {"type": "std", "clipboard": "vnc"},
    }));
    assert_eq!(
        changes(Some(&before), &after, &wire(present)),
        ["agent=0,type=isa", "cores=4", "vga=std,clipboard=vnc"]
    );
    let alone = "cores: 2";
    let before = read(Named::Everything, &wire(alone), model(json!({})));
    assert_eq!(
        changes(Some(&before), &model(json!({"cpu": {"cores": 2, "type": "kvm64"}})), &wire(alone)),
        Vec::<String>::new()
    );
    assert_eq!(
        changes(Some(&before), &model(json!({"cpu": {"type": "kvm64"}})), &wire(alone)),
        ["cpu=kvm64", "-cores"]
    );
}

#[test]
fn processors_memory_and_numa_nodes_say_only_what_is_named() {
    creates(
        json!({
            "cpu": {"numa": true, "flags": ["-pcid", "+aes"]}, "memory": {"hugepages": "2", "keep_hugepages": true},
            "numa_nodes": {"numa0": {"processor_ids": [1, 0], "memory_mib": 512, "host_node_ids": [0], "policy": "bind"}},
        }),
        "",
        &[
            "cpu=kvm64,flags=+aes;-pcid",
            "hugepages=2",
            "keephugepages=1",
            "numa=1",
            "numa0=cpus=0;1,hostnodes=0,memory=512,policy=bind",
        ],
    );
    creates(
        json!({"cpu": {"flags": ["+aes", "-pcid"]}, "numa_nodes": {"numa0": {"processor_ids": [0, 1], "memory_mib": 512}}}),
        "cpu: host,flags=-pcid;+aes,hidden=1\nnuma0: cpus=0-1,memory=512\nnuma1: cpus=2",
        &[],
    );
    creates(json!({"cpu": {"flags": []}}), "cpu: host,flags=+aes", &["cpu=host"]);
    imports(
        "cpu: cputype=host,flags=+aes\nnuma: 1\nnuma0: cpus=0-1;3,memory=512,hostnodes=0,policy=bind\nhugepages: any",
        json!({
            "cpu": {"type": "host", "flags": ["+aes"], "numa": true},
            "numa_nodes": {"numa0": {"processor_ids": [0, 1, 3], "memory_mib": 512, "host_node_ids": [0], "policy": "bind"}},
            "memory": {"hugepages": "any"},
        }),
    );
}

#[test]
fn switches_and_orders_are_read_in_every_spelling() {
    creates(
        json!({"startup": {"order": 2, "up_delay_seconds": 30}, "hotplug": ["usb", "disk"], "tablet": false, "acpi": true,
               "kvm": false, "local_time": true, "keyboard_layout": "de"}),
        "",
        &["acpi=1", "hotplug=disk,usb", "keyboard=de", "kvm=0", "localtime=1", "startup=2,up=30", "tablet=0"],
    );
    creates(
        json!({"startup": {"order": 2}, "hotplug": ["usb", "disk", "network"]}),
        "startup: order=2,down=60\nhotplug: 1",
        &[],
    );
    creates(json!({"hotplug": []}), "hotplug: network", &["hotplug=0"]);
    imports(
        "startup: order=2,up=30,down=60\nhotplug: network,cpu;memory\ntablet: 0\nkeyboard: fr-ch\nlocaltime: 1",
        json!({
            "startup": {"order": 2, "up_delay_seconds": 30, "down_delay_seconds": 60},
            "hotplug": ["cpu", "memory", "network"],
            "tablet": false, "keyboard_layout": "fr-ch", "local_time": true,
        }),
    );
}
