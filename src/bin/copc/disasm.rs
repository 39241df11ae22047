//! `copc disasm`: the bytecode of a program as text.

use cop_bytecode::print::{Options, print};
use cop_bytecode::{SourceMap, decode};

use crate::arguments::DisasmOptions;
use crate::ended::{Complaint, Ended};
use crate::say;
use crate::subject::Subject;
use crate::tell;
use crate::watch::Watch;

/// Shows the bytecode that a node would get.
pub fn disasm(options: &DisasmOptions) -> Result<Ended, Complaint> {
    let from = options.packages.with(options.node.url.as_deref(), None);
    let Subject { built, .. } = Subject::of(&options.path, &from, &Watch::default())?;
    tell::warnings(&built.report);
    let unreadable = |error: cop_bytecode::DecodeError| {
        Complaint::Failed(format!(
            "the compiler made a package that cannot be read back ({error}); this is a defect of the compiler, please report it"
        ))
    };
    let package = decode(built.bundle.interface(), built.bundle.code()).map_err(unreadable)?;
    let source_map = SourceMap::decode(built.bundle.source_map()).map_err(unreadable)?;
    let shown = Options {
        source_map: Some(&source_map),
        fuel: options.fuel,
    };
    say::out_raw(print(&package, shown).as_bytes());
    Ok(Ended::Well)
}
