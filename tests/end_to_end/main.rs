//! The executables as a user runs them, with real sockets, folders and signals.

mod daemon;
mod node;
