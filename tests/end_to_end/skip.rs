//! Tests that need what not every machine has.

use std::io::Write;

/// Says that a test is skipped, past the harness, which keeps what passing tests print.
pub fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}
