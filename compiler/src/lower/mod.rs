//! From the typed tree to bytecode.
//!
//! The pipeline, which is also the order to read in: [`entry`] makes a wrapper for each entry point and asks
//! for its instance; [`instances`] keeps one closed function per combination of type arguments and finds out
//! which function a trait's method is; [`liveness`] finds the last uses of variables, where a value can be
//! moved instead of shared; [`function`], [`expr`], [`calls`], [`places`], [`patterns`], [`lending`],
//! [`matches`] and [`loops`] walk a body and emit through the [`builder`], which keeps the rules of owners; [`derive`] writes the methods of
//! `Eq`, `Ord`, `Show` and `Data` for structs, enums and tuples; `finish` has the passes of [`crate::middle`] make
//! the code good, and puts everything into canonical order.
//!
//! Nothing here depends on addresses, hashes or time: instances are numbered in order of first use.

mod builder;
mod calls;
mod derive;
mod entry;
mod expr;
mod finish;
mod function;
mod instances;
mod lending;
mod liveness;
mod loops;
mod matches;
mod patterns;
mod places;
mod shape;
mod size;
mod types;

pub(crate) use finish::{Written, finish};
pub(crate) use instances::Supply;
pub(crate) use size::too_large;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::hir::{self, AdtId, FnId, TraitId, Ty};
use crate::middle::draft::{Draft, Site};
use crate::middle::names::{Label, Named};
use crate::source::Span;
use cop_bytecode::{Constant, Entry, HostFunction, Layouts, Op, Package, TypeId, UpdateOp, limits};
use indexmap::{IndexMap, IndexSet};
use instances::{Bodies, Instance, Signature};
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::rc::Rc;

/// What lowering makes.
#[derive(Debug)]
pub struct Lowered {
    /// The compiled package.
    pub package: Package,
    /// Per function of the package: where it came from.
    pub origins: Vec<Origin>,
}

/// Where a function of the package came from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// Name for people, with type arguments.
    pub name: String,
    /// From which instruction on (up to the next row) they come from what source, and the inlined call by which they do:
    /// 0, or one more than an index into `sites`.
    pub places: Vec<(u32, Span, u32)>,
    /// Inlined calls.
    pub sites: Vec<Site>,
    /// Where the locals of its source are, if a debugger is to know.
    pub names: Vec<Named>,
}

impl Origin {
    /// Where an instruction came from: its own place, then the inlined calls that it comes from, the innermost first.
    pub fn spans(&self, instruction: u32) -> Vec<Span> {
        let after = self
            .places
            .partition_point(|(first, ..)| *first <= instruction);
        let Some((_, span, mut site)) = after.checked_sub(1).map(|at| self.places[at]) else {
            return vec![];
        };
        let mut all = vec![span];
        while let Some(inlined) = (site as usize)
            .checked_sub(1)
            .and_then(|i| self.sites.get(i))
        {
            all.push(inlined.span);
            site = inlined.parent;
        }
        all
    }
}

/// What to compile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Make an entry for each `test`.
    pub tests: bool,
    /// The last pass to run, by its name in [`crate::middle::passes`]; without one, all.
    pub last: Option<&'a str>,
    /// For a debugger: nothing is improved, and where locals are is told.
    pub debug: bool,
}

/// Lowers a checked program without errors. `None` if something could not be lowered; the reason was reported.
pub fn lower(
    program: &hir::Program,
    options: Options,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    let (written, entries) = write(program, Bodies::Kept, options, diagnostics)?;
    finish::finish(written, entries, options, diagnostics)
}

/// Lowers as [`lower`] does, and gives up the program on the way: what was lowered of it is freed at once.
pub fn lower_for_good(
    mut program: hir::Program,
    options: Options,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    let bodies = Bodies::of(&mut program);
    let (written, entries) = write(&program, bodies, options, diagnostics)?;
    drop(program);
    finish::finish(written, entries, options, diagnostics)
}

fn write<'p>(
    program: &'p hir::Program,
    bodies: Bodies<'p>,
    options: Options,
    diagnostics: &mut Diagnostics,
) -> Option<(Written, Vec<Entry>)> {
    let mut lowerer = Lowerer::new(program, bodies);
    lowerer.debug = options.debug;
    let entries = lowerer.entries(options);
    Some((lowerer.written(diagnostics)?, entries))
}

/// Lowers a program whose bodies are made when they are asked for, up to what [`finish`] takes.
pub(crate) fn write_asked<'p>(
    program: &'p hir::Program,
    supply: &'p mut (dyn Supply + 'p),
    options: Options,
    diagnostics: &mut Diagnostics,
) -> Option<(Written, Vec<Entry>)> {
    write(program, Bodies::Asked(supply), options, diagnostics)
}

/// Something that is evaluated when the program is compiled.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Evaluated {
    /// A constant: its canonical leaves are returned.
    Constant(hir::ConstId),
    /// The default of a field (variant and field of a struct or enum without type parameters): nothing is returned.
    Default(AdtId, u32, u32),
}

/// Lowers one of them to a package whose entry point [`crate::constants::ENTRY`] evaluates it. Bodies come from `supply`,
/// else from the program.
pub(crate) fn lower_evaluated<'p>(
    program: &'p hir::Program,
    supply: Option<&'p mut (dyn Supply + 'p)>,
    what: Evaluated,
    diagnostics: &mut Diagnostics,
) -> Option<Lowered> {
    let instance = match what {
        Evaluated::Constant(id) => Instance::Evaluate(id),
        Evaluated::Default(adt, variant, field) => Instance::TryDefault(adt, variant, field),
    };
    let bodies = supply.map_or(Bodies::Kept, Bodies::Asked);
    let mut lowerer = Lowerer::new(program, bodies);
    let entry = lowerer.entry(crate::constants::ENTRY.to_string(), instance);
    let written = lowerer.written(diagnostics)?;
    finish::finish(written, vec![entry], Options::default(), diagnostics)
}

/// Items of the core that lowering knows.
#[derive(Clone, Copy, Debug)]
struct Known {
    option: AdtId,
    result: AdtId,
    ordering: AdtId,
    error: AdtId,
    eq: TraitId,
    ord: TraitId,
    show: TraitId,
    data: TraitId,
}

/// State of lowering a whole program.
struct Lowerer<'p> {
    program: &'p hir::Program,
    bodies: Bodies<'p>,
    known: Known,
    layouts: Layouts,
    defs: IndexMap<AdtId, cop_bytecode::DefId, FxBuildHasher>,
    type_ids: FxHashMap<Ty, TypeId>,
    /// The types of [`types::basic`], and structs and enums without type parameters by their numbers.
    basic: [Option<TypeId>; 8],
    plain_adts: Vec<Option<TypeId>>,
    /// The core's operations, by the functions that stand for them.
    operations: FxHashMap<FnId, (Option<UpdateOp>, Option<Op>)>,
    /// Instances by what they come from, and apart from them functions of the source without type parameters.
    instances: FxHashMap<Instance, (u32, Rc<Signature>)>,
    plain: FxHashMap<FnId, (u32, Rc<Signature>)>,
    /// Methods of traits that were looked for.
    resolved: FxHashMap<hir::TraitFnRef, Instance>,
    /// The `impl`s of each trait for each struct or enum, and those for other types; once one was asked for.
    impls: FxHashMap<(TraitId, Option<AdtId>), Vec<usize>>,
    /// Whether a function was needed for ever more types; nothing is lowered after that.
    endless: bool,
    /// How many instances of generic functions there are.
    generic: usize,
    /// What is still to be lowered. The last is the next, so that little waits at a time.
    open: Vec<(Instance, u32, Rc<Signature>)>,
    functions: Vec<Option<Draft>>,
    constants: IndexSet<Constant, FxBuildHasher>,
    hosts: IndexSet<HostFunction, FxBuildHasher>,
    /// Per function, which plain parameters it takes over.
    owning: FxHashMap<FnId, Rc<[bool]>>,
    errors: Vec<Diagnostic>,
    /// Whether a debugger is to know where locals are; by function, the values of each.
    debug: bool,
    labels: FxHashMap<u32, Vec<Label>>,
    /// Room for builders: as many as there were lambdas inside each other.
    buffers: Vec<builder::Buffers>,
}

impl<'p> Lowerer<'p> {
    fn new(program: &'p hir::Program, bodies: Bodies<'p>) -> Self {
        let adt = |name: &str| program.lang.adts.get(name).copied().unwrap_or(AdtId(0));
        let of = |name: &str| program.lang.traits.get(name).copied().unwrap_or(TraitId(0));
        Lowerer {
            program,
            bodies,
            known: Known {
                option: adt("Option"),
                result: adt("Result"),
                ordering: adt("Ordering"),
                error: adt("Error"),
                eq: of("Eq"),
                ord: of("Ord"),
                show: of("Show"),
                data: of("Data"),
            },
            layouts: Layouts::default(),
            defs: IndexMap::default(),
            type_ids: FxHashMap::default(),
            instances: FxHashMap::default(),
            plain: FxHashMap::default(),
            resolved: FxHashMap::default(),
            impls: FxHashMap::default(),
            operations: FxHashMap::default(),
            basic: [None; 8],
            plain_adts: vec![],
            endless: false,
            generic: 0,
            open: vec![],
            functions: vec![],
            constants: IndexSet::default(),
            hosts: IndexSet::default(),
            owning: FxHashMap::default(),
            errors: vec![],
            debug: false,
            labels: FxHashMap::default(),
            buffers: vec![],
        }
    }

    /// Lowers what was asked for, and all that that needs. `None` if something could not be lowered.
    fn written(mut self, diagnostics: &mut Diagnostics) -> Option<Written> {
        self.work();
        let failed = !self.errors.is_empty();
        diagnostics.extend(std::mem::take(&mut self.errors));
        (!failed).then(|| Written::from(self))
    }

    /// Lowers instances until no new one is asked for.
    fn work(&mut self) {
        while let Some((instance, index, signature)) = self.open.pop() {
            // Who asks for bodies makes do with no error at all.
            let most = if matches!(self.bodies, Bodies::Asked(_)) {
                0
            } else {
                20
            };
            if self.endless || self.errors.len() > most {
                break;
            }
            self.lower_instance(&instance, index, &signature);
        }
        let (size, most) = (self.functions.len(), limits::FUNCTIONS);
        if size > most && self.errors.is_empty() {
            self.errors.push(
                Diagnostic::error("E0434", "the program is too large").note(format!(
                    "compiled, it has {size} functions; {most} are allowed"
                )),
            );
        }
    }

    /// A function of the core that has `@lang(name)`.
    fn lang_fn(&mut self, name: &str, span: Span) -> Option<FnId> {
        let found = self.program.lang.fns.get(name).copied();
        if found.is_none() {
            self.errors
                .push(Diagnostic::error("E0901", format!("the core lacks `{name}`")).at(span, ""));
        }
        found
    }

    fn adt(&self, id: AdtId) -> &'p hir::Adt {
        &self.program.adts[id.index()]
    }

    fn function(&self, id: FnId) -> &'p hir::Function {
        &self.program.fns[id.index()]
    }

    fn constant(&mut self, constant: Constant) -> u32 {
        self.constants.insert_full(constant).0 as u32
    }

    fn host_function(&mut self, function: HostFunction) -> u32 {
        self.hosts.insert_full(function).0 as u32
    }

    /// `T?`.
    fn option_of(&self, ty: Ty) -> Ty {
        Ty::Adt(self.known.option, Rc::from([ty]))
    }

    /// `Result[T, E]`.
    fn result_of(&self, ok: Ty, err: Ty) -> Ty {
        Ty::Adt(self.known.result, Rc::from([ok, err]))
    }
}
