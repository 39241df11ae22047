//! What the native kernels share. Each of them is compiled alone, with this as a module, by the bench.
#![allow(dead_code)]

/// The size of the problem: the first argument, else the usual. Read at run time, so that no compiler folds the kernel away.
pub fn size(default: i64) -> i64 {
    std::env::args().nth(1).and_then(|s| s.parse().ok()).unwrap_or(default)
}

/// Processor seconds that this process has used.
fn cpu_seconds() -> f64 {
    #[repr(C)]
    struct Timespec {
        sec: i64,
        nsec: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, out: *mut Timespec) -> i32;
    }
    let mut t = Timespec { sec: 0, nsec: 0 };
    // SAFETY: the C library fills the structure that it is given. 2 is CLOCK_PROCESS_CPUTIME_ID on Linux.
    unsafe { clock_gettime(2, &mut t) };
    t.sec as f64 + t.nsec as f64 * 1e-9
}

/// Runs a kernel, and prints its checksum and the processor time that it took.
pub fn report(name: &str, f: impl FnOnce() -> String) {
    let cpu = cpu_seconds();
    let check = f();
    let cpu = cpu_seconds() - cpu;
    println!("CHECK {name} {check}");
    println!("CPU {cpu:.6}");
}

/// Minimal-standard Lehmer generator.
pub struct Rng(pub i64);
impl Rng {
    #[inline]
    pub fn next(&mut self) -> i64 {
        self.0 = self.0 * 16807 % 2147483647;
        self.0
    }
    #[inline]
    pub fn below(&mut self, n: i64) -> i64 {
        self.next() % n
    }
}

pub const MOD: i64 = 1_000_000_007;

#[inline]
pub fn mix(h: i64, x: i64) -> i64 {
    (h * 31 + x) % MOD
}

/// Hash of every `step`-th byte.
pub fn sample(s: &str, step: usize) -> i64 {
    let b = s.as_bytes();
    let mut h = 7;
    let mut i = 0;
    while i < b.len() {
        h = mix(h, b[i] as i64);
        i += step;
    }
    h
}
