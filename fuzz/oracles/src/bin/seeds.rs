//! Writes the compiled examples into `fuzz/corpus/package`, and decisions of generated programs into the corpora beside it:
//! `cargo run -p cop-oracles --bin seeds`. To be run again when the encoding of packages or a generator changes.

use cop_compiler::compile::{CompileOptions, compile};
use cop_compiler::source::{SourceError, Sources};
use cop_generator::Choices;
use cop_oracles::generated::Kind;
use std::path::{Path, PathBuf};

struct Folder(PathBuf);

impl Sources for Folder {
    fn read(&self, path: &str) -> Result<String, SourceError> {
        std::fs::read_to_string(self.0.join(path)).map_err(|_| SourceError::NotFound)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = Folder(root.join("examples"));
    for name in ["hello", "words", "evaluator", "heap", "matrix"] {
        let result = compile(&format!("{name}.cop"), &sources, CompileOptions::default());
        let compiled = result
            .compiled
            .ok_or_else(|| format!("{name} does not compile"))?;
        let encoded = cop_bytecode::encode::encode(&compiled.package)?;
        let mut seed = u16::try_from(encoded.interface.len())?
            .to_le_bytes()
            .to_vec();
        seed.extend(encoded.interface);
        seed.extend(encoded.code);
        std::fs::write(root.join("fuzz/corpus/package").join(name), seed)?;
    }
    for (folder, kind) in [
        ("bytecode", Kind::Bytecode),
        ("mutated", Kind::Mutated),
        ("program", Kind::Source),
    ] {
        let folder = root.join("fuzz/corpus").join(folder);
        std::fs::create_dir_all(&folder)?;
        for seed in 0..12 {
            let mut choices = Choices::of_seed(seed);
            kind.compare(&mut choices, 6)?;
            std::fs::write(folder.join(format!("seed-{seed:02}")), choices.taken())?;
        }
    }
    Ok(())
}
