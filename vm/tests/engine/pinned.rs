//! Outcomes that must not change by accident: for each sample its package hash, fuel, memory and result. A line
//! of `pinned.txt` that changes is a decision about the edition; the test prints what to put there.

use cop_bytecode::{Package, encode};
use cop_vm::End;

use crate::build::run;

fn samples() -> Vec<(&'static str, Package)> {
    vec![
        ("closures", crate::flow::closures()),
        ("collections", crate::limits::busy()),
        ("inline values", crate::containers::nested()),
        ("recursion", crate::limits::descent(500)),
        ("stack overflow", crate::limits::descent(1 << 20)),
        ("large key", crate::limits::shared_keys(10, 3)),
    ]
}

#[test]
fn outcomes_are_what_they_were() {
    let mut found = String::new();
    for (name, package) in samples() {
        let outcome = run(&package);
        let end = match outcome.end {
            End::Returned(bytes) => format!("returned {bytes:?}"),
            End::Trapped(trap) => {
                let at = trap.position;
                format!(
                    "{} at {}:{} {:?}",
                    trap.kind.name(),
                    at.function,
                    at.instruction,
                    trap.operands
                )
            }
            other => format!("{other:?}"),
        };
        let hash = encode(&package).unwrap().hash();
        found += &format!(
            "{name}: {hash}\n  fuel {}, memory {}, {end}\n",
            outcome.fuel_used, outcome.peak_memory_bytes
        );
    }
    assert!(found == include_str!("pinned.txt"), "found:\n{found}");
}
