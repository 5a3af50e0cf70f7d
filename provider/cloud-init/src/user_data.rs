//! Which of cloud-init's formats user data is in. Anything else is ignored at boot, silently.

/// How cloud-init takes user data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `#cloud-config`
    CloudConfig,
    /// `#cloud-config-archive`
    CloudConfigArchive,
    /// `#cloud-config-jsonp`
    CloudConfigPatch,
    /// `#!`, run late in the first boot.
    Script,
    /// `#cloud-boothook`, run early in every boot.
    Boothook,
    /// `#include` and `#include-once`
    Include,
    /// `#part-handler`
    PartHandler,
    /// `## template: jinja`
    Template,
    /// MIME with several parts.
    Multipart,
    /// gzip of any other.
    Gzip,
}

/// The format of `user_data`, told from its beginning as cloud-init does; `None` when it would be
/// ignored.
#[must_use]
pub fn format_of(user_data: &[u8]) -> Option<Format> {
    // Longer ones first: `#cloud-config` begins two others.
    const BEGINNINGS: [(&str, Format); 9] = [
        ("#cloud-config-archive", Format::CloudConfigArchive),
        ("#cloud-config-jsonp", Format::CloudConfigPatch),
        ("#cloud-config", Format::CloudConfig),
        ("#cloud-boothook", Format::Boothook),
        ("#include", Format::Include),
        ("#part-handler", Format::PartHandler),
        ("## template: jinja", Format::Template),
        ("#!", Format::Script),
        ("content-type: multipart", Format::Multipart),
    ];
    if user_data.starts_with(&[0x1f, 0x8b]) {
        return Some(Format::Gzip);
    }
    let text = user_data.trim_ascii_start();
    let begins = |beginning: &str| {
        text.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    let mime = || text.get(..13).is_some_and(|start| start.eq_ignore_ascii_case(b"mime-version:"));
    let found = BEGINNINGS.into_iter().find(|(beginning, _)| begins(beginning)).map(|(_, format)| format);
    found.or_else(|| mime().then_some(Format::Multipart))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_the_format() {
        for (text, format) in [
            ("#cloud-config\n{}", Some(Format::CloudConfig)),
            ("#cloud-config-archive\n[]", Some(Format::CloudConfigArchive)),
            ("#!/bin/sh\n", Some(Format::Script)),
            ("MIME-Version: 1.0\n", Some(Format::Multipart)),
            ("Content-Type: multipart/mixed; boundary=x", Some(Format::Multipart)),
            ("## template: jinja\n#cloud-config", Some(Format::Template)),
            ("packages: [curl]\n", None),
            ("# cloud-config\n", None),
            ("", None),
        ] {
            assert_eq!(format_of(text.as_bytes()), format, "{text}");
        }
        assert_eq!(format_of(&[0x1f, 0x8b, 8]), Some(Format::Gzip));
    }
}
