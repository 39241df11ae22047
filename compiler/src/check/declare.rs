//! Gives every item an id and fills the scopes of the modules.

use super::*;
use crate::ast::{Item, ItemKind, Name};
use crate::hir::{Adt, Module};

/// Built-in types that the core declares as structs without fields.
const SHELLS: &[(&str, usize)] = &[
    ("Int", 0),
    ("Float", 0),
    ("Bool", 0),
    ("Char", 0),
    ("String", 0),
    ("Bytes", 0),
    ("Range", 0),
    ("List", 1),
    ("Set", 1),
    ("Map", 2),
];

/// The names of one list, such as the fields of a struct, to find those that are declared twice.
#[derive(Default)]
pub(super) struct Once {
    /// The first ones, which are looked at one by one: most lists have no more.
    few: Vec<(Rc<str>, Span)>,
    others: FxHashMap<Rc<str>, Span>,
}

/// So many names are looked at one by one.
const FEW: usize = 8;

impl Once {
    /// Where the name was declared before, if it was.
    pub(super) fn first(&mut self, name: &Name) -> Option<Span> {
        let mut few = self.few.iter();
        if let Some((_, first)) = few.find(|(known, _)| *known == name.text) {
            return Some(*first);
        }
        if self.few.len() < FEW {
            self.few.push((name.text.clone(), name.span));
            return None;
        }
        let known = self.others.get(&name.text).copied();
        if known.is_none() {
            self.others.insert(name.text.clone(), name.span);
        }
        known
    }
}

impl<'a> Checker<'a> {
    pub(super) fn declare(&mut self) {
        let loaded = self.loaded;
        for (module, file) in loaded.iter().enumerate() {
            self.program.modules.push(Module {
                path: file.path.clone(),
                is_std: file.is_std,
            });
            self.scopes.push(Scope::default());
            for item in &file.ast.items {
                self.declare_item(module, item);
            }
        }
        for (module, file) in loaded.iter().enumerate() {
            if file.is_core {
                self.export_to_core(module);
            }
        }
        // What is passed on first, so that the others find it.
        let mut passed = vec![false; loaded.len()];
        for module in 0..loaded.len() {
            self.pass_on(module, &mut passed);
        }
        for module in 0..loaded.len() {
            self.imports(module, false);
        }
        for module in 0..loaded.len() {
            self.gather_variants(module);
        }
        self.fill_prelude();
        self.find_known();
    }

    /// Enters what a module passes on with `pub import`, and before it what the modules pass on that it is from.
    fn pass_on(&mut self, module: usize, passed: &mut [bool]) {
        if std::mem::replace(&mut passed[module], true) {
            return;
        }
        let file = &self.loaded[module];
        let imports = file.ast.items.iter().filter_map(|item| match item.kind {
            ItemKind::Import(_) => Some(item.public.is_some()),
            _ => None,
        });
        let targets: Vec<usize> = imports
            .zip(&file.imports)
            .filter_map(|(public, target)| target.filter(|_| public))
            .collect();
        for target in targets {
            self.pass_on(target, passed);
        }
        self.imports(module, true);
    }

    /// Enters the names that a module imports: those that it passes on, or the others.
    fn imports(&mut self, module: usize, passing_on: bool) {
        let file = &self.loaded[module];
        let imports = file.ast.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Import(import) => Some((item, import)),
            _ => None,
        });
        for ((item, import), target) in imports.zip(&file.imports) {
            if item.public.is_some() == passing_on {
                self.import(module, item, import, *target);
            }
        }
    }

    fn declare_item(&mut self, module: usize, item: &'a Item) {
        let public = item.public.is_some();
        match &item.kind {
            ItemKind::Import(_) | ItemKind::Impl(_) | ItemKind::Test(_) => {}
            ItemKind::Function(function) => {
                let id = self.new_function(
                    function.signature.name.text.clone(),
                    module,
                    function.signature.name.span,
                );
                self.add_value(
                    module,
                    &function.signature.name,
                    ValueItem::Fn(id),
                    public,
                    false,
                );
            }
            ItemKind::Const(decl) => {
                let id = ConstId(self.consts.len() as u32);
                self.consts.push(ConstInfo {
                    decl,
                    module,
                    state: ConstState::New,
                    ty: Ty::Error,
                    body: None,
                });
                self.program.consts.push(hir::Const {
                    name: decl.name.text.clone(),
                    module: module as u32,
                    ty: Ty::Error,
                    body: Rc::new(hir::Body {
                        locals: Vec::new(),
                        value: finish::nothing(Ty::Error, decl.name.span),
                    }),
                    span: decl.name.span,
                });
                self.add_value(module, &decl.name, ValueItem::Const(id), public, false);
            }
            ItemKind::Struct(decl) => {
                if self.loaded[module].is_core
                    && let Some((_, arity)) =
                        SHELLS.iter().find(|(name, _)| *name == &*decl.name.text)
                {
                    self.declare_shell(module, decl, *arity, public);
                } else if let Some(host) = self.host_name(module, item) {
                    self.declare_host(module, decl, &host, public);
                } else {
                    let plain = item.attributes.iter().any(|a| &*a.name.text == "plain");
                    self.declare_adt(
                        module,
                        AdtDecl::Struct(decl),
                        decl.opaque.is_some(),
                        plain,
                        public,
                    );
                }
            }
            ItemKind::Enum(decl) => {
                self.declare_adt(
                    module,
                    AdtDecl::Enum(decl),
                    decl.opaque.is_some(),
                    false,
                    public,
                );
            }
            ItemKind::Trait(decl) => {
                let id = TraitId(self.traits.len() as u32);
                self.traits.push(TraitInfo {
                    decl,
                    scope: Rc::default(),
                    methods: FxHashMap::default(),
                });
                let builtin = self.loaded[module]
                    .is_core
                    .then(|| traits::builtin(&decl.name.text))
                    .flatten();
                self.program.traits.push(hir::Trait {
                    name: decl.name.text.clone(),
                    module: module as u32,
                    generics: Vec::new(),
                    methods: Vec::new(),
                    builtin,
                });
                self.add_type(module, &decl.name, TypeItem::Trait(id), public, false);
            }
            ItemKind::Alias(decl) => {
                let id = self.aliases.len();
                self.aliases.push(AliasInfo {
                    decl,
                    module,
                    state: AliasState::New,
                    generics: Rc::from([]),
                    uses: Vec::new(),
                });
                self.add_type(module, &decl.name, TypeItem::Alias(id), public, false);
            }
        }
    }

    /// Makes room for a function whose signature comes later.
    pub(super) fn new_function(&mut self, name: Rc<str>, module: usize, span: Span) -> FnId {
        let id = FnId(self.fns.len() as u32);
        self.fns.push(FnInfo {
            source: Source::Nothing,
            signature: span,
            result: None,
            owner: Owner::File,
            public: false,
            receiver: Receiver::None,
            scope: self.unknown_scope.clone(),
            inherited: 0,
            equal: Vec::new(),
            deprecated: None,
            checked: false,
            constant: false,
            used: Cell::new(false),
            parameters: Vec::new(),
        });
        self.program.fns.push(hir::Function {
            name,
            module: module as u32,
            generics: Vec::new(),
            params: Vec::new(),
            ret: Ty::Error,
            body: hir::FnBody::Absent,
            span,
        });
        id
    }

    fn declare_adt(
        &mut self,
        module: usize,
        decl: AdtDecl<'a>,
        opaque: bool,
        plain: bool,
        public: bool,
    ) {
        let id = AdtId(self.adts.len() as u32);
        let name = match decl {
            AdtDecl::Struct(decl) => &decl.name,
            AdtDecl::Enum(decl) => &decl.name,
        };
        self.adts.push(AdtInfo {
            decl,
            opaque,
            plain,
            scope: Rc::default(),
            defaults: Vec::new(),
        });
        self.program.adts.push(Adt {
            name: name.text.clone(),
            module: module as u32,
            is_struct: matches!(decl, AdtDecl::Struct(_)),
            generics: Vec::new(),
            variants: Vec::new(),
            ignore_unknown: false,
            json_tag: None,
            span: name.span,
        });
        self.add_type(module, name, TypeItem::Adt(id), public, false);
    }

    fn declare_shell(&mut self, module: usize, decl: &'a ast::Struct, arity: usize, public: bool) {
        let params: Vec<Ty> = (0..arity as u32).map(Ty::Param).collect();
        let ty = match &*decl.name.text {
            "Int" => Ty::Int,
            "Float" => Ty::Float,
            "Bool" => Ty::Bool,
            "Char" => Ty::Char,
            "String" => Ty::String,
            "Bytes" => Ty::Bytes,
            "Range" => Ty::Range,
            "List" => Ty::List(Rc::new(params[0].clone())),
            "Set" => Ty::Set(Rc::new(params[0].clone())),
            _ => Ty::Map(Rc::new(params[0].clone()), Rc::new(params[1].clone())),
        };
        self.add_shell(module, decl, ty, public);
    }

    fn declare_host(&mut self, module: usize, decl: &'a ast::Struct, name: &str, public: bool) {
        self.add_shell(module, decl, Ty::Host(rc(name)), public);
    }

    fn add_shell(&mut self, module: usize, decl: &'a ast::Struct, ty: Ty, public: bool) {
        let shell = self.shells.len();
        let scope = Rc::new(TypeScope::default());
        self.shells.push(ShellInfo {
            decl,
            module,
            ty,
            scope,
            generics: Vec::new(),
        });
        self.add_type(module, &decl.name, TypeItem::Shell(shell), public, false);
    }

    /// The interface whose capability a struct of the library stands for: `@lang("host kv")`.
    fn host_name(&self, module: usize, item: &Item) -> Option<String> {
        let attribute = item
            .attributes
            .iter()
            .find(|attribute| &*attribute.name.text == "lang")?;
        let text = self.files.text(attribute.span);
        let name = text.split('"').nth(1)?.strip_prefix("host ")?;
        self.is_std(module).then(|| name.to_string())
    }

    pub(super) fn add_type(
        &mut self,
        module: usize,
        name: &Name,
        item: TypeItem,
        public: bool,
        imported: bool,
    ) {
        let entry = Entry::new(item, name, public, imported);
        if let Some(first) = add(&mut self.scopes[module].types, name, entry) {
            self.twice(name, first);
        }
    }

    pub(super) fn add_value(
        &mut self,
        module: usize,
        name: &Name,
        item: ValueItem,
        public: bool,
        imported: bool,
    ) {
        let entry = Entry::new(item, name, public, imported);
        if let Some(first) = add(&mut self.scopes[module].values, name, entry) {
            self.twice(name, first);
        }
    }

    pub(super) fn twice(&mut self, name: &Name, first: Span) {
        self.report(
            Diagnostic::error("E0303", format!("`{}` is declared twice", name.text))
                .at(name.span, "again here")
                .also(first, "first here")
                .help("give one of them another name"),
        );
    }

    fn find_known(&mut self) {
        let adt = |checker: &Self, name: &str| match checker.core.types.get(name).map(|e| e.item) {
            Some(TypeItem::Adt(id)) => Some(id),
            _ => None,
        };
        self.known.option = adt(self, "Option");
        self.known.result = adt(self, "Result");
        self.known.error = adt(self, "Error");
        let names: Vec<(Rc<str>, TypeItem)> = self
            .core
            .types
            .iter()
            .map(|(name, entry)| (name.clone(), entry.item))
            .collect();
        for (name, item) in names {
            match item {
                TypeItem::Adt(id) => {
                    self.program.lang.adts.insert(rc(&name), id);
                }
                TypeItem::Trait(id) => {
                    self.program.lang.traits.insert(rc(&name), id);
                    if let Some(builtin) = self.program.traits[id.index()].builtin {
                        self.known.builtin[builtin as usize] = Some(id);
                    }
                    if &*name == "Iterator" {
                        self.known.iterator = Some(id);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<T: Copy> Entry<T> {
    /// Whether another module can name it: it is declared here, or passed on.
    pub(super) fn offered(&self) -> bool {
        !self.imported || self.public
    }

    pub(super) fn copy(&self) -> Entry<T> {
        Entry {
            item: self.item,
            span: self.span,
            public: self.public,
            imported: true,
            used: Cell::new(true),
        }
    }
}

/// A name of the syntax tree for the typed tree.
pub(super) fn rc(text: &str) -> Rc<str> {
    Rc::from(text)
}

/// A name made of others.
pub(super) fn joined(parts: &[&str]) -> Rc<str> {
    parts.concat().into()
}

/// Enters a name, unless it is there already: then where it was declared first.
fn add<T>(table: &mut Names<Entry<T>>, name: &Name, entry: Entry<T>) -> Option<Span> {
    match table.get(&name.text) {
        Some(known) => Some(known.span),
        None => {
            table.insert(name.text.clone(), entry);
            None
        }
    }
}

impl<T> Entry<T> {
    fn new(item: T, name: &Name, public: bool, imported: bool) -> Entry<T> {
        Entry {
            item,
            span: name.span,
            public,
            imported,
            used: Cell::new(false),
        }
    }
}
