//! What the two executables `copc` and `copd` share.
//!
//! | module | noun |
//! |---|---|
//! | [`node_file`] | the file by which tools find a running node |
//! | [`client`] | a node's management interface, as its owner's tools use it |

pub mod client;
pub mod node_file;
