//! The packages that a program is made of: its own, those in folders beside it, and those that others published.
//!
//! | module | noun |
//! |---|---|
//! | [`resolve`] | which package an import or a dependency is |
//! | [`lock`] | `cop.lock`: what was resolved |
//! | [`fetch`] | where packages come from, and whether they are what they should be |
//! | [`cache`] | those that this machine has seen |
//! | [`paths`] | folders as bundles write them |

pub mod cache;
pub mod fetch;
pub mod lock;
pub mod paths;
pub mod resolve;

pub use fetch::FetchOptions;
pub use resolve::{Options, Packages};
