//! Firewall rules of VMs and of the cluster.

use serde_json::json;

use crate::bench::Bench;

const RULES: &str = "/nodes/pve1/qemu/100/firewall/rules";

fn vm() -> Bench {
    let mut bench = Bench::new("empty");
    assert_eq!(bench.task("POST", "/nodes/pve1/qemu", "vmid=100"), "OK");
    bench
}

fn comments(bench: &mut Bench) -> Vec<String> {
    let rules = bench.ok("GET", RULES, "");
    let rules = rules.as_array().expect("a list").iter();
    rules.map(|rule| rule["comment"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_new_rule_comes_first_and_rules_can_be_moved() {
    let mut bench = vm();
    for name in ["a", "b", "c"] {
        bench.ok("POST", RULES, &format!("type=in&action=ACCEPT&comment={name}"));
    }
    assert_eq!(comments(&mut bench), ["c", "b", "a"]);
    bench.ok("PUT", &format!("{RULES}/2"), "moveto=0");
    assert_eq!(comments(&mut bench), ["a", "c", "b"]);
    bench.ok("PUT", &format!("{RULES}/0"), "moveto=3");
    assert_eq!(comments(&mut bench), ["c", "b", "a"]);
    bench.ok("DELETE", &format!("{RULES}/1"), "");
    assert_eq!(comments(&mut bench), ["c", "a"]);
    assert_eq!(bench.refused("GET", &format!("{RULES}/9"), ""), "no rule at position 9\n");
}

#[test]
fn one_rule_has_its_position_as_text_and_in_a_list_as_a_number() {
    let mut bench = vm();
    bench.ok("POST", RULES, "type=in&action=ACCEPT&macro=ssh&enable=1");
    assert_eq!(bench.ok("GET", RULES, "")[0]["pos"], json!(0));
    let rule = bench.ok("GET", &format!("{RULES}/0"), "");
    assert_eq!((&rule["pos"], &rule["enable"], &rule["macro"]), (&json!("0"), &json!(1), &json!("SSH")));
}

#[test]
fn what_no_rule_can_mean_is_refused() {
    let mut bench = vm();
    assert_eq!(
        bench.refused("POST", RULES, "type=in&action=ACCEPT&macro=Nope"),
        "macro: unknown macro 'Nope'\n"
    );
    assert_eq!(
        bench.refused("POST", RULES, "type=in&action=ACCEPT&dport=22"),
        "proto: missing property - 'dport' requires this property\n"
    );
    bench.ok("POST", RULES, "type=in&action=ACCEPT");
    let stale = "0000000000000000000000000000000000000000";
    assert_eq!(
        bench.refused("DELETE", &format!("{RULES}/0"), &format!("digest={stale}")),
        "detected modified configuration - file changed by other user? Try again.\n"
    );
}

#[test]
fn a_firewall_goes_with_its_vm() {
    let mut bench = vm();
    bench.ok("PUT", "/nodes/pve1/qemu/100/firewall/options", "enable=1&policy_in=DROP");
    bench.task("POST", "/nodes/pve1/qemu/100/clone", "newid=101");
    let options = bench.ok("GET", "/nodes/pve1/qemu/101/firewall/options", "");
    assert_eq!((&options["enable"], &options["policy_in"]), (&json!(1), &json!("DROP")));
    bench.task("DELETE", "/nodes/pve1/qemu/100", "");
    bench.task("POST", "/nodes/pve1/qemu", "vmid=100");
    let options = bench.ok("GET", "/nodes/pve1/qemu/100/firewall/options", "");
    assert_eq!(options, json!({"digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}));
}

#[test]
fn sets_and_groups_keep_what_is_in_them() {
    let mut bench = Bench::new("empty");
    bench.ok("POST", "/cluster/firewall/ipset", "name=set1");
    bench.ok("POST", "/cluster/firewall/ipset/set1", "cidr=192.0.2.5&nomatch=1");
    assert_eq!(bench.ok("GET", "/cluster/firewall/ipset/set1", "")[0]["nomatch"], 1);
    assert_eq!(bench.refused("DELETE", "/cluster/firewall/ipset/set1", ""), "IPSet 'set1' is not empty\n");
    bench.ok("POST", "/cluster/firewall/groups", "group=sg1");
    bench.ok("POST", "/cluster/firewall/groups/sg1", "type=in&action=ACCEPT");
    assert_eq!(
        bench.refused("DELETE", "/cluster/firewall/groups/sg1", ""),
        "Security group 'sg1' is not empty\n"
    );
    bench.ok("DELETE", "/cluster/firewall/groups/sg1/0", "");
    bench.ok("DELETE", "/cluster/firewall/groups/sg1", "");
    assert_eq!(bench.ok("GET", "/cluster/firewall/groups", ""), json!([]));
}
