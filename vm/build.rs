//! Compiles the correctly rounded functions of CORE-MATH, kept in `vendor/core-math`.
//!
//! What they compute is part of the edition, so nothing of the machine at hand goes in: no `-march`, no
//! contraction of `a * b + c`, no reordering.

use std::path::Path;

/// The functions, each a folder and a file of its name.
const FUNCTIONS: &[&str] = &[
    "acos", "asin", "atan", "atan2", "cbrt", "cos", "exp", "exp2", "hypot", "log", "log10", "log2",
    "pow", "sin", "tan",
];

fn main() {
    let vendor = Path::new("vendor/core-math");
    let mut build = cc::Build::new();
    for function in FUNCTIONS {
        build.file(vendor.join(function).join(format!("{function}.c")));
    }
    build
        .opt_level(2)
        .flag_if_supported("-ffp-contract=off")
        .flag_if_supported("-fno-fast-math")
        .cargo_warnings(false)
        .compile("cop_core_math");
    // `fma`, where it is no instruction.
    if std::env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        println!("cargo:rustc-link-lib=m");
    }
    println!("cargo:rerun-if-changed=vendor/core-math");

    // Machine code is made where the feature asks for it and the code generator and the entry stub know the machine.
    println!("cargo:rustc-check-cfg=cfg(cop_jit)");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let known = target("OS") == "linux" && target("ARCH") == "x86_64";
    if known && std::env::var_os("CARGO_FEATURE_JIT").is_some() {
        println!("cargo:rustc-cfg=cop_jit");
    }
}
