//! Hostile packages: bytes changed at random either do not decode, do not verify, or run to an outcome within
//! their limits, the same each time, without a panic and without touching memory outside of the rules.

use crate::build::run_both;
use cop_bytecode::{Package, decode, encode};
use cop_vm::{End, Limits, NoHost, Program};

/// A small generator of numbers that are the same on every machine (Marsaglia's xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Runs what decodes and verifies; gives how far it came.
fn try_bytes(interface: &[u8], code: &[u8]) -> [usize; 3] {
    let Ok(package) = decode(interface, code) else {
        return [0, 0, 0];
    };
    let Ok(program) = Program::load(&package) else {
        return [1, 0, 0];
    };
    let limits = Limits {
        fuel: 20_000,
        memory_bytes: 1 << 20,
    };
    for entry in program.entries() {
        let first = run_both(&program, &entry.name, limits, &mut NoHost);
        match &first.0.end {
            End::Refused(reason) => {
                assert!(!reason.contains("internal"), "{reason}\n{}", text(&package))
            }
            End::Returned(_) => assert_eq!(first.1.live_cells, 0, "{}", text(&package)),
            _ => {}
        }
        assert_eq!(run_both(&program, &entry.name, limits, &mut NoHost), first);
    }
    [1, 1, 1]
}

/// Programs that use much of what there is.
fn samples() -> Vec<Package> {
    vec![
        crate::limits::busy(),
        crate::limits::descent(20),
        crate::flow::closures(),
        crate::containers::nested(),
    ]
}

fn text(package: &Package) -> String {
    cop_bytecode::print(package, Default::default())
}

#[test]
fn mutations_of_valid_packages() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut reached = [0; 3];
    for package in samples() {
        let good = encode(&package).unwrap();
        assert_eq!(try_bytes(&good.interface, &good.code), [1, 1, 1]);
        for _ in 0..4_000 {
            let (mut interface, mut code) = (good.interface.clone(), good.code.clone());
            for _ in 0..=random.below(3) {
                let blob = if random.below(6) == 0 {
                    &mut interface
                } else {
                    &mut code
                };
                let at = random.below(blob.len());
                match random.below(6) {
                    0 => blob[at] = random.below(256) as u8,
                    1 => blob[at] ^= 1 << random.below(8),
                    2 => blob[at] = blob[at].wrapping_add(1),
                    3 => blob[at] = blob[at].wrapping_sub(1),
                    // Operands are small numbers.
                    _ => blob[at] = random.below(12) as u8,
                }
            }
            for (sum, one) in reached.iter_mut().zip(try_bytes(&interface, &code)) {
                *sum += one;
            }
        }
    }
    assert!(reached[0] > 1_000 && reached[2] > 100, "{reached:?}");
}
