//! What the two executables `copc` and `copd` share.
//!
//! | module | noun |
//! |---|---|
//! | [`project`] | what an author wrote: a folder or a file, with name and limits |
//! | [`packages`] | the packages of others that it is made of: where they are, whether they can be trusted, `cop.lock` |
//! | [`settings`] | what a node is set to |
//! | [`stamp`] | what a file was at some moment |
//! | [`report`] | what the compiler has to say about it |
//! | [`constants`] | the VM, as the compiler asks it for the value of a constant |
//! | [`publish`] | from a project to a signed release with its bundle |
//! | [`engine`] | the engine that an option names |
//! | [`examples`] | the projects that come with the node |
//! | [`node`] | one running node: execution, gateway, management |
//! | [`stop`] | the signals that end a process |
//! | [`node_file`] | the file by which tools find a running node |
//! | [`client`] | a node's management interface, as its owner's tools use it |
//! | [`operate`] | the same, as its operator uses it: backups, runs |
//! | [`follow`] | what happens on a node, over reconnecting |
//! | [`http`] | one request to a node |
//! | [`tls`] | its certificates |
//! | [`listen`] | addresses to listen on, as people write them |
//! | [`shell`] | completions and manual pages of an executable |
//! | [`files`] | files that are there whole or not at all |

pub mod client;
pub mod constants;
pub mod engine;
pub mod examples;
pub mod files;
pub mod follow;
pub mod http;
pub mod listen;
pub mod node;
pub mod node_file;
pub mod operate;
pub mod packages;
pub mod project;
pub mod publish;
pub mod report;
pub mod settings;
pub mod shell;
pub mod stamp;
pub mod stop;
pub mod tls;
