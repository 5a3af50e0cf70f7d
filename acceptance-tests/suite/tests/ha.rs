//! `homelab_pve_ha_resource` and `homelab_pve_ha_rule`, with every CLI.

use suite::cycle::{live, names};

/// Two guests under the manager, and what follows.
fn guests(rest: &str) -> String {
    format!(
        "resource \"homelab_pve_vm\" \"vm\" {{\n  count = 2\n  vm_id = 300 + count.index\n  name = \
         \"ha${{count.index}}\"\n  node_name = \"pve1\"\n  started = false\n}}\n\
         resource \"homelab_pve_ha_resource\" \"vm\" {{\n  count = 2\n  service_id = \
         \"vm:${{homelab_pve_vm.vm[count.index].vm_id}}\"\n  state = \"ignored\"\n}}\n{rest}"
    )
}

#[test]
fn a_guest_lives_under_the_manager_and_leaves_nothing() {
    let one = |body: &str| {
        format!(
            "resource \"homelab_pve_vm\" \"vm\" {{\n  vm_id = 300\n  name = \"ha\"\n  node_name = \"pve1\"\n  started = \
             false\n}}\nresource \"homelab_pve_ha_resource\" \"this\" {{\n  service_id = \
             \"vm:${{homelab_pve_vm.vm.vm_id}}\"\n{body}\n}}\n"
        )
    };
    live(
        &[
            one("state = \"ignored\""),
            one("state = \"stopped\"\nmax_restarts = 3\nmax_relocations = 0\ncomment = \"c\""),
            one("state = \"disabled\"\nfailback = false"),
            one("state = \"ignored\"\nfailback = true\ncomment = \"other\""),
        ],
        &[("homelab_pve_ha_resource.this", "vm:300")],
        |lab| assert!(names(lab, "/api2/json/cluster/ha/resources", "sid").is_empty()),
    );
}

#[test]
fn a_rule_lives_and_leaves_nothing() {
    let rule = |body: &str| {
        guests(&format!("resource \"homelab_pve_ha_rule\" \"this\" {{\n  name = \"r1\"\n{body}\n}}\n"))
    };
    let all = "service_ids = homelab_pve_ha_resource.vm[*].service_id";
    let one = "service_ids = [homelab_pve_ha_resource.vm[0].service_id]";
    live(
        &[
            rule(&format!("type = \"node-affinity\"\n{one}\nnode_priorities = {{ pve1 = 2, pve2 = 0 }}")),
            rule(&format!(
                "type = \"node-affinity\"\n{all}\nnode_priorities = {{ pve1 = 1 }}\nstrict = true\ncomment = \"c\""
            )),
            rule(&format!(
                "type = \"node-affinity\"\n{all}\nnode_priorities = {{ pve1 = 1 }}\nenabled = false"
            )),
            rule(&format!("type = \"resource-affinity\"\naffinity = \"negative\"\n{all}")),
            rule(&format!("type = \"resource-affinity\"\naffinity = \"positive\"\n{all}\ncomment = \"c\"")),
        ],
        &[("homelab_pve_ha_rule.this", "r1")],
        |lab| assert!(names(lab, "/api2/json/cluster/ha/rules", "rule").is_empty()),
    );
}
