//! Placeholder.
pub mod verify;
