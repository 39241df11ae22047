//! Tests of the execution system from outside. Vectors lie in `tests/vectors/`; `COP_UPDATE_VECTORS=1` writes them anew, and
//! reading the difference is the work.

mod asking;
mod damage;
mod fetching;
mod filing;
mod formats;
mod kept;
mod killing;
mod publishing;
mod receipts;
mod restarting;
mod running;
mod samples;
mod scripted;
mod self_check;
mod sending;
mod stampede;
mod vectors;
