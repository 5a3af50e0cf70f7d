//! `cloud_config`: an object as the user data that cloud-init reads.

use serde_json::Value as Json;
use tf_framework::prelude::*;

/// See the module.
pub(crate) struct CloudConfig;

impl Function for CloudConfig {
    const NAME: &'static str = "cloud_config";

    fn schema() -> FunctionSchema {
        FunctionSchema {
            summary: "Renders an object as a cloud-config, the user data of cloud-init.".to_owned(),
            description: "Renders an object as a cloud-config, for `cloud_init.user_data` of `homelab_pve_vm`: YAML after the \
                line `#cloud-config`.\n\n\
                Attributes that are null are left out, and keys are sorted, so that equal objects give equal text. Texts that \
                YAML could take for something else, such as `no` or `0644`, are quoted. Settings whose type cloud-init would \
                not accept, for example `runcmd` as a string, are errors here, because inside the guest they would be a line in \
                a log. Settings that this function does not know are rendered as they are."
                .to_owned(),
            parameters: vec![Parameter {
                name: "config".to_owned(),
                ty: Type::Dynamic,
                allow_null: false,
                allow_unknown: false,
                description: "The cloud-config: an object of cloud-init's settings, such as `{ packages = [\"curl\"] }`."
                    .to_owned(),
            }],
            variadic: None,
            returns: Type::String,
        }
    }

    fn call(args: &[Value]) -> Result<Value, FunctionError> {
        let config = without_nulls(args.first().map(Value::to_json).unwrap_or_default());
        let text = cloud_init::cloud_config(&config)
            .map_err(|error| FunctionError::argument(0, format!("This cannot be rendered: {error}.")))?;
        let mistakes: Vec<String> =
            cloud_init::mistakes(&config).iter().map(|mistake| format!("{mistake}.")).collect();
        if mistakes.is_empty() {
            return Ok(Value::from(text));
        }
        Err(FunctionError::argument(0, format!("cloud-init would not accept this: {}", mistakes.join(" "))))
    }
}

/// Optional attributes of typed objects are null when they are left out.
fn without_nulls(json: Json) -> Json {
    match json {
        Json::Object(entries) => entries
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Json::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn called(json: &Json) -> Result<Value, FunctionError> {
        CloudConfig::call(&[Value::from_plain_json(json).0])
    }

    #[test]
    fn an_object_becomes_sorted_yaml_without_nulls() {
        let config = json!({
            "packages": ["curl"],
            "hostname": "web",
            "timezone": null,
            "write_files": [{"path": "/a", "permissions": "0644", "owner": null}],
        });
        let text = "#cloud-config\nhostname: web\npackages:\n  - curl\nwrite_files:\n  - path: /a\n    permissions: \"0644\"\n";
        assert_eq!(called(&config), Ok(Value::from(text)));
    }

    #[test]
    fn what_is_no_cloud_config_is_an_error_that_says_why() {
        for (config, words) in
            [(json!(["a"]), "not a list"), (json!({"runcmd": "reboot"}), "`runcmd` has to be a list")]
        {
            let error = called(&config).unwrap_err();
            assert!(error.text.contains(words), "{}", error.text);
            assert_eq!(error.argument, Some(0));
        }
    }
}
