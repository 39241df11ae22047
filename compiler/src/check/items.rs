//! What items say about types: parameters and their bounds, fields, signatures, impls.

use super::attributes::Place;
use super::declare::{Once, joined};
use super::types::{Spot, params_of};
use super::*;
use crate::ast::{Item, ItemKind, Method, Payload, Signature};
use crate::hir::{Generic, TraitRef};
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Checker<'a> {
    pub(super) fn items(&mut self) {
        self.gather_deprecated();
        self.make_scopes();
        for alias in 0..self.aliases.len() {
            let span = self.aliases[alias].decl.name.span;
            self.alias(alias, span);
        }
        self.make_bounds();
        self.make_room();
        let loaded = self.loaded;
        for (module, file) in loaded.iter().enumerate() {
            for item in &file.ast.items {
                self.item(module, item);
            }
        }
        self.gather_trait_methods();
        for index in 0..self.impls.len() {
            self.check_impl(index);
        }
        self.check_finite();
    }

    /// Makes room for all functions at once: they are many, and large.
    fn make_room(&mut self) {
        let items = self.loaded.iter().flat_map(|file| &file.ast.items);
        let functions = items.map(|item| match &item.kind {
            ItemKind::Struct(decl) => decl.methods.len(),
            ItemKind::Enum(decl) => decl.methods.len(),
            ItemKind::Trait(decl) => decl.functions.len(),
            ItemKind::Impl(decl) => decl.functions.len(),
            ItemKind::Test(_) => 1,
            // Those of a file have their ids.
            _ => 0,
        });
        let count = functions.sum();
        self.fns.reserve(count);
        self.program.fns.reserve(count);
    }

    fn make_scopes(&mut self) {
        for index in 0..self.adts.len() {
            let id = AdtId(index as u32);
            let generics = self.adt_generics(id);
            let params = params_of(generics, 0);
            self.unique_generics(&[], generics);
            let args: Rc<[Ty]> = params.iter().map(|(_, ty)| ty.clone()).collect();
            let module = self.program.adts[index].module as usize;
            self.adts[index].scope = Rc::new(TypeScope {
                module,
                params,
                self_ty: Some(Ty::Adt(id, args)),
            });
        }
        for shell in &mut self.shells {
            let params = params_of(&shell.decl.generics, 0);
            shell.scope = Rc::new(TypeScope {
                module: shell.module,
                params,
                self_ty: Some(shell.ty.clone()),
            });
        }
        for index in 0..self.traits.len() {
            let decl = self.traits[index].decl;
            self.unique_generics(&[], &decl.generics);
            let module = self.program.traits[index].module as usize;
            self.traits[index].scope = Rc::new(TypeScope {
                module,
                params: params_of(&decl.generics, 1),
                self_ty: Some(Ty::Param(0)),
            });
        }
    }

    fn make_bounds(&mut self) {
        for index in 0..self.adts.len() {
            let scope = self.adts[index].scope.clone();
            let declared = self.adt_generics(AdtId(index as u32));
            self.program.adts[index].generics = self.generics(declared, &scope);
        }
        for index in 0..self.aliases.len() {
            let info = &self.aliases[index];
            let (decl, uses) = (info.decl, info.uses.clone());
            let scope = TypeScope {
                module: info.module,
                params: params_of(&decl.generics, 0),
                self_ty: None,
            };
            let generics: Rc<[Generic]> = self.generics(&decl.generics, &scope).into();
            self.written_aliases
                .extend(uses.into_iter().map(|used| (used, generics.clone())));
            self.aliases[index].generics = generics;
        }
        for index in 0..self.shells.len() {
            let scope = self.shells[index].scope.clone();
            let declared = &self.shells[index].decl.generics;
            self.shells[index].generics = self.generics(declared, &scope);
        }
        for index in 0..self.traits.len() {
            let scope = self.traits[index].scope.clone();
            let declared = &self.traits[index].decl.generics;
            self.program.traits[index].generics = self.generics(declared, &scope);
        }
    }

    pub(super) fn generics(
        &mut self,
        declared: &'a [ast::Generic],
        scope: &TypeScope,
    ) -> Vec<Generic> {
        declared
            .iter()
            .map(|generic| Generic {
                name: generic.name.text.clone(),
                bounds: generic
                    .bounds
                    .iter()
                    .filter_map(|bound| self.resolve_trait(bound, scope))
                    .collect(),
            })
            .collect()
    }

    pub(super) fn unique_generics(&mut self, outer: &[(Rc<str>, Ty)], generics: &[ast::Generic]) {
        for (index, generic) in generics.iter().enumerate() {
            let first = generics[..index]
                .iter()
                .find(|other| other.name.text == generic.name.text);
            if let Some(first) = first {
                self.twice(&generic.name, first.name.span);
            } else if outer.iter().any(|(name, _)| *name == generic.name.text) {
                self.report(
                    Diagnostic::error(
                        "E0303",
                        format!("`{}` is already a type parameter here", generic.name.text),
                    )
                    .at(
                        generic.name.span,
                        "the surrounding type or trait has one of that name",
                    )
                    .help("give it another name"),
                );
            }
        }
    }

    fn item(&mut self, module: usize, item: &'a Item) {
        match &item.kind {
            ItemKind::Import(_) => {
                self.attributes(&item.attributes, Place::Other, module);
            }
            ItemKind::Function(function) => {
                let Some(id) = self.own_function(module, &function.signature) else {
                    return;
                };
                let scope = Rc::new(TypeScope {
                    module,
                    params: Vec::new(),
                    self_ty: None,
                });
                self.function(
                    id,
                    &function.signature,
                    &item.attributes,
                    &scope,
                    Vec::new(),
                    Owner::File,
                );
                self.fns[id.index()].public = item.public.is_some();
                if !self.is_intrinsic(id) {
                    self.fns[id.index()].source = Source::Block(function.body.span);
                }
            }
            ItemKind::Struct(decl) => self.struct_item(module, item, decl),
            ItemKind::Enum(decl) => self.enum_item(module, item, decl),
            ItemKind::Trait(decl) => self.trait_item(module, item, decl),
            ItemKind::Impl(decl) => self.impl_item(module, item, decl),
            ItemKind::Const(_) | ItemKind::Alias(_) => {
                self.attributes(&item.attributes, Place::Other, module);
            }
            // Tests of other packages are for those who write them.
            ItemKind::Test(_) if !self.is_own(module) && !self.is_std(module) => {}
            ItemKind::Test(decl) => {
                self.attributes(&item.attributes, Place::Other, module);
                let id = self.new_function(
                    joined(&["test \"", &decl.name, "\""]),
                    module,
                    decl.name_span,
                );
                let scope = TypeScope {
                    module,
                    params: Vec::new(),
                    self_ty: None,
                };
                self.parameters(id, &decl.parameters, &scope, &Rc::from([]));
                let info = &mut self.fns[id.index()];
                info.source = Source::Block(decl.body.span);
                info.owner = Owner::Test;
                info.scope = Rc::new(scope);
                self.program.fns[id.index()].ret = Ty::unit();
                if !self.is_std(module) {
                    self.program.tests.push(hir::Test {
                        name: decl.name.clone(),
                        module: module as u32,
                        function: id,
                    });
                }
            }
        }
    }

    /// The id that was given to a function of a file; `None` if its name was declared before.
    fn own_function(&self, module: usize, signature: &Signature) -> Option<FnId> {
        match self.scopes[module].values.get(&signature.name.text) {
            Some(Entry {
                item: ValueItem::Fn(id),
                span,
                ..
            }) if *span == signature.name.span => Some(*id),
            _ => None,
        }
    }

    fn is_intrinsic(&self, id: FnId) -> bool {
        matches!(self.program.fns[id.index()].body, hir::FnBody::Intrinsic(_))
    }

    fn own_type(&self, module: usize, name: &ast::Name) -> Option<TypeItem> {
        let entry = self.scopes[module].types.get(&name.text)?;
        (entry.span == name.span).then_some(entry.item)
    }

    fn struct_item(&mut self, module: usize, item: &'a Item, decl: &'a ast::Struct) {
        let said = self.attributes(&item.attributes, Place::Struct, module);
        match self.own_type(module, &decl.name) {
            Some(TypeItem::Shell(shell)) => {
                let (scope, generics) = (
                    self.shells[shell].scope.clone(),
                    self.shells[shell].generics.clone(),
                );
                if let Some(field) = decl.fields.first() {
                    self.report(
                        Diagnostic::error("E0709", "a built-in type declares no fields")
                            .at(field.span, ""),
                    );
                }
                let head = Head::of(&self.shells[shell].ty);
                if let Some(head) = head {
                    self.methods_of(
                        module,
                        &decl.methods,
                        head,
                        &decl.name.text,
                        &scope,
                        &generics,
                    );
                }
            }
            Some(TypeItem::Adt(id)) => {
                let scope = self.adts[id.index()].scope.clone();
                self.program.adts[id.index()].ignore_unknown = said.ignore_unknown;
                if let Some(name) = said.lang {
                    self.program.lang.adts.insert(name, id);
                }
                let generics: Rc<[Generic]> = self.program.adts[id.index()].generics.clone().into();
                let mut fields: Vec<hir::Field> = Vec::new();
                let mut defaults = Vec::new();
                let mut once = Once::default();
                for field in &decl.fields {
                    if let Some(first) = once.first(&field.name) {
                        self.twice(&field.name, first);
                    }
                    let said = self.attributes(&field.attributes, Place::Field, module);
                    let ty = self.resolve(&field.ty, &scope, Spot::Plain);
                    self.written(&ty, field.ty.span, &generics);
                    defaults.push(field.default.as_ref().map(|default| {
                        let name = format!("default of {}.{}", decl.name.text, field.name.text);
                        let function = self.new_function(name.into(), module, field.name.span);
                        let info = &mut self.fns[function.index()];
                        info.source = Source::Expr(default);
                        info.owner = Owner::Default;
                        info.scope = scope.clone();
                        info.inherited = generics.len();
                        info.result = Some(field.ty.span);
                        let hir = &mut self.program.fns[function.index()];
                        hir.generics = generics.to_vec();
                        hir.ret = ty.clone();
                        function
                    }));
                    fields.push(hir::Field {
                        name: field.name.text.clone(),
                        ty,
                        json: said.json,
                        default: None,
                    });
                }
                self.adts[id.index()].defaults = defaults;
                self.unique_json(
                    fields
                        .iter()
                        .zip(&decl.fields)
                        .map(|(field, decl)| (field.json.clone(), field.name.clone(), decl.span)),
                );
                self.program.adts[id.index()].variants = vec![hir::Variant {
                    name: decl.name.text.clone(),
                    json: None,
                    named: true,
                    fields,
                }];
                self.methods_of(
                    module,
                    &decl.methods,
                    Head::Adt(id),
                    &decl.name.text,
                    &scope,
                    &generics,
                );
            }
            _ => {}
        }
    }

    /// Names in JSON must differ. Equal names in the source were reported already.
    fn unique_json(&mut self, names: impl Iterator<Item = (Option<Rc<str>>, Rc<str>, Span)>) {
        let mut seen: FxHashMap<Rc<str>, (Span, bool)> = FxHashMap::default();
        for (json, own, span) in names {
            let said = json.is_some();
            let name = json.unwrap_or(own);
            if let Some((first, said_first)) = seen.insert(name.clone(), (span, said))
                && (said || said_first)
            {
                self.report(
                    Diagnostic::error("E0303", format!("`{name}` is used twice in JSON"))
                        .at(span, "again here")
                        .also(first, "first here"),
                );
            }
        }
    }

    /// The field that names the variant stands beside the variant's parts, which need names that differ from it.
    fn tagged_by(&mut self, tag: &str, decl: &'a ast::Enum, variants: &[hir::Variant]) {
        for (variant, declared) in variants.iter().zip(&decl.variants) {
            match &declared.payload {
                Payload::None => {}
                Payload::Unnamed(parts) => {
                    let Some(first) = parts.first() else { continue };
                    let title = format!("the parts of `{}` need names in JSON", variant.name);
                    self.report(
                        Diagnostic::error("E0708", title)
                            .at(first.span, format!("they stand beside the field `{tag}`"))
                            .help("name them, or leave `@json` on the enum out"),
                    );
                }
                Payload::Named(parts) => {
                    if let Some((name, _)) = parts.iter().find(|(name, _)| *name.text == *tag) {
                        self.report(
                            Diagnostic::error("E0303", format!("`{tag}` is used twice in JSON"))
                                .at(name.span, "this is the field that names the variant"),
                        );
                    }
                }
            }
        }
    }

    fn enum_item(&mut self, module: usize, item: &'a Item, decl: &'a ast::Enum) {
        let said = self.attributes(&item.attributes, Place::Enum, module);
        let Some(TypeItem::Adt(id)) = self.own_type(module, &decl.name) else {
            return;
        };
        if let Some(name) = said.lang {
            self.program.lang.adts.insert(name, id);
        }
        let scope = self.adts[id.index()].scope.clone();
        let generics: Rc<[Generic]> = self.program.adts[id.index()].generics.clone().into();
        let mut variants: Vec<hir::Variant> = Vec::new();
        let mut once = Once::default();
        for variant in &decl.variants {
            if let Some(first) = once.first(&variant.name) {
                self.twice(&variant.name, first);
            }
            let said = self.attributes(&variant.attributes, Place::Variant, module);
            let mut fields = Vec::new();
            let mut named = false;
            match &variant.payload {
                Payload::None => {}
                Payload::Unnamed(parts) => {
                    for (position, part) in parts.iter().enumerate() {
                        let ty = self.resolve(part, &scope, Spot::Plain);
                        self.written(&ty, part.span, &generics);
                        fields.push(hir::Field {
                            name: rc(&position.to_string()),
                            ty,
                            json: None,
                            default: None,
                        });
                    }
                }
                Payload::Named(parts) => {
                    named = true;
                    let mut once = Once::default();
                    for (name, part) in parts {
                        if let Some(first) = once.first(name).filter(|_| !name.text.is_empty()) {
                            self.twice(name, first);
                        }
                        let ty = self.resolve(part, &scope, Spot::Plain);
                        self.written(&ty, part.span, &generics);
                        fields.push(hir::Field {
                            name: name.text.clone(),
                            ty,
                            json: None,
                            default: None,
                        });
                    }
                }
            }
            variants.push(hir::Variant {
                name: variant.name.text.clone(),
                json: said.json,
                named,
                fields,
            });
        }
        self.unique_json(
            variants
                .iter()
                .zip(&decl.variants)
                .map(|(variant, decl)| (variant.json.clone(), variant.name.clone(), decl.span)),
        );
        if let Some(tag) = &said.json {
            self.tagged_by(tag, decl, &variants);
        }
        self.program.adts[id.index()].json_tag = said.json;
        self.program.adts[id.index()].variants = variants;
        self.methods_of(
            module,
            &decl.methods,
            Head::Adt(id),
            &decl.name.text,
            &scope,
            &generics,
        );
    }

    fn methods_of(
        &mut self,
        module: usize,
        methods: &'a [Method],
        head: Head,
        type_name: &str,
        scope: &Rc<TypeScope>,
        generics: &[Generic],
    ) {
        for method in methods {
            let signature = &method.function.signature;
            let id = self.new_function(
                joined(&[type_name, ".", &signature.name.text]),
                module,
                signature.name.span,
            );
            self.function(
                id,
                signature,
                &method.attributes,
                scope,
                generics.to_vec(),
                Owner::Type(head.clone()),
            );
            self.fns[id.index()].public = method.public.is_some();
            if !self.is_intrinsic(id) {
                self.fns[id.index()].source = Source::Block(method.function.body.span);
            }
            let known = self
                .methods
                .entry(head.clone())
                .or_default()
                .entry(signature.name.text.clone())
                .or_default();
            let first = known.first().copied();
            known.push(id);
            if let Some(first) = first
                && !self.is_std(module)
            {
                let span = self.program.fns[first.index()].span;
                self.twice(&signature.name, span);
            }
            let field = match &head {
                Head::Adt(id) => match self.adts[id.index()].decl {
                    AdtDecl::Struct(decl) => decl
                        .fields
                        .iter()
                        .find(|field| field.name.text == signature.name.text),
                    AdtDecl::Enum(_) => None,
                },
                _ => None,
            };
            if let Some(field) = field {
                self.twice(&signature.name, field.name.span);
            }
        }
    }

    fn trait_item(&mut self, module: usize, item: &'a Item, decl: &'a ast::Trait) {
        let said = self.attributes(&item.attributes, Place::Other, module);
        let Some(TypeItem::Trait(id)) = self.own_type(module, &decl.name) else {
            return;
        };
        if let Some(name) = said.lang {
            self.program.lang.traits.insert(name, id);
        }
        let scope = self.traits[id.index()].scope.clone();
        let own = self.program.traits[id.index()].generics.clone();
        let args = (0..own.len() as u32)
            .map(|index| Ty::Param(index + 1))
            .collect();
        let mut generics = vec![Generic {
            name: rc("Self"),
            bounds: vec![TraitRef { id, args }],
        }];
        generics.extend(own);
        for function in &decl.functions {
            let signature = &function.signature;
            let name = joined(&[&decl.name.text, ".", &signature.name.text]);
            let fn_id = self.new_function(name, module, signature.name.span);
            self.function(
                fn_id,
                signature,
                &function.attributes,
                &scope,
                generics.clone(),
                Owner::Trait(id),
            );
            let info = &mut self.fns[fn_id.index()];
            info.public = true;
            if let Some(body) = &function.default
                && !matches!(
                    self.program.fns[fn_id.index()].body,
                    hir::FnBody::Intrinsic(_)
                )
            {
                info.source = Source::Block(body.span);
            }
            let position = self.program.traits[id.index()].methods.len() as u32;
            let known = self.traits[id.index()]
                .methods
                .insert(signature.name.text.clone(), position);
            if let Some(first) = known {
                let first = self.program.traits[id.index()].methods[first as usize].function;
                let span = self.program.fns[first.index()].span;
                self.twice(&signature.name, span);
            }
            self.program.traits[id.index()]
                .methods
                .push(hir::TraitMethod {
                    name: signature.name.text.clone(),
                    function: fn_id,
                });
        }
    }

    fn impl_item(&mut self, module: usize, item: &'a Item, decl: &'a ast::Impl) {
        self.attributes(&item.attributes, Place::Other, module);
        self.unique_generics(&[], &decl.generics);
        if let Some(public) = item.public {
            self.report(
                Diagnostic::error("E0709", "an `impl` is as visible as its trait and its type")
                    .at(public, "`pub` says nothing here")
                    .edit(
                        Span {
                            end: public.end + 1,
                            ..public
                        },
                        "",
                    ),
            );
        }
        let mut scope = TypeScope {
            module,
            params: params_of(&decl.generics, 0),
            self_ty: None,
        };
        let generics = self.generics(&decl.generics, &scope);
        let ty = self.resolve(&decl.target, &scope, Spot::Parameter);
        scope.self_ty = Some(ty.clone());
        let of = self.resolve_trait(&decl.of, &scope);
        let good = of.is_some() && ty != Ty::Error;
        let of = of.unwrap_or(TraitRef {
            id: TraitId(0),
            args: Vec::new(),
        });
        let index = self.impls.len();
        let shown_trait = decl.of.name.text.clone();
        let shown_type = self.show(&ty, &generics);
        let shared: Rc<[Generic]> = generics.clone().into();
        self.written(&ty, decl.target.span, &shared);
        let scope = Rc::new(scope);
        let mut functions = Vec::new();
        for method in &decl.functions {
            let signature = &method.function.signature;
            let name = joined(&[
                &shown_trait,
                " for ",
                &shown_type,
                ".",
                &signature.name.text,
            ]);
            let id = self.new_function(name, module, signature.name.span);
            self.function(
                id,
                signature,
                &method.attributes,
                &scope,
                generics.clone(),
                Owner::Impl(index),
            );
            let info = &mut self.fns[id.index()];
            info.public = true;
            if !matches!(self.program.fns[id.index()].body, hir::FnBody::Intrinsic(_)) {
                info.source = Source::Block(method.function.body.span);
            }
            functions.push(id);
        }
        self.impls.push(ImplInfo {
            decl,
            module,
            functions,
            good,
        });
        self.program.impls.push(hir::Impl {
            generics,
            of,
            ty,
            methods: Vec::new(),
        });
    }

    /// Which traits a method name may belong to, by module.
    fn gather_trait_methods(&mut self) {
        for module in 0..self.scopes.len() {
            let items = self.scopes[module].types.values().map(|entry| entry.item);
            let items = items.chain(self.given(module).types.values().map(|entry| entry.item));
            let traits: BTreeSet<TraitId> = items
                .filter_map(|item| match item {
                    TypeItem::Trait(id) => Some(id),
                    _ => None,
                })
                .collect();
            let mut by_name: BTreeMap<Rc<str>, Vec<TraitId>> = BTreeMap::new();
            for id in traits {
                for function in &self.traits[id.index()].decl.functions {
                    let name = function.signature.name.text.clone();
                    by_name.entry(name).or_default().push(id);
                }
            }
            for list in by_name.values_mut() {
                list.sort();
                list.dedup();
            }
            self.scopes[module].trait_methods = by_name;
        }
    }
}
