//! The executables as a user runs them, with real sockets, folders and signals.

mod browser;
mod daemon;
mod demo;
mod http;
mod node;
