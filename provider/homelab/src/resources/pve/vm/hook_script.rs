//! The script of the node that goes with a machine's starts and stops.

use pve_client::VolumeId;

/// The content that a storage for scripts has to have.
const CONTENT: &str = "snippets";

/// Whether a text names a volume with that content.
pub(super) fn is_snippet(text: &str) -> bool {
    text.parse::<VolumeId>().is_ok_and(|volume| volume.content() == Some(CONTENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_a_volume_with_snippets() {
        for (text, right) in [
            ("local:snippets/hook.sh", true),
            ("local:iso/a.iso", false),
            ("local:100/vm-100-disk-0.raw", false),
            ("/var/lib/vz/snippets/hook.sh", false),
            ("hook.sh", false),
        ] {
            assert_eq!(is_snippet(text), right, "{text}");
        }
    }
}
