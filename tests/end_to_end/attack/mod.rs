//! What strangers send to a node: the probes of `tests/attack/`, and crowds of slow and idle clients.
//!
//! Each file of probes, and each crowd, prints the limit that it tries, the node's greatest memory meanwhile, and how long an honest
//! client beside it had to wait (`cargo test --test end_to_end -- attack --nocapture`).

mod crowds;
mod frames;
mod http1;
mod http2;
mod probe;
mod target;
