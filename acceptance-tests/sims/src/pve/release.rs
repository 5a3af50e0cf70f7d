//! Which Proxmox VE release is played.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A release whose behaviour is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Release {
    /// Proxmox VE 8.4.
    #[serde(rename = "8.4")]
    V8_4,
    /// Proxmox VE 9.2.
    #[default]
    #[serde(rename = "9.2")]
    V9_2,
}

impl Release {
    /// `9.2`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V8_4 => "8.4",
            Self::V9_2 => "9.2",
        }
    }

    /// Version of the package `pve-manager`.
    pub fn manager(self) -> &'static str {
        match self {
            Self::V8_4 => "8.4.14",
            Self::V9_2 => "9.2.11",
        }
    }

    /// Commit that the package was built from.
    pub fn commit(self) -> &'static str {
        match self {
            Self::V8_4 => "b502d23c55afcba1",
            Self::V9_2 => "14a22df35955d97d",
        }
    }
}

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "8.4" => Ok(Self::V8_4),
            "9" | "9.2" => Ok(Self::V9_2),
            other => Err(format!("`{other}` is not played; there are 8.4 and 9.2")),
        }
    }
}
