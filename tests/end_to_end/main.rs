//! The executables as a user runs them, with real sockets, folders and signals.

mod authoring;
mod browser;
mod copc;
mod daemon;
mod demo;
mod developing;
mod documents;
mod examples;
mod explaining;
mod formatting;
mod hostile;
mod http;
mod inputs;
mod keys;
mod measuring;
mod node;
mod packages;
mod proving;
mod publishing;
mod rehearsing;
mod releases;
mod replaying;
mod running;
mod skip;
mod stored;
mod testing;
