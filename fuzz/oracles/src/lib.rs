//! What must hold for any bytes at all: the bodies of the fuzz targets, as plain functions.
//!
//! The targets in `fuzz/fuzz_targets` call these under libFuzzer (see `fuzz/README.md`); the test below replays
//! the corpus and some thousand mutations of it in every `cargo test`. An oracle returns when all is well and
//! panics when something that must never happen did.

pub mod differential;
pub mod generated;
pub mod host;

use cop_bytecode::Package;
use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::source::{SourceError, Sources};
use cop_generator::Choices;
use cop_runtime::bundle::Bundle;
use cop_runtime::release::SignedRelease;
use generated::Kind;

mod receipt;

pub use receipt::receipt;

/// An oracle.
pub type Oracle = fn(&[u8]);

/// Every oracle with the name of its target and its folder in `fuzz/corpus`.
pub const ORACLES: &[(&str, Oracle)] = &[
    ("source", source),
    ("package", package),
    ("bytecode", bytecode),
    ("mutated", mutated),
    ("program", program),
    ("bundle", bundle),
    ("release", release),
    ("receipt", receipt),
];

/// A package of one file.
pub(crate) struct OneFile<'a>(pub(crate) &'a str);

impl Sources for OneFile<'_> {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        if path == "main.cop" {
            Ok(self.0.to_string())
        } else {
            Err(SourceError::NotFound)
        }
    }
}

/// Any text compiles or is refused with messages whose places lie in the text; what compiles, verifies.
pub fn source(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let result = compile(
        "main.cop",
        &OneFile(text),
        CompileOptions {
            tests: true,
            constants: None,
            ..CompileOptions::default()
        },
    );
    for diagnostic in result.diagnostics.iter() {
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            let file = &result.files.file(label.span.file).text;
            assert!(
                file.get(label.span.range()).is_some(),
                "{} points outside of its file",
                diagnostic.code
            );
        }
    }
    assert!(
        result.compiled.is_some() != result.diagnostics.has_errors(),
        "a program, or an error that says why not"
    );
    if let Some(compiled) = result.compiled {
        let verdict = cop_vm::verify::verify(&compiled.package);
        assert!(
            verdict.is_ok(),
            "the compiler's own code is refused: {}",
            verdict.err().map_or(String::new(), |e| e.to_string())
        );
        both_ways(&compiled.package);
    }
}

/// Any two blobs are refused, or have exactly one encoding: theirs. The verifier never panics on what decodes; what it accepts is the
/// same in both engines.
pub fn package(data: &[u8]) {
    // The first two bytes say where the interface ends and the code begins.
    let Some((length, rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let at = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let (interface, code) = rest.split_at(at);
    if let Ok(package) = cop_bytecode::decode::decode(interface, code) {
        let again = cop_bytecode::encode::encode(&package);
        let again = again.unwrap_or_else(|e| panic!("what decodes can be encoded: {e}"));
        assert!(
            again.interface == interface && again.code == code,
            "another encoding of the same package"
        );
        if cop_vm::verify::verify(&package).is_ok() {
            let told = differential::compare(&package, &mut Choices::of_bytes(rest), 2);
            told.unwrap_or_else(|fault| panic!("{fault}"));
        }
    }
}

/// A package made of these decisions is accepted and the same in both engines.
pub fn bytecode(data: &[u8]) {
    holds(Kind::Bytecode, data);
}

/// A package made and changed by these decisions is refused or the same in both engines.
pub fn mutated(data: &[u8]) {
    holds(Kind::Mutated, data);
}

/// Source text made of these decisions compiles, is the same in both engines, and means the same without passes of the
/// compiler.
pub fn program(data: &[u8]) {
    holds(Kind::Source, data);
}

fn holds(kind: Kind, data: &[u8]) {
    let told = kind.compare(&mut Choices::of_bytes(data), RUNS);
    told.unwrap_or_else(|fault| panic!("{fault}"));
}

/// Pairs of runs of each generated program.
const RUNS: usize = 6;

/// Any bytes are refused as a bundle, or are its only encoding.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::decode(data) {
        assert!(
            bundle.encode() == data,
            "another encoding of the same bundle"
        );
    }
}

/// Any bytes are refused as a release, or are its only encoding.
pub fn release(data: &[u8]) {
    if let Ok(release) = SignedRelease::decode(data) {
        assert!(
            release.encode() == data,
            "another encoding of the same release"
        );
    }
}

fn both_ways(package: &Package) {
    let encoded = cop_bytecode::encode::encode(package)
        .unwrap_or_else(|e| panic!("what verifies can be encoded: {e}"));
    let decoded = cop_bytecode::decode::decode(&encoded.interface, &encoded.code);
    assert!(
        decoded.as_ref() == Ok(package),
        "decoding gives something else: {:?}",
        decoded.err()
    );
}

pub mod replay;
pub mod vectors;

#[cfg(test)]
mod tests;
