//! How a delivery stands, wherever it is kept.

use serde::{Deserialize, Serialize};

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not finished.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It was given up.
    Dead,
    /// It was cancelled.
    Cancelled,
}

impl Status {
    /// The stable name, the same in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }
}
