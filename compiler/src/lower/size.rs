//! Limits of a whole package. Those of one function are looked at where it is finished.

use crate::diagnostic::Diagnostic;
use cop_bytecode::{Constant, Package, Shape, limits};

/// The error for a package that no machine would take, as something in it is more than the edition allows.
pub fn too_large(package: &Package) -> Option<Diagnostic> {
    let constants: usize = package.constants.iter().map(bytes).sum();
    let variants = package.defs.iter().map(|def| match &def.shape {
        Shape::Product(_) => 0,
        Shape::Sum(variants) => variants.len(),
    });
    let fields = package.defs.iter().map(|def| match &def.shape {
        Shape::Product(fields) => fields.len(),
        Shape::Sum(variants) => most(variants.iter().map(|variant| variant.fields.len())),
    });
    let sizes = [
        (package.types.len(), limits::TYPES, "types"),
        (package.defs.len(), limits::TYPES, "structs and enums"),
        (most(variants), limits::TYPES, "variants in an enum"),
        (most(fields), limits::TYPES, "fields in a type"),
        (
            depth(package),
            limits::TYPE_DEPTH,
            "types inside each other",
        ),
        (constants, limits::PACKAGE_BYTES, "bytes in its texts"),
    ];
    let (size, allowed, what) = sizes
        .into_iter()
        .find(|(size, allowed, _)| size > allowed)?;
    let error = Diagnostic::error("E0434", "the program is too large").note(format!(
        "compiled, it has {size} {what}; {allowed} are allowed"
    ));
    Some(error)
}

fn most(sizes: impl Iterator<Item = usize>) -> usize {
    sizes.max().unwrap_or(0)
}

fn bytes(constant: &Constant) -> usize {
    match constant {
        Constant::String(text) => text.len(),
        Constant::Bytes(bytes) => bytes.len(),
    }
}

/// The deepest of the types, each of which stands behind its parts.
fn depth(package: &Package) -> usize {
    let mut depths: Vec<usize> = Vec::with_capacity(package.types.len());
    for ty in &package.types {
        let parts = ty.parts().filter_map(|part| depths.get(part.0 as usize));
        depths.push(1 + parts.copied().max().unwrap_or(0));
    }
    most(depths.into_iter())
}
