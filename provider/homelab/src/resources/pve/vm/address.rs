//! How a machine is named on the command line and in its identity.

use std::fmt;
use std::str::FromStr;

use pve_client::{InvalidId, NodeName, VmId};

/// What stands for an ID that a state does not have.
const UNKNOWN: &str = "unknown";

/// A machine, and the node that the user thinks it is on. The node is only a hint: machines move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmReference {
    /// The number, which is unique in the cluster. A state lacks it if the create ended before there was one.
    pub id: Option<VmId>,
    /// Where to look first.
    pub node: Option<NodeName>,
}

impl From<VmId> for VmReference {
    fn from(id: VmId) -> Self {
        Self { id: Some(id), node: None }
    }
}

impl FromStr for VmReference {
    type Err = InvalidId;

    /// Reads `100` and `pve1/100`.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('/') {
            Some((node, id)) => Ok(Self { id: Some(id.parse()?), node: Some(node.parse()?) }),
            None if text == UNKNOWN => Ok(Self { id: None, node: None }),
            None => Ok(Self { id: Some(text.parse()?), node: None }),
        }
    }
}

impl fmt::Display for VmReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id {
            Some(id) => fmt::Display::fmt(&id, f),
            None => f.write_str(UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_with_and_without_a_node() {
        let with: VmReference = "pve1/100".parse().unwrap();
        assert_eq!((with.to_string().as_str(), with.node.as_ref().unwrap().as_str()), ("100", "pve1"));
        assert_eq!("100".parse::<VmReference>().unwrap().node, None);
        for bad in ["", "/100", "pve1/", "pve1/99", "a/b/100", "web"] {
            assert!(bad.parse::<VmReference>().is_err(), "{bad}");
        }
    }
}
