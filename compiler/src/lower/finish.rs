//! Puts everything into a package, in the one order in which packages are written.

use super::{Lowered, Lowerer};
use cop_bytecode::canonical::canonical;
use cop_bytecode::{Entry, Package, TypeId};

/// Makes the package.
pub(super) fn finish(lowerer: Lowerer, entries: Vec<Entry>) -> Lowered {
    let types =
        (0..lowerer.layouts.len() as u32).filter_map(|i| lowerer.layouts.get(TypeId(i)).cloned());
    let types = types.collect();
    let (functions, origins): (Vec<_>, Vec<_>) = lowerer
        .functions
        .into_iter()
        .flatten()
        .map(|done| (done.function, done.origin))
        .unzip();
    let package = Package {
        types,
        defs: lowerer.layouts.defs().to_vec(),
        entries,
        host_functions: lowerer.hosts.into_iter().collect(),
        constants: lowerer.constants.into_iter().collect(),
        functions,
    };
    let (package, moved) = canonical(&package);
    let mut placed: Vec<_> = moved
        .into_iter()
        .zip(origins)
        .filter_map(|(new, o)| Some((new?, o)))
        .collect();
    placed.sort_by_key(|(new, _)| *new);
    Lowered {
        package,
        origins: placed.into_iter().map(|(_, origin)| origin).collect(),
    }
}
