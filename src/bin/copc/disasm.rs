//! `copc disasm`: the bytecode of a program as text, and what becomes of it on this machine.

use std::fmt::Write;

use cop_bytecode::print::{Options, print};
use cop_bytecode::{Package, SourceMap, decode};
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
    let wanted = wanted(options, &source_map)?;
    if options.clif || options.asm {
        return machine_code(options, &package, &source_map, wanted);
    }
    let shown = Options {
        source_map: Some(&source_map),
        fuel: options.fuel,
        functions: wanted.as_deref(),
    };
    say::out_raw(print(&package, shown).as_bytes());
    Ok(Ended::Well)
}

/// The functions that are asked for by a part of their names; none if all are.
fn wanted(options: &DisasmOptions, map: &SourceMap) -> Result<Option<Vec<u32>>, Complaint> {
    if options.function.is_empty() {
        return Ok(None);
    }
    let is_wanted = |index: &u32| {
        let name = map.name(*index).unwrap_or_default();
        options.function.iter().any(|text| name.contains(text))
    };
    let found: Vec<u32> = (0..map.functions.len() as u32).filter(is_wanted).collect();
    if found.is_empty() {
        return Err(Complaint::Failed(format!(
            "no function's name holds `{}`; one that stands in place of its calls has none of its own",
            options.function.join("` or `")
        )));
    }
    Ok(Some(found))
}

/// Shows what the code generator makes of functions.
fn machine_code(
    options: &DisasmOptions,
    package: &Package,
    map: &SourceMap,
    wanted: Option<Vec<u32>>,
) -> Result<Ended, Complaint> {
    let program =
        cop_vm::Program::load(package).map_err(|refusal| Complaint::Failed(refusal.to_string()))?;
    let mut lens = program.lens().map_err(Complaint::Failed)?;
    let name = |function: u32| match map.name(function) {
        Some(name) => format!("fn {function} {name}"),
        None => format!("fn {function}"),
    };
    let place = |function: u32, instruction: u32| {
        let place = map.place(function, instruction)?;
        Some(format!("{}:{}", map.file(place.file)?, place.line))
    };
    let all = 0..package.functions.len() as u32;
    let mut missing = 0;
    for function in wanted.unwrap_or_else(|| all.collect()) {
        let shown = match lens.function(function, &name) {
            Ok(shown) => shown,
            Err(why) => {
                missing += 1;
                say::out(&format!("; {}: no machine code: {why}\n\n", name(function)));
                continue;
            }
        };
        let at = |instruction: u32| place(function, instruction);
        let text = match options.clif {
            true => with_lines(&shown.clif, &at),
            false => format!("{}{}", shown.assembly, offsets(&shown.places, &at)),
        };
        say::out_raw(
            format!(
                "; {}, {} bytes of machine code\n{text}\n",
                name(function),
                shown.size_bytes
            )
            .as_bytes(),
        );
    }
    if missing > 0 {
        say::note(&format!(
            "{missing} functions have no machine code here, and are interpreted"
        ));
    }
    Ok(Ended::Well)
}

/// The intermediate form, with a line of the source before what comes from it.
fn with_lines(clif: &str, place: &dyn Fn(u32) -> Option<String>) -> String {
    let mut text = String::with_capacity(clif.len() * 2);
    let mut last = None;
    for line in clif.lines() {
        let instruction = line
            .trim_start()
            .strip_prefix('@')
            .and_then(|rest| rest.split(' ').next())
            .and_then(|hexadecimal| u32::from_str_radix(hexadecimal, 16).ok());
        if let Some(instruction) = instruction {
            let now = place(instruction);
            if now.is_some() && now != last {
                let _ = writeln!(text, "; {}", now.as_deref().unwrap_or_default());
                last = now;
            }
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// Which bytes of the machine code come from which line.
fn offsets(places: &[(u32, u32, u32)], place: &dyn Fn(u32) -> Option<String>) -> String {
    let mut rows: Vec<(u32, u32, String)> = Vec::new();
    for (start, end, instruction) in places {
        let Some(at) = place(*instruction) else {
            continue;
        };
        match rows.last_mut() {
            Some((_, last, known)) if *known == at && last == start => *last = *end,
            _ => rows.push((*start, *end, at)),
        }
    }
    let row = |(start, end, at): (u32, u32, String)| format!("; {start:#06x}..{end:#06x}  {at}\n");
    rows.into_iter().map(row).collect()
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
    let wanted = wanted(options, &compiled.source_map)?;
    let shown = Options {
        source_map: Some(&compiled.source_map),
        fuel: options.fuel,
        functions: wanted.as_deref(),
    };
    say::out_raw(print(&compiled.package, shown).as_bytes());
    Ok(Ended::Well)
}
