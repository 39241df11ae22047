//! The compiler's door: sources in, a package with its source map out.

use crate::check::{CheckOptions, Demand, check, on_demand, suggest};
use crate::constants::{self, Evaluate};
use crate::diagnostic::Diagnostics;
use crate::hir::{self, EntryKind};
use crate::lower::{self, Lowered, Origin};
use crate::middle::names::Named;
use crate::source::{SourceMap, Sources, Span};
use cop_bytecode::Package;
use cop_bytecode::source_map::{self, FunctionMap, Inlined, Place};

/// What to compile.
#[derive(Clone, Copy, Default)]
pub struct CompileOptions<'a> {
    /// Make an entry point `test N` of each `test` block.
    pub tests: bool,
    /// What evaluates constants. Without it they are evaluated where they are used, which gives the same values
    /// for other fuel, and their traps are not found here.
    pub constants: Option<&'a dyn Evaluate>,
    /// The last pass to run, by its name in [`crate::middle::passes`]: to see what it leaves, which need not pass the
    /// verifier. Without one, all.
    pub last: Option<&'a str>,
    /// For a debugger: nothing is improved, so each line of the source is there and each variable can be found. The program
    /// does the same, for another amount of fuel.
    pub debug: bool,
}

/// What kind of program a root file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgramKind {
    /// It has `main`.
    Command,
    /// It has `handle`.
    Web,
    /// It has neither.
    Library,
}

/// A compiled program.
#[derive(Debug)]
pub struct Compiled {
    /// The bytecode.
    pub package: Package,
    /// Where its instructions came from.
    pub source_map: source_map::SourceMap,
    /// What kind of program it is.
    pub kind: ProgramKind,
    /// Names of the tests; number N is the entry point `test N`. Empty unless asked for.
    pub tests: Vec<String>,
    /// Where each of them stands: the path of its module, and the line.
    pub test_places: Vec<(String, u32)>,
    /// Per function, where the variables of its source are, if that was asked for.
    pub variables: Vec<Vec<Variable>>,
}

/// A variable of the source in a value of the bytecode, for some instructions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Which of the variables of its function; of those with one name the greatest hides the others.
    pub number: u32,
    /// Where it was bound.
    pub place: Place,
    /// The value.
    pub value: u32,
    /// From this instruction on,
    pub from: u32,
    /// and before this one.
    pub to: u32,
}

/// What came of compiling.
#[derive(Debug)]
pub struct Compilation {
    /// Every file that was read, for the diagnostics.
    pub files: SourceMap,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// The program, if there was no error.
    pub compiled: Option<Compiled>,
}

/// Native stack of the compiler's thread, bytes. Syntax is nested at most 128 deep, and each level takes a few
/// frames of a few hundred bytes in each pass; unoptimised builds take ten times that.
const STACK: usize = 256 << 20;

/// Compiles the package whose root file is `root` (such as `main.cop`).
pub fn compile(root: &str, sources: &(dyn Sources + Sync), options: CompileOptions) -> Compilation {
    on_a_large_stack(|| compile_here(root, sources, options, &[options.tests]).0)
}

/// Compiles a package with its tests, as [`compile`] does, and gives beside it what it is without them: the source is
/// read and checked once.
pub fn compile_both(
    root: &str,
    sources: &(dyn Sources + Sync),
    options: CompileOptions,
) -> (Compilation, Option<Compiled>) {
    let with_tests = CompileOptions {
        tests: true,
        ..options
    };
    let work = || compile_here(root, sources, with_tests, &[true, false]);
    let (compilation, mut others) = on_a_large_stack(work);
    (compilation, others.pop())
}

fn on_a_large_stack<T: Send>(work: impl Fn() -> T + Sync) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("compiler".into())
            .stack_size(STACK);
        match thread.spawn_scoped(scope, &work) {
            Ok(handle) => handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // No thread to be had: the stack at hand serves all but absurd programs.
            Err(_) => work(),
        }
    })
}

/// Compiles, and makes a program with tests or without for each of `lowerings`: the first belongs to the compilation.
fn compile_here(
    root: &str,
    sources: &dyn Sources,
    options: CompileOptions,
    lowerings: &[bool],
) -> (Compilation, Vec<Compiled>) {
    // A debugger is in no hurry.
    let in_order = match options.debug {
        true => None,
        false => compile_in_order(root, sources, options, lowerings),
    };
    in_order.unwrap_or_else(|| compile_at_once(root, sources, options, lowerings))
}

/// Compiles a package that is in order, a body at a time. `None` if anything is wrong with it.
fn compile_in_order(
    root: &str,
    sources: &dyn Sources,
    options: CompileOptions,
    lowerings: &[bool],
) -> Option<(Compilation, Vec<Compiled>)> {
    let mut files = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    suggest::refill();
    let make = |demand: &mut Demand, files: &SourceMap, found: &mut Diagnostics| {
        if let Some(engine) = options.constants {
            constants::evaluate(demand, engine, found);
        }
        let program = demand.declared();
        let mut written = Vec::new();
        for (number, tests) in lowerings.iter().enumerate() {
            if found.has_errors() {
                return None;
            }
            demand.keep(number + 1 < lowerings.len());
            let options = lower::Options {
                tests: *tests,
                last: options.last,
                debug: false,
            };
            let shown = Shown::of(&program, *tests, files);
            written.push((shown, lower::write_asked(&program, demand, options, found)?));
        }
        Some(written)
    };
    let check_options = CheckOptions {
        tests: options.tests,
        library: false,
    };
    let found = &mut diagnostics;
    let written = on_demand(root, sources, &mut files, &check_options, found, make)?;
    let mut compiled = Vec::with_capacity(written.len());
    for (shown, (written, entries)) in written {
        let options = lower::Options {
            last: options.last,
            ..lower::Options::default()
        };
        let lowered = lower::finish(written, entries, options, &mut diagnostics)?;
        compiled.push(shown.with(lowered, &files, &mut diagnostics)?);
    }
    let others = compiled.split_off(1);
    let compilation = Compilation {
        files,
        diagnostics,
        compiled: compiled.pop(),
    };
    Some((compilation, others))
}

/// Compiles all of a package, step by step, and says what is wrong with it.
fn compile_at_once(
    root: &str,
    sources: &dyn Sources,
    options: CompileOptions,
    lowerings: &[bool],
) -> (Compilation, Vec<Compiled>) {
    let mut files = SourceMap::new();
    let mut diagnostics = Diagnostics::new();
    suggest::refill();
    let checked = check(
        root,
        sources,
        &mut files,
        &CheckOptions {
            tests: options.tests,
            library: false,
        },
        &mut diagnostics,
    );
    let mut compiled = Vec::new();
    if let Some(mut program) = checked {
        if let Some(engine) = options.constants {
            constants::evaluate(&mut program, engine, &mut diagnostics);
        }
        let mut program = Some(program);
        for (number, tests) in lowerings.iter().enumerate() {
            if diagnostics.has_errors() {
                break;
            }
            let options = lower::Options {
                tests: *tests,
                last: options.last,
                debug: options.debug,
            };
            let shown = program
                .as_ref()
                .map(|program| Shown::of(program, *tests, &files));
            let lowered = if number + 1 == lowerings.len() {
                let program = program.take();
                program.and_then(|it| lower::lower_for_good(it, options, &mut diagnostics))
            } else {
                let program = program.as_ref();
                program.and_then(|it| lower::lower(it, options, &mut diagnostics))
            };
            if let (Some(lowered), Some(shown)) = (lowered, shown) {
                compiled.extend(shown.with(lowered, &files, &mut diagnostics));
            }
        }
    }
    let others = compiled.split_off(compiled.len().min(1));
    let compilation = Compilation {
        files,
        diagnostics,
        compiled: compiled.pop(),
    };
    (compilation, others)
}

/// What is shown of a program beside its bytecode.
struct Shown {
    kind: ProgramKind,
    tests: Vec<String>,
    test_places: Vec<(String, u32)>,
}

impl Shown {
    fn of(program: &hir::Program, tests: bool, files: &SourceMap) -> Shown {
        let kind = match program.entry.as_ref().map(|e| e.kind) {
            Some(EntryKind::Command { .. }) => ProgramKind::Command,
            Some(EntryKind::Web) => ProgramKind::Web,
            None => ProgramKind::Library,
        };
        let shown: &[hir::Test] = if tests { &program.tests } else { &[] };
        let place = |test: &hir::Test| {
            let span = program.fns[test.function.index()].span;
            let path = files.file(span.file).path.to_string();
            (path, files.line_column(span).line)
        };
        Shown {
            kind,
            tests: shown.iter().map(|test| test.name.to_string()).collect(),
            test_places: shown.iter().map(place).collect(),
        }
    }

    fn with(
        self,
        lowered: Lowered,
        files: &SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> Option<Compiled> {
        if let Some(error) = lower::too_large(&lowered.package) {
            diagnostics.push(error);
            return None;
        }
        let mut origins = lowered.origins;
        let named: Vec<Vec<Named>> = origins
            .iter_mut()
            .map(|origin| std::mem::take(&mut origin.names))
            .collect();
        let (source_map, variables) = map_sources(origins, named, files);
        Some(Compiled {
            package: lowered.package,
            source_map,
            kind: self.kind,
            tests: self.tests,
            test_places: self.test_places,
            variables,
        })
    }
}

/// The source map of a lowered package: only files that it came from, in order of first use.
fn map_sources(
    origins: Vec<Origin>,
    named: Vec<Vec<Named>>,
    files: &SourceMap,
) -> (source_map::SourceMap, Vec<Vec<Variable>>) {
    let mut paths: indexmap::IndexSet<String> = indexmap::IndexSet::new();
    // By number of the file: its index, and the line that was last asked for.
    let mut known: Vec<Option<(u32, u32)>> = vec![None; files.files().count()];
    let mut functions = Vec::with_capacity(origins.len());
    let mut place = |span: Span| {
        let source = files.file(span.file);
        let (file, line) = known[span.file.0 as usize]
            .get_or_insert_with(|| (paths.insert_full(source.path.to_string()).0 as u32, 1));
        let at = source.line_column_near(span.start, *line);
        *line = at.line;
        Place {
            file: *file,
            line: at.line,
            column: at.column,
        }
    };
    for origin in origins {
        let inlined = origin.sites.into_iter().map(|site| Inlined {
            callee: site.callee,
            place: place(site.span),
            outer: site.parent,
        });
        let mut function = FunctionMap {
            name: origin.name,
            inlined: inlined.collect(),
            ranges: Vec::with_capacity(origin.places.len()),
        };
        for (first, span, site) in origin.places {
            function.mark(first, place(span), site);
        }
        functions.push(function);
    }
    let mut variables = Vec::with_capacity(named.len());
    for named in named {
        let named = named.into_iter().map(|named| Variable {
            name: named.name.to_string(),
            number: named.local,
            place: place(named.span),
            value: named.value,
            from: named.from,
            to: named.to,
        });
        variables.push(named.collect());
    }
    let map = source_map::SourceMap {
        files: paths.into_iter().collect(),
        functions,
    };
    (map, variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceError;
    use std::path::{Path, PathBuf};

    struct Folder(PathBuf);

    impl Sources for Folder {
        fn read(&self, path: &str) -> Result<String, SourceError> {
            std::fs::read_to_string(self.0.join(path)).map_err(|_| SourceError::NotFound)
        }
    }

    fn compiled(file: &Path) -> Compiled {
        let folder = Folder(file.parent().unwrap_or(Path::new(".")).to_path_buf());
        let root = file
            .file_name()
            .and_then(|n| n.to_str())
            .unwrap_or_default();
        let result = compile(
            root,
            &folder,
            CompileOptions {
                tests: true,
                ..CompileOptions::default()
            },
        );
        let errors: Vec<&str> = result
            .diagnostics
            .iter()
            .map(|d| d.title.as_str())
            .collect();
        result
            .compiled
            .unwrap_or_else(|| panic!("{}: {errors:?}", file.display()))
    }

    fn sources() -> Vec<PathBuf> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = vec![
            here.join("tests/edges.cop"),
            here.join("tests/everything.cop"),
            here.join("../examples/system/main.cop"),
        ];
        let examples = std::fs::read_dir(here.join("../examples"))
            .expect("the examples are in the repository");
        all.extend(
            examples
                .filter_map(|e| e.ok().map(|e| e.path()))
                .filter(|p| p.extension().is_some_and(|e| e == "cop")),
        );
        all.sort();
        all
    }

    #[test]
    fn what_is_compiled_passes_the_verifier() {
        for file in sources() {
            let compiled = compiled(&file);
            if let Err(error) = cop_vm::verify::verify(&compiled.package) {
                let name = error
                    .function
                    .and_then(|f| compiled.source_map.functions.get(f as usize))
                    .map(|f| &f.name);
                panic!("{}: {error} (in {name:?})", file.display());
            }
        }
    }

    #[test]
    fn what_is_compiled_for_a_debugger_passes_the_verifier_and_names_what_is_there() {
        for file in sources() {
            let folder = Folder(file.parent().unwrap_or(Path::new(".")).to_path_buf());
            let root = file.file_name().and_then(|name| name.to_str());
            let options = CompileOptions {
                tests: true,
                debug: true,
                ..CompileOptions::default()
            };
            let compiled = compile(root.unwrap_or_default(), &folder, options).compiled;
            let compiled = compiled.expect("it compiles");
            if let Err(error) = cop_vm::verify::verify(&compiled.package) {
                panic!("{}: {error}", file.display());
            }
            assert_eq!(compiled.variables.len(), compiled.package.functions.len());
            let functions = compiled.package.functions.iter().zip(&compiled.variables);
            for (function, variables) in functions {
                for variable in variables {
                    assert!(variable.from < variable.to, "{variable:?}");
                    assert!(variable.to as usize <= function.body.len(), "{variable:?}");
                }
            }
            assert!(compiled.variables.iter().flatten().count() > 0);
        }
    }

    #[test]
    fn compiling_twice_gives_the_same_bytes() {
        for file in sources() {
            let (a, b) = (compiled(&file), compiled(&file));
            assert_eq!(a.package, b.package, "{}", file.display());
            assert_eq!(a.source_map, b.source_map, "{}", file.display());
        }
    }

    #[test]
    fn a_body_at_a_time_gives_what_all_at_once_give() {
        for file in sources() {
            let folder = Folder(file.parent().unwrap_or(Path::new(".")).to_path_buf());
            let root = file.file_name().and_then(|name| name.to_str());
            let root = root.unwrap_or_default();
            let (options, lowerings) = (CompileOptions::default(), [true, false]);
            let options = CompileOptions {
                tests: true,
                ..options
            };
            let Some((one, others)) = compile_in_order(root, &folder, options, &lowerings) else {
                panic!("{} is in order", file.display());
            };
            let (all, others_at_once) = compile_at_once(root, &folder, options, &lowerings);
            let told = |one: &Compilation| {
                let found = one.diagnostics.sorted().into_iter();
                let found = found.map(|one| (one.code, one.title.clone(), one.primary.clone()));
                format!("{:?}", found.collect::<Vec<_>>())
            };
            assert_eq!(told(&one), told(&all), "{}", file.display());
            let all = all.compiled.iter().chain(&others_at_once);
            for (one, all) in one.compiled.iter().chain(&others).zip(all) {
                assert_eq!(one.package, all.package, "{}", file.display());
                assert_eq!(one.source_map, all.source_map, "{}", file.display());
            }
            assert_eq!(others.len(), 1);
        }
    }

    #[test]
    fn what_is_not_reached_changes_nothing() {
        for file in sources() {
            let folder = Folder(file.parent().unwrap_or(Path::new(".")).to_path_buf());
            let root = file.file_name().and_then(|name| name.to_str());
            let package = |library: bool| {
                let (mut files, mut found) = (SourceMap::new(), Diagnostics::new());
                let options = CheckOptions {
                    tests: true,
                    library,
                };
                let root = root.unwrap_or_default();
                let program = check(root, &folder, &mut files, &options, &mut found)?;
                let options = lower::Options {
                    tests: true,
                    ..lower::Options::default()
                };
                let lowered = lower::lower(&program, options, &mut found)?;
                Some(lowered.package)
            };
            assert_eq!(package(false), package(true), "{}", file.display());
        }
    }

    #[test]
    fn a_program_without_its_tests_is_what_it_is_alone() {
        for file in sources() {
            let folder = Folder(file.parent().unwrap_or(Path::new(".")).to_path_buf());
            let root = file.file_name().and_then(|name| name.to_str());
            let root = root.unwrap_or_default();
            let alone = compile(root, &folder, CompileOptions::default()).compiled;
            let (both, beside) = compile_both(root, &folder, CompileOptions::default());
            let (alone, beside) = (alone.expect("it compiles"), beside.expect("it compiles"));
            assert_eq!(alone.package, beside.package, "{}", file.display());
            assert_eq!(alone.source_map, beside.source_map, "{}", file.display());
            // The first was lowered from a program that is kept, what is compiled alone from one that is given up.
            let (tested, both) = (compiled(&file), both.compiled.expect("it compiles"));
            assert_eq!(tested.package, both.package, "{}", file.display());
            assert_eq!(tested.source_map, both.source_map, "{}", file.display());
        }
    }
}
