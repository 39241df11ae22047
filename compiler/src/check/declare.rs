//! Gives every item an id and fills the scopes of the modules.

use super::*;
use crate::ast::{Import, ImportName, ImportWhat, Item, ItemKind, Name};
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

impl<'a> Checker<'a> {
    pub(super) fn declare(&mut self) {
        let loaded = self.loaded;
        for (module, file) in loaded.iter().enumerate() {
            self.program.modules.push(Module {
                path: rc(&file.path),
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
        for passing_on in [true, false] {
            for (module, file) in loaded.iter().enumerate() {
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
        }
        for module in 0..loaded.len() {
            self.gather_variants(module);
        }
        self.find_known();
    }

    fn declare_item(&mut self, module: usize, item: &'a Item) {
        let public = item.public.is_some();
        match &item.kind {
            ItemKind::Import(_) | ItemKind::Impl(_) | ItemKind::Test(_) => {}
            ItemKind::Function(function) => {
                let id = self.new_function(
                    &function.signature.name.text,
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
                });
                self.program.consts.push(hir::Const {
                    name: rc(&decl.name.text),
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
                    name: rc(&decl.name.text),
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
                });
                self.add_type(module, &decl.name, TypeItem::Alias(id), public, false);
            }
        }
    }

    /// Makes room for a function whose signature comes later.
    pub(super) fn new_function(&mut self, name: &str, module: usize, span: Span) -> FnId {
        let id = FnId(self.fns.len() as u32);
        self.fns.push(FnInfo {
            source: Source::Nothing,
            signature: span,
            result: None,
            owner: Owner::File,
            public: false,
            receiver: Receiver::None,
            scope: Rc::default(),
            inherited: 0,
            equal: Vec::new(),
            deprecated: None,
            constant: false,
            used: Cell::new(false),
            parameter_spans: Vec::new(),
            parameter_type_spans: Vec::new(),
        });
        self.program.fns.push(hir::Function {
            name: rc(name),
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
            name: rc(&name.text),
            module: module as u32,
            is_struct: matches!(decl, AdtDecl::Struct(_)),
            generics: Vec::new(),
            variants: Vec::new(),
            ignore_unknown: false,
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

    fn add_type(
        &mut self,
        module: usize,
        name: &Name,
        item: TypeItem,
        public: bool,
        imported: bool,
    ) {
        let entry = Entry {
            item,
            span: name.span,
            public,
            imported,
            used: Cell::new(false),
        };
        let first = self.scopes[module]
            .types
            .get(&name.text)
            .map(|known| known.span);
        match first {
            Some(first) => self.twice(name, first),
            None => {
                self.scopes[module].types.insert(name.text.clone(), entry);
            }
        }
    }

    fn add_value(
        &mut self,
        module: usize,
        name: &Name,
        item: ValueItem,
        public: bool,
        imported: bool,
    ) {
        let entry = Entry {
            item,
            span: name.span,
            public,
            imported,
            used: Cell::new(false),
        };
        let first = self.scopes[module]
            .values
            .get(&name.text)
            .map(|known| known.span);
        match first {
            Some(first) => self.twice(name, first),
            None => {
                self.scopes[module].values.insert(name.text.clone(), entry);
            }
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

    fn export_to_core(&mut self, module: usize) {
        let scope = &self.scopes[module];
        for (name, entry) in scope.types.iter().filter(|(_, entry)| entry.public) {
            self.core.types.entry(name.clone()).or_insert(entry.copy());
        }
        for (name, entry) in scope.values.iter().filter(|(_, entry)| entry.public) {
            self.core.values.entry(name.clone()).or_insert(entry.copy());
        }
    }

    fn import(&mut self, module: usize, item: &Item, import: &Import, target: Option<usize>) {
        let public = item.public.filter(|_| !self.is_std(module));
        if let Some(public) = public {
            self.report(
                Diagnostic::error(
                    "E0902",
                    "not yet: passing imported names on with `pub import`",
                )
                .at(public, "")
                .help("declare a function or `type` of your own that stands for the other"),
            );
        }
        match &import.what {
            ImportWhat::Module(name) => {
                self.add_value(module, name, ValueItem::Module(target), false, true);
            }
            ImportWhat::Names(names) => {
                for name in names {
                    self.import_name(module, name, import, target, item.public.is_some());
                }
            }
        }
    }

    fn import_name(
        &mut self,
        module: usize,
        name: &ImportName,
        import: &Import,
        target: Option<usize>,
        public: bool,
    ) {
        let local = name.local().clone();
        if name.name.is_upper() {
            let item = target.map_or(TypeItem::Broken, |target| {
                let found = self.scopes[target]
                    .types
                    .get(&name.name.text)
                    .filter(|entry| entry.offered())
                    .map(|entry| (entry.item, entry.public, entry.span));
                self.importable(found, name, import, target)
                    .unwrap_or(TypeItem::Broken)
            });
            self.add_type(module, &local, item, public, true);
        } else {
            let item = target.map_or(ValueItem::Broken, |target| {
                let found = self.scopes[target]
                    .values
                    .get(&name.name.text)
                    .filter(|entry| entry.offered())
                    .map(|entry| (entry.item, entry.public, entry.span));
                self.importable(found, name, import, target)
                    .unwrap_or(ValueItem::Broken)
            });
            self.add_value(module, &local, item, public, true);
        }
    }

    fn importable<T>(
        &mut self,
        found: Option<(T, bool, Span)>,
        name: &ImportName,
        import: &Import,
        target: usize,
    ) -> Option<T> {
        match found {
            Some((item, true, _)) => Some(item),
            Some((item, false, span)) => {
                self.private(&name.name, span, &import.path);
                Some(item)
            }
            None => {
                self.not_in_module(target, &name.name);
                None
            }
        }
    }

    pub(super) fn private(&mut self, name: &Name, declared: Span, module: &str) {
        let mut message =
            Diagnostic::error("E0706", format!("`{}` is private to `{module}`", name.text))
                .at(name.span, "not visible here")
                .also(declared, "declared without `pub`");
        message = message.help("write `pub` before its declaration if other files may use it");
        self.report(message);
    }

    /// Says that a module has no such name.
    pub(super) fn not_in_module(&mut self, target: usize, name: &Name) {
        if !self.loaded[target].ast.complete {
            return;
        }
        let path = &self.loaded[target].path;
        let scope = &self.scopes[target];
        let mut known: Vec<&str> = Vec::new();
        for (other, entry) in &scope.types {
            if entry.public && name.is_upper() {
                known.push(other);
            }
        }
        for (other, entry) in &scope.values {
            if entry.public && !name.is_upper() {
                known.push(other);
            }
        }
        let near = suggest::nearest(&name.text, known.iter().copied());
        let mut message = Diagnostic::error("E0302", format!("`{path}` has no `{}`", name.text))
            .at(name.span, "not found there");
        message = match near {
            Some(near) => message
                .help(format!("there is {}", names::a(near)))
                .edit(name.span, near),
            None if known.is_empty() => message,
            None => message.help(format!("it offers {}", names::listed(&known))),
        };
        self.report(message);
    }

    fn gather_variants(&mut self, module: usize) {
        let enums: Vec<AdtId> = self.scopes[module]
            .types
            .values()
            .filter_map(|entry| self.enum_behind(module, entry.item))
            .collect();
        for id in enums {
            let AdtDecl::Enum(decl) = self.adts[id.index()].decl else {
                continue;
            };
            for (index, variant) in decl.variants.iter().enumerate() {
                let found = self.scopes[module]
                    .variants
                    .entry(variant.name.text.clone())
                    .or_default();
                let pair = (id, index as u32);
                if !found.contains(&pair) {
                    found.push(pair);
                }
                if self.loaded[module].is_core {
                    let core = self
                        .core
                        .variants
                        .entry(variant.name.text.clone())
                        .or_default();
                    let public = self
                        .core
                        .types
                        .values()
                        .any(|entry| entry.item == TypeItem::Adt(id));
                    if public && !core.contains(&pair) {
                        core.push(pair);
                    }
                }
            }
        }
    }

    /// The enum that a name of a module stands for, if it does; an alias brings the variants of what it names.
    fn enum_behind(&self, mut module: usize, mut item: TypeItem) -> Option<AdtId> {
        for _ in 0..32 {
            match item {
                TypeItem::Adt(id) => {
                    return matches!(self.adts[id.index()].decl, AdtDecl::Enum(_)).then_some(id);
                }
                TypeItem::Alias(alias) => {
                    let info = &self.aliases[alias];
                    let ast::TypeKind::Named(named) = &info.decl.ty.kind else {
                        return None;
                    };
                    module = info.module;
                    item = self.named_item(module, named, Some(alias))?;
                }
                _ => return None,
            }
        }
        let _ = module;
        None
    }

    fn find_known(&mut self) {
        let adt = |checker: &Self, name: &str| match checker.core.types.get(name).map(|e| e.item) {
            Some(TypeItem::Adt(id)) => Some(id),
            _ => None,
        };
        self.known.option = adt(self, "Option");
        self.known.result = adt(self, "Result");
        self.known.error = adt(self, "Error");
        let names: Vec<(Arc<str>, TypeItem)> = self
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

    fn copy(&self) -> Entry<T> {
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
