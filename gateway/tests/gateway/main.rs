//! The gateway over real sockets, with an execution system of the test behind it.

mod answers;
mod assets;
mod client;
mod double;
mod forms;
mod http2;
mod limits;
mod management;
mod refusals;
mod tls;
