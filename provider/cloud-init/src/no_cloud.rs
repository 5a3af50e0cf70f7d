//! The NoCloud data source: a disc labelled `cidata` with up to four files.

use crate::iso::{Error, File, image};

/// What cloud-init finds on the disc. It ignores the disc unless user data and meta data are there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoCloud {
    /// `user-data`: a cloud-config, a script, or another format that cloud-init knows.
    pub user_data: String,
    /// `meta-data`: YAML; a new `instance-id` makes cloud-init run again.
    pub meta_data: String,
    /// `network-config`: netplan's version 2, or version 1.
    pub network_config: Option<String>,
    /// `vendor-data`: like user data, which overrides it.
    pub vendor_data: Option<String>,
}

impl NoCloud {
    /// The disc image.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when a file does not fit.
    pub fn image(&self) -> Result<Vec<u8>, Error> {
        let required = [("user-data", &self.user_data), ("meta-data", &self.meta_data)];
        let optional = [("network-config", &self.network_config), ("vendor-data", &self.vendor_data)];
        let optional = optional.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let files: Vec<File<'_>> = required
            .into_iter()
            .chain(optional)
            .map(|(name, text)| File { name, content: text.as_bytes() })
            .collect();
        image("cidata", &files)
    }
}
