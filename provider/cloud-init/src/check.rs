//! Mistakes in a cloud-config that cloud-init would only log, deep inside the guest.

use serde_json::Value;

/// A setting that cloud-init would refuse or ignore.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` has to be {expected}")]
pub struct Mistake {
    /// Where it is, such as `write_files[0].path`.
    pub path: String,
    /// What cloud-init takes there.
    pub expected: &'static str,
}

/// Settings that are lists, as cloud-init's own schema of cloud-config has it.
const LISTS: [&str; 6] = ["bootcmd", "mounts", "packages", "runcmd", "ssh_authorized_keys", "write_files"];

/// Settings that are texts.
const TEXTS: [&str; 4] = ["final_message", "fqdn", "hostname", "timezone"];

/// The mistakes in a cloud-config, in order of the settings' names. What is not known here is not judged.
#[must_use]
pub fn mistakes(config: &Value) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (name, value) in config.as_object().into_iter().flatten() {
        let mut expect = |names: &[&str], fits: bool, expected| {
            if names.contains(&name.as_str()) && !fits {
                found.push(Mistake { path: name.clone(), expected });
            }
        };
        expect(&LISTS, value.is_array(), "a list");
        expect(&TEXTS, value.is_string(), "a string");
    }
    elements(config, "write_files", "path", &mut found);
    commands(config, "runcmd", &mut found);
    commands(config, "bootcmd", &mut found);
    found
}

/// Each element has to have a text.
fn elements(config: &Value, name: &str, required: &str, found: &mut Vec<Mistake>) {
    for (index, element) in config[name].as_array().into_iter().flatten().enumerate() {
        if !element[required].is_string() {
            let path = format!("{name}[{index}].{required}");
            found.push(Mistake { path, expected: "a string" });
        }
    }
}

/// A command is a line for the shell or a list of words.
fn commands(config: &Value, name: &str, found: &mut Vec<Mistake>) {
    for (index, command) in config[name].as_array().into_iter().flatten().enumerate() {
        if !command.is_string() && !command.is_array() {
            let path = format!("{name}[{index}]");
            found.push(Mistake { path, expected: "a string or a list of strings" });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cloud_init_would_ignore_is_found_where_it_is() {
        let config = json!({
            "runcmd": ["a", ["b", "c"], {"d": 1}],
            "packages": "curl",
            "hostname": 1,
            "write_files": [{"path": "/a"}, {"content": "b"}],
        });
        let found: Vec<String> = mistakes(&config).iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "`hostname` has to be a string",
                "`packages` has to be a list",
                "`write_files[1].path` has to be a string",
                "`runcmd[2]` has to be a string or a list of strings",
            ]
        );
    }

    #[test]
    fn what_cloud_init_takes_is_no_mistake() {
        let config = json!({
            "users": ["default", {"name": "me", "sudo": false}],
            "ssh_pwauth": "unchanged",
            "package_upgrade": true,
            "growpart": {"mode": "auto"},
            "unheard_of": 1,
        });
        assert_eq!(mistakes(&config), []);
    }
}
