//! `parse_volume_id`: the parts of a Proxmox VE volume id.

use pve_client::VolumeId;
use tf_framework::prelude::*;

/// See the module.
pub(crate) struct ParseVolumeId;

impl Function for ParseVolumeId {
    const NAME: &'static str = "parse_volume_id";

    fn schema() -> FunctionSchema {
        FunctionSchema {
            summary: "Takes a Proxmox VE volume id apart.".to_owned(),
            description: "Takes the id of a volume, such as `local:iso/debian.iso` or `local-lvm:vm-100-disk-0`, apart.\n\n\
                The result has `storage_name`; `path`, all that follows the storage; `file_name`, the last part of the path; \
                `content`, the kind of content that the path names (`iso`, `import`, `vztmpl`, `backup`, `snippets` or \
                `rootdir`), null for the disks of guests; and `vm_id`, the guest whose number the name of a disk carries, \
                null for anything else."
                .to_owned(),
            parameters: vec![Parameter {
                name: "volume_id".to_owned(),
                ty: Type::String,
                allow_null: false,
                allow_unknown: false,
                description: "The volume id, as `storage:path`.".to_owned(),
            }],
            variadic: None,
            returns: Type::Object(
                [
                    ("storage_name", Type::String),
                    ("content", Type::String),
                    ("path", Type::String),
                    ("file_name", Type::String),
                    ("vm_id", Type::Number),
                ]
                .into_iter()
                .map(|(name, ty)| (name.to_owned(), ty))
                .collect(),
            ),
        }
    }

    fn call(args: &[Value]) -> Result<Value, FunctionError> {
        let text = args.first().and_then(Value::as_str).unwrap_or_default();
        let id: VolumeId =
            text.parse().map_err(|error| FunctionError::argument(0, format!("This is not one: {error}.")))?;
        Ok(Value::object([
            ("storage_name", Value::from(id.storage().as_str())),
            ("content", id.content().into()),
            ("path", Value::from(id.path())),
            ("file_name", Value::from(id.file_name())),
            ("vm_id", id.owner().map(|owner| i64::from(owner.number())).into()),
        ]))
    }
}
