//! `copc disasm`: the bytecode of a program as text.

use cop_bytecode::print::{Options, print};
use cop_bytecode::{SourceMap, decode};
use cop_compiler::middle::passes;
use coputer::packages;
use coputer::project::Project;
use coputer::publish::compiled_until;

use crate::arguments::DisasmOptions;
use crate::ended::{Complaint, Ended};
use crate::say;
use crate::subject::Subject;
use crate::tell;
use crate::watch::Watch;

/// Shows the bytecode that a node would get.
pub fn disasm(options: &DisasmOptions) -> Result<Ended, Complaint> {
    let from = options.packages.with(options.node.url.as_deref(), None);
    if let Some(pass) = &options.pass {
        return after_pass(options, &from, pass);
    }
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

/// Shows what a pass of the compiler leaves.
fn after_pass(
    options: &DisasmOptions,
    from: &packages::Options,
    pass: &str,
) -> Result<Ended, Complaint> {
    let list = || {
        let rows = passes().map(|(name, does)| format!("  {name:<8} {does}\n"));
        rows.collect::<String>()
    };
    if pass == "help" {
        say::out_raw(list().as_bytes());
        return Ok(Ended::Well);
    }
    if !passes().any(|(name, _)| name == pass) {
        return Err(Complaint::Failed(format!(
            "the compiler has no pass `{pass}`; it has\n{}",
            list()
        )));
    }
    let project = Project::at(&options.path)?;
    let (report, compiled) = compiled_until(&project, from, pass)?;
    tell::warnings(&report);
    let shown = Options {
        source_map: Some(&compiled.source_map),
        fuel: options.fuel,
    };
    say::out_raw(print(&compiled.package, shown).as_bytes());
    Ok(Ended::Well)
}
