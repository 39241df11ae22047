//! From syntax trees to the typed tree: which names mean what, which types everything has, and whether that is allowed.
//!
//! The steps, in order, each over all modules before the next begins:
//! 1. `load` reads the root file, what it imports, and the core;
//! 2. `declare` gives every item an id and fills the scopes of the modules, `import`s included;
//! 3. `items` resolves what items say about types: fields, `signature`s, bounds, `impls`;
//! 4. `derive` finds out which built-in traits hold for which structs and enums;
//! 5. `body` checks defaults, constants, functions and tests, those of the library when something needs them (`library`),
//!    one body at a time: `stmt`, `branch`, `loops`;
//!    `expr`, `operator`, `access`, `tries`, `lambda`; `path`, `constructor` and `build`, `associated`,
//!    `call` and `argument`; `pattern`. Unification variables (`infer`) never leave it, `finish` sees to that;
//!    which `traits` hold is asked on the way, what is wrong with a type is said by `mismatch`;
//! 6. `verify` looks at each finished body again for what does not concern types: `lending` of places, `coverage`
//!    of matches (by `exhaust`, the usual ones by `plain`), capabilities;
//! 7. `cycles` looks for constants that need themselves, `unused` for names that nobody uses.
//!
//! When a program in order is compiled, step 5 comes last, and a body at a time, as lowering asks for them (`demand`).
//!
//! An error in one place gives the type `Ty::Error` there, which fits everywhere, so that it is reported once.

mod access;
mod alternatives;
mod argument;
mod associated;
mod attributes;
mod body;
mod branch;
mod build;
mod call;
mod constructor;
mod copies;
mod coverage;
mod cycles;
mod declare;
mod demand;
mod derive;
mod display;
mod elsewhere;
mod entry;
mod exhaust;
mod expr;
mod finish;
mod finite;
mod foresee;
mod impls;
mod import;
mod infer;
mod items;
mod lambda;
mod lending;
mod library;
mod load;
mod loops;
mod mismatch;
mod names;
mod operator;
mod path;
mod pattern;
mod places;
mod plain;
mod signature;
mod stmt;
pub(crate) mod suggest;
#[cfg(test)]
mod tests;
mod traits;
mod tries;
mod types;
mod unused;
mod variant_pattern;
mod verify;

use crate::ast;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::hir::{self, AdtId, ConstId, FnId, TraitId, Ty};
use crate::source::{SourceMap, Sources, Span};
use indexmap::IndexMap;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use declare::rc;
pub(crate) use demand::{Demand, on_demand};
use load::{Loaded, PackageId, Read, Whole};

/// What to check besides the program itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Whether `test` blocks become functions of the program. They are checked in any case.
    pub tests: bool,
    /// Whether all bodies of the core and of `std` are checked that are there, not only those that the program reaches: for
    /// the tests of the library itself.
    pub library: bool,
}

/// Checks the package whose root file is `root` (a path of `sources`, such as `main.cop`).
///
/// Files that are read are added to `files`, messages to `diagnostics`. Without errors the answer is the typed program.
pub fn check(
    root: &str,
    sources: &dyn Sources,
    files: &mut SourceMap,
    options: &CheckOptions,
    diagnostics: &mut Diagnostics,
) -> Option<hir::Program> {
    check_with(
        root,
        sources,
        crate::stdlib::SOURCES,
        files,
        options,
        diagnostics,
    )
}

/// Like [`check`], with a library of one's own: pairs of path (`core/list`, `std/web`) and text.
pub(crate) fn check_with(
    root: &str,
    sources: &dyn Sources,
    library: &[(&str, &str)],
    files: &mut SourceMap,
    options: &CheckOptions,
    diagnostics: &mut Diagnostics,
) -> Option<hir::Program> {
    let whole = load::load(root, sources, library, files, Read::Now, diagnostics)?;
    let mut checker = Checker::new(files, &whole);
    checker.whole_library = options.library;
    checker.declare();
    checker.items();
    checker.derive();
    checker.bodies();
    checker.cycles();
    checker.entry();
    if !checker.has_errors() {
        checker.unused();
    }
    let (mut program, found) = checker.whole_program();
    tell(found, &whole, diagnostics);
    if diagnostics.has_errors() {
        return None;
    }
    if !options.tests {
        program.tests.clear();
    }
    Some(program)
}

/// Hands on what the checker has found.
fn tell(found: Vec<Diagnostic>, whole: &Whole, diagnostics: &mut Diagnostics) {
    let errors = diagnostics.has_errors() || found.iter().any(is_error);
    // Who has errors to mend does not want to hear yet of names that are not used.
    let unused = |message: &Diagnostic| matches!(message.code, "W0302" | "W0303" | "W0304");
    // Nor does anybody want to hear of what others should mend.
    let of_others = |message: &Diagnostic| {
        let file = message.primary.as_ref().map(|label| label.span.file);
        let mut modules = whole.modules.iter();
        !is_error(message)
            && modules.any(|one| Some(one.ast.file) == file && one.package != PackageId::OWN)
    };
    diagnostics.extend(
        found
            .into_iter()
            .filter(|message| !(of_others(message) || errors && unused(message))),
    );
}

/// Everything known about the modules at hand.
struct Checker<'a> {
    files: &'a SourceMap,
    whole: &'a Whole,
    loaded: &'a [Loaded],
    /// By module.
    scopes: Vec<Scope>,
    /// The `pub` items of the core, seen in the core and in `std` with the lowest priority.
    core: Scope,
    /// Those of them that programs see.
    prelude: Scope,
    /// The finished parts, but for bodies and constants; the tables below run parallel to its.
    program: Declared,
    /// Bodies that were checked and that nobody has taken, by function.
    bodies: Vec<Option<Rc<hir::Body>>>,
    adts: Vec<AdtInfo<'a>>,
    fns: Vec<FnInfo<'a>>,
    /// The scope of functions whose own is not known yet.
    unknown_scope: Rc<TypeScope>,
    traits: Vec<TraitInfo<'a>>,
    impls: Vec<ImplInfo<'a>>,
    consts: Vec<ConstInfo<'a>>,
    aliases: Vec<AliasInfo<'a>>,
    /// Types that the core declares as structs without fields, to hold the methods of a built-in type.
    shells: Vec<ShellInfo<'a>>,
    /// Methods and functions of types, by the type's outermost part, in source order.
    methods: FxHashMap<Head, Names<Vec<FnId>>>,
    /// Impls of a trait by the outermost part of the type.
    impls_of: FxHashMap<(TraitId, Head), Vec<usize>>,
    known: Known,
    /// Types written in signatures whose bounds are looked at once all impls are known.
    written: Vec<(Ty, Span, Rc<[hir::Generic]>)>,
    /// Uses of aliases whose parameters have bounds, since somebody last took them.
    alias_uses: Vec<AliasUse>,
    /// Those in signatures and other aliases, like `written`.
    written_aliases: Vec<(AliasUse, Rc<[hir::Generic]>)>,
    /// When the built-in traits hold for structs and enums, by trait, then by type.
    derived: Vec<Vec<derive::Summary>>,
    /// Types, traits and constants marked `@deprecated`, by the place of their names, and why.
    deprecated: FxHashMap<Span, Rc<str>>,
    /// Aliases that are being resolved, the innermost last.
    alias_stack: Vec<usize>,
    /// Constants that are being checked, the innermost last.
    const_stack: Vec<ConstId>,
    diagnostics: Vec<Diagnostic>,
    /// How many of them are errors, and warnings.
    errors: usize,
    warnings: usize,
    /// Bodies of the library are checked whether or not they are needed.
    whole_library: bool,
    /// What of the library is needed.
    reach: library::Reach,
    /// Somebody else knows what is needed, and asks for it.
    on_demand: bool,
}

/// Items of the core that the language itself speaks of.
#[derive(Default)]
struct Known {
    option: Option<AdtId>,
    result: Option<AdtId>,
    error: Option<AdtId>,
    iterator: Option<TraitId>,
    builtin: [Option<TraitId>; 5],
}

/// The outermost part of a type, by which methods and impls are found.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Head {
    Int,
    Float,
    Bool,
    Char,
    String,
    Bytes,
    Range,
    Never,
    List,
    Map,
    Set,
    Tuple(usize),
    Fn,
    Adt(AdtId),
    Host(Rc<str>),
}

impl Head {
    /// The head of a resolved type; `None` for parameters, variables and errors.
    fn of(ty: &Ty) -> Option<Head> {
        Some(match ty {
            Ty::Int => Head::Int,
            Ty::Float => Head::Float,
            Ty::Bool => Head::Bool,
            Ty::Char => Head::Char,
            Ty::String => Head::String,
            Ty::Bytes => Head::Bytes,
            Ty::Range => Head::Range,
            Ty::Never => Head::Never,
            Ty::List(_) => Head::List,
            Ty::Map(..) => Head::Map,
            Ty::Set(_) => Head::Set,
            Ty::Tuple(parts) => Head::Tuple(parts.len()),
            Ty::Fn(_) => Head::Fn,
            Ty::Adt(id, _) => Head::Adt(*id),
            Ty::Host(name) => Head::Host(name.clone()),
            Ty::Param(_) | Ty::Infer(_) | Ty::Error => return None,
        })
    }
}

/// Something by name, in the order in which it was added.
type Names<T> = IndexMap<Rc<str>, T, FxBuildHasher>;

/// The names of a module.
#[derive(Default)]
struct Scope {
    types: Names<Entry<TypeItem>>,
    values: Names<Entry<ValueItem>>,
    /// Variants of the enums that are declared in or imported into the module.
    variants: Names<Vec<(AdtId, u32)>>,
    /// Traits in sight that have a function of a name.
    trait_methods: BTreeMap<Rc<str>, Vec<TraitId>>,
}

/// What a name of a module stands for.
struct Entry<T> {
    item: T,
    span: Span,
    public: bool,
    imported: bool,
    used: Cell<bool>,
}

/// A capitalised name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TypeItem {
    /// A built-in type, by index into [`Checker::shells`].
    Shell(usize),
    Adt(AdtId),
    Alias(usize),
    Trait(TraitId),
    /// The type without values, which no module declares.
    Never,
    /// Could not be imported; reported.
    Broken,
}

/// A name in small letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ValueItem {
    Fn(FnId),
    Const(ConstId),
    /// A module bound by `import name from`; `None` if it could not be loaded.
    Module(Option<usize>),
    /// Could not be imported; reported.
    Broken,
}

struct AdtInfo<'a> {
    decl: AdtDecl<'a>,
    opaque: bool,
    /// Has none of the built-in traits, whatever its parts (`Request`).
    plain: bool,
    scope: Rc<TypeScope>,
    /// Functions that make the defaults, by field.
    defaults: Vec<Option<FnId>>,
}

#[derive(Clone, Copy)]
enum AdtDecl<'a> {
    Struct(&'a ast::Struct),
    Enum(&'a ast::Enum),
}

struct ShellInfo<'a> {
    decl: &'a ast::Struct,
    module: usize,
    /// The type, over its own parameters.
    ty: Ty,
    scope: Rc<TypeScope>,
    generics: Vec<hir::Generic>,
}

struct AliasInfo<'a> {
    decl: &'a ast::Alias,
    module: usize,
    state: AliasState,
    /// Its parameters, once their bounds are known.
    generics: Rc<[hir::Generic]>,
    /// Other aliases with bounds that it mentions.
    uses: Vec<AliasUse>,
}

/// An alias with its arguments, where it is written.
#[derive(Clone)]
struct AliasUse {
    alias: usize,
    args: Vec<Ty>,
    span: Span,
}

enum AliasState {
    New,
    Working,
    Done(Ty),
}

struct TraitInfo<'a> {
    decl: &'a ast::Trait,
    scope: Rc<TypeScope>,
    /// Position of a method by its name.
    methods: FxHashMap<Rc<str>, u32>,
}

struct ImplInfo<'a> {
    decl: &'a ast::Impl,
    module: usize,
    functions: Vec<FnId>,
    /// Whether trait and type could be resolved.
    good: bool,
}

struct ConstInfo<'a> {
    decl: &'a ast::Const,
    module: usize,
    state: ConstState,
    /// The type that is written, or that was found.
    ty: Ty,
    /// Once it was checked.
    body: Option<Rc<hir::Body>>,
}

/// A program whose declarations are made, and then only looked at: by the checker of bodies and whoever else has it.
struct Declared(Rc<hir::Program>);

impl std::ops::Deref for Declared {
    type Target = hir::Program;

    fn deref(&self) -> &hir::Program {
        &self.0
    }
}

impl std::ops::DerefMut for Declared {
    fn deref_mut(&mut self) -> &mut hir::Program {
        Rc::get_mut(&mut self.0).expect("nobody else has it while declarations are made")
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ConstState {
    New,
    Working,
    Done,
}

/// How a function takes its receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Receiver {
    None,
    Value,
    Mutable,
}

/// Where a function stands.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Owner {
    File,
    Type(Head),
    Trait(TraitId),
    Impl(usize),
    Test,
    Default,
}

/// What is to be checked as the body of a function.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// The body that stands there, to be had from [`Loaded::body`].
    Block(Span),
    Expr(&'a ast::Expr),
    /// Nothing: an intrinsic or a method without default.
    Nothing,
}

struct FnInfo<'a> {
    source: Source<'a>,
    /// Where the name stands in the source, and the whole signature.
    signature: Span,
    result: Option<Span>,
    owner: Owner,
    public: bool,
    receiver: Receiver,
    scope: Rc<TypeScope>,
    /// How many of the generics belong to the owner.
    inherited: usize,
    /// `@where("T = …")`: the parameter must be this type, over the function's generics.
    equal: Vec<(u32, Ty)>,
    deprecated: Option<Rc<str>>,
    /// Its body was checked, if it has one.
    checked: bool,
    /// `@constant`: named without parentheses.
    constant: bool,
    used: Cell<bool>,
    parameters: Vec<ParameterSpans>,
}

/// Where a parameter stands.
#[derive(Clone, Copy)]
struct ParameterSpans {
    name: Span,
    ty: Span,
}

/// The type names that hold somewhere besides those of the module.
#[derive(Clone, Default)]
struct TypeScope {
    module: usize,
    params: Vec<(Rc<str>, Ty)>,
    self_ty: Option<Ty>,
}

impl<'a> Checker<'a> {
    fn new(files: &'a SourceMap, whole: &'a Whole) -> Self {
        Checker {
            files,
            whole,
            loaded: &whole.modules,
            scopes: Vec::new(),
            core: Scope::default(),
            prelude: Scope::default(),
            program: Declared(Rc::default()),
            bodies: Vec::new(),
            adts: Vec::new(),
            fns: Vec::new(),
            unknown_scope: Rc::default(),
            traits: Vec::new(),
            impls: Vec::new(),
            consts: Vec::new(),
            aliases: Vec::new(),
            shells: Vec::new(),
            methods: FxHashMap::default(),
            impls_of: FxHashMap::default(),
            known: Known::default(),
            written: Vec::new(),
            derived: Vec::new(),
            deprecated: FxHashMap::default(),
            alias_stack: Vec::new(),
            alias_uses: Vec::new(),
            written_aliases: Vec::new(),
            const_stack: Vec::new(),
            diagnostics: Vec::new(),
            errors: 0,
            warnings: 0,
            whole_library: false,
            reach: library::Reach::default(),
            on_demand: false,
        }
    }

    /// The program with all that was checked, and the messages.
    fn whole_program(self) -> (hir::Program, Vec<Diagnostic>) {
        let mut program = self.program;
        for (function, body) in program.fns.iter_mut().zip(self.bodies) {
            if let Some(body) = body {
                function.body = hir::FnBody::Body(body);
            }
        }
        for (constant, info) in program.consts.iter_mut().zip(self.consts) {
            constant.ty = info.ty;
            if let Some(body) = info.body {
                constant.body = body;
            }
        }
        let program = Rc::into_inner(program.0);
        (program.unwrap_or_default(), self.diagnostics)
    }

    fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Notes a message, unless there are more than anybody reads.
    fn report(&mut self, diagnostic: Diagnostic) {
        let (count, most) = match is_error(&diagnostic) {
            true => (&mut self.errors, Diagnostics::KEPT),
            // Some of them are left out later.
            false => (&mut self.warnings, 10 * Diagnostics::KEPT),
        };
        if *count < most {
            *count += 1;
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether so many errors were found that what follows is of no interest.
    fn has_enough(&self) -> bool {
        self.errors >= Diagnostics::KEPT
    }

    /// The names that a module has without importing them.
    fn given(&self, module: usize) -> &Scope {
        if self.is_std(module) {
            &self.core
        } else {
            &self.prelude
        }
    }

    /// Whether a module belongs to the core or to `std`.
    fn is_std(&self, module: usize) -> bool {
        self.loaded[module].is_std
    }

    /// Whether a module belongs to the package that is compiled.
    fn is_own(&self, module: usize) -> bool {
        self.loaded[module].package == PackageId::OWN
    }

    /// `T?`.
    fn option_of(&self, ty: Ty) -> Ty {
        self.known
            .option
            .map_or(Ty::Error, |id| Ty::Adt(id, Rc::from([ty])))
    }

    /// `Result[T, E]`.
    fn result_of(&self, ty: Ty, error: Ty) -> Ty {
        self.known
            .result
            .map_or(Ty::Error, |id| Ty::Adt(id, Rc::from([ty, error])))
    }

    /// The `T` of `T?`.
    fn as_option(&self, ty: &Ty) -> Option<Ty> {
        match ty {
            Ty::Adt(id, args) if Some(*id) == self.known.option => Some(args[0].clone()),
            _ => None,
        }
    }

    /// The parts of `Result[T, E]`.
    fn as_result(&self, ty: &Ty) -> Option<(Ty, Ty)> {
        match ty {
            Ty::Adt(id, args) if Some(*id) == self.known.result => {
                Some((args[0].clone(), args[1].clone()))
            }
            _ => None,
        }
    }
}

fn is_error(message: &Diagnostic) -> bool {
    message.severity == crate::diagnostic::Severity::Error
}
