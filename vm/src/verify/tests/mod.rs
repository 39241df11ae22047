//! Attacks and their legal twins, and random bodies against a machine with real counts.

mod cost;
mod form;
mod grow;
mod holes;
mod kit;
mod model;
mod mutate;
mod owners;
mod random;
mod unique;
