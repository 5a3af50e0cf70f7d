//! MessagePack to values and back, always following a type.

mod decode;
mod encode;
mod reader;
#[cfg(test)]
mod tests;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
use tf_framework::Path;

/// Bytes that do not fit a type, or a value that does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} at {path}")]
pub(crate) struct ValueError {
    /// Where.
    pub(crate) path: Path,
    /// What is wrong there, as the middle of a sentence.
    pub(crate) problem: String,
}
