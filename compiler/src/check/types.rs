//! Types as written become types.

use super::*;
use crate::ast::{NamedType, Type, TypeKind};

/// How many aliases may stand for one another in a row.
const MAX_ALIAS_CHAIN: usize = 100;

/// What may be named at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spot {
    /// Everything but capabilities.
    Plain,
    /// The type of a parameter: capabilities too.
    Parameter,
}

impl<'a> Checker<'a> {
    /// Resolves a type. Whether bounds hold is not looked at here.
    pub(super) fn resolve(&mut self, ty: &Type, scope: &TypeScope, spot: Spot) -> Ty {
        match &ty.kind {
            TypeKind::Named(named) => {
                let resolved = self.resolve_named(named, scope);
                if let Ty::Host(_) = resolved
                    && spot == Spot::Plain
                {
                    self.report(
                        Diagnostic::error(
                            "E0707",
                            format!("`{}` can only be the type of a parameter", named.name.text),
                        )
                        .at(
                            named.span,
                            "a capability is not stored, returned or put into another type",
                        )
                        .help("pass it on as a parameter to the functions that need it"),
                    );
                    return Ty::Error;
                }
                resolved
            }
            TypeKind::Option(inner) => {
                let inner = self.resolve(inner, scope, Spot::Plain);
                self.option_of(inner)
            }
            TypeKind::SelfType => match &scope.self_ty {
                Some(ty) => ty.clone(),
                None => {
                    self.report(
                        Diagnostic::error("E0304", "`Self` stands only in types, traits and impls")
                            .at(ty.span, "no type surrounds this"),
                    );
                    Ty::Error
                }
            },
            TypeKind::Unit => Ty::unit(),
            TypeKind::Paren(inner) => self.resolve(inner, scope, spot),
            TypeKind::Tuple(parts) => {
                let parts: Vec<Ty> = parts
                    .iter()
                    .map(|part| self.resolve(part, scope, Spot::Plain))
                    .collect();
                Ty::Tuple(parts.into())
            }
            TypeKind::Function { parameters, result } => {
                let params = parameters
                    .iter()
                    .map(|parameter| hir::FnTyParam {
                        mutable: parameter.mutable.is_some(),
                        ty: self.resolve(&parameter.ty, scope, Spot::Parameter),
                    })
                    .collect();
                let ret = result
                    .as_ref()
                    .map_or_else(Ty::unit, |result| self.resolve(result, scope, Spot::Plain));
                Ty::Fn(Rc::new(hir::FnTy { params, ret }))
            }
            TypeKind::Error => Ty::Error,
        }
    }

    fn resolve_named(&mut self, named: &NamedType, scope: &TypeScope) -> Ty {
        let args: Vec<Ty> = named
            .arguments
            .iter()
            .map(|arg| self.resolve(arg, scope, Spot::Plain))
            .collect();
        self.apply_named(named, args, scope)
    }

    /// A named type with its arguments, which are resolved already.
    fn apply_named(&mut self, named: &NamedType, args: Vec<Ty>, scope: &TypeScope) -> Ty {
        if named.module.is_none()
            && let Some((_, ty)) = scope
                .params
                .iter()
                .rev()
                .find(|(name, _)| *name == named.name.text)
        {
            let ty = ty.clone();
            self.arity(named, 0, args.len());
            return ty;
        }
        let Some(item) = self.lookup_named(named, scope) else {
            return Ty::Error;
        };
        match item {
            TypeItem::Shell(shell) => {
                let info = &self.shells[shell];
                let (ty, count) = (info.ty.clone(), info.decl.generics.len());
                if !self.arity(named, count, args.len()) {
                    return Ty::Error;
                }
                ty.substitute(&args)
            }
            TypeItem::Adt(id) => {
                let count = self.adt_generics(id).len();
                if !self.arity(named, count, args.len()) {
                    return Ty::Error;
                }
                if Some(id) == self.known.option && !self.is_std(scope.module) {
                    let inner = named.arguments.first().map_or(named.span, |arg| arg.span);
                    let text = self.files.text(inner).to_string();
                    self.report(
                        Diagnostic::error("E0305", "an option is written `T?`")
                            .at(named.span, "")
                            .edit(named.span, format!("{text}?")),
                    );
                }
                Ty::Adt(id, args.into())
            }
            TypeItem::Alias(alias) => {
                let count = self.aliases[alias].decl.generics.len();
                if !self.arity(named, count, args.len()) {
                    return Ty::Error;
                }
                let ty = self.alias(alias, named.span).substitute(&args);
                let declared = &self.aliases[alias].decl.generics;
                if declared.iter().any(|generic| !generic.bounds.is_empty()) {
                    let span = named.span;
                    self.alias_uses.push(AliasUse { alias, args, span });
                }
                if infer::Table::default().too_large(&ty) {
                    self.report(
                        Diagnostic::error("E0415", "this type is too large")
                            .at(named.span, "written out, it has thousands of parts"),
                    );
                    return Ty::Error;
                }
                ty
            }
            TypeItem::Trait(id) => {
                let name = self.program.traits[id.index()].name.clone();
                self.report(
                    Diagnostic::error("E0306", format!("`{name}` is a trait, not a type"))
                        .at(named.span, "traits are bounds only")
                        .note("there are no trait objects: a closed set of shapes is an enum, an open one a function")
                        .help(format!("take a type parameter: `fn name[T: {name}](value: T)`")),
                );
                Ty::Error
            }
            TypeItem::Never => {
                self.arity(named, 0, args.len());
                Ty::Never
            }
            TypeItem::Broken => Ty::Error,
        }
    }

    fn lookup_named(&mut self, named: &NamedType, scope: &TypeScope) -> Option<TypeItem> {
        let found = self.look_up(named, scope)?;
        if let Some(declared) = self.declared_at(found) {
            self.warn_deprecated(declared, named.name.span, scope.module);
        }
        Some(found)
    }

    fn look_up(&mut self, named: &NamedType, scope: &TypeScope) -> Option<TypeItem> {
        match &named.module {
            Some(qualifier) => match self.find_value(scope.module, &qualifier.text) {
                Some(ValueItem::Module(Some(target))) => self.module_type(target, &named.name),
                Some(ValueItem::Module(None) | ValueItem::Broken) => None,
                _ => {
                    self.unknown_module(scope.module, qualifier);
                    None
                }
            },
            None => {
                let own = self.working_alias();
                let found = self.named_item(
                    scope.module,
                    named,
                    own.filter(|own| {
                        self.given(scope.module)
                            .types
                            .contains_key(&self.aliases[*own].decl.name.text)
                    }),
                );
                if found.is_none() {
                    self.unknown_type(scope.module, &named.name, &scope.params);
                }
                found
            }
        }
    }

    /// Says that nothing of that name is a module.
    pub(super) fn unknown_module(&mut self, module: usize, name: &ast::Name) {
        if !self.complete(module) {
            return;
        }
        let modules = self.scopes[module]
            .values
            .iter()
            .filter(|(_, entry)| matches!(entry.item, ValueItem::Module(_)))
            .map(|(name, _)| &**name);
        let near = suggest::nearest(&name.text, modules).map(str::to_string);
        let mut message =
            Diagnostic::error("E0307", format!("no module is called `{}`", name.text))
                .at(name.span, "not imported here");
        message = match near {
            Some(near) => message
                .help(format!("there is {}", names::a(&near)))
                .edit(name.span, near),
            None => message.help(format!("import it: `import {} from \"…\"`", name.text)),
        };
        self.report(message);
    }

    fn working_alias(&self) -> Option<usize> {
        self.alias_stack.last().copied()
    }

    fn arity(&mut self, named: &NamedType, wanted: usize, given: usize) -> bool {
        if wanted == given {
            return true;
        }
        let name = &named.name.text;
        let label = match given {
            0 => "none given".to_string(),
            1 => "one given".to_string(),
            _ => format!("{given} given"),
        };
        let title = match wanted {
            0 => format!("`{name}` takes no type arguments"),
            1 => format!("`{name}` takes one type argument"),
            _ => format!("`{name}` takes {wanted} type arguments"),
        };
        let mut message = Diagnostic::error("E0308", title).at(named.span, label);
        if given == 0 && wanted > 0 {
            let example = match &**name {
                "List" | "Set" => format!("{name}[Int]"),
                "Map" => "Map[String, Int]".to_string(),
                _ => format!("{name}[{}]", vec!["…"; wanted].join(", ")),
            };
            message = message.help(format!("write for instance `{example}`"));
        }
        self.report(message);
        false
    }

    /// What an alias stands for, over its own parameters.
    pub(super) fn alias(&mut self, alias: usize, span: Span) -> Ty {
        match &self.aliases[alias].state {
            AliasState::Done(ty) => return ty.clone(),
            AliasState::Working => {
                self.alias_cycle(alias, span);
                return Ty::Error;
            }
            AliasState::New => {}
        }
        if self.alias_stack.len() >= MAX_ALIAS_CHAIN {
            self.report(
                Diagnostic::error(
                    "E0329",
                    format!("more than {MAX_ALIAS_CHAIN} aliases in a row"),
                )
                .at(span, ""),
            );
            return Ty::Error;
        }
        let info = &self.aliases[alias];
        let (decl, module) = (info.decl, info.module);
        let params = params_of(&decl.generics, 0);
        self.aliases[alias].state = AliasState::Working;
        self.alias_stack.push(alias);
        let scope = TypeScope {
            module,
            params,
            self_ty: None,
        };
        let outer = std::mem::take(&mut self.alias_uses);
        let ty = self.resolve(&decl.ty, &scope, Spot::Plain);
        self.aliases[alias].uses = std::mem::replace(&mut self.alias_uses, outer);
        self.alias_stack.pop();
        self.aliases[alias].state = AliasState::Done(ty.clone());
        ty
    }

    fn alias_cycle(&mut self, alias: usize, span: Span) {
        let from = self
            .alias_stack
            .iter()
            .position(|other| *other == alias)
            .unwrap_or(0);
        let chain: Vec<usize> = self.alias_stack[from..].to_vec();
        let mut names: Vec<String> = chain
            .iter()
            .map(|alias| format!("`{}`", self.aliases[*alias].decl.name.text))
            .collect();
        names.push(names[0].clone());
        let name = &self.aliases[alias].decl.name;
        let mut message = Diagnostic::error(
            "E0309",
            format!("the alias `{}` stands for itself", name.text),
        )
        .at(name.span, names.join(" → "));
        for other in chain.iter().skip(1) {
            message = message.also(self.aliases[*other].decl.name.span, "by way of this");
        }
        if chain.len() == 1 {
            message = message.also(span, "here");
        }
        self.report(
            message.help("make one of them a struct or an enum: those may mention themselves"),
        );
    }

    /// The parameters of a struct or enum as declared.
    pub(super) fn adt_generics(&self, id: AdtId) -> &'a [ast::Generic] {
        match self.adts[id.index()].decl {
            AdtDecl::Struct(decl) => &decl.generics,
            AdtDecl::Enum(decl) => &decl.generics,
        }
    }

    /// A trait with its arguments, as written in a bound or an impl.
    pub(super) fn resolve_trait(
        &mut self,
        named: &NamedType,
        scope: &TypeScope,
    ) -> Option<hir::TraitRef> {
        let args: Vec<Ty> = named
            .arguments
            .iter()
            .map(|arg| self.resolve(arg, scope, Spot::Plain))
            .collect();
        if named.module.is_none()
            && scope
                .params
                .iter()
                .any(|(name, _)| *name == named.name.text)
        {
            self.no_trait(named);
            return None;
        }
        match self.lookup_named(named, scope)? {
            TypeItem::Trait(id) => {
                let wanted = self.traits[id.index()].decl.generics.len();
                self.arity(named, wanted, args.len())
                    .then_some(hir::TraitRef { id, args })
            }
            TypeItem::Broken => None,
            _ => {
                self.no_trait(named);
                None
            }
        }
    }

    fn no_trait(&mut self, named: &NamedType) {
        self.report(
            Diagnostic::error(
                "E0310",
                format!("`{}` is a type, not a trait", named.name.text),
            )
            .at(named.span, "a trait must stand here"),
        );
    }

    /// Looks at the bounds of a type that was written, once everything is known.
    pub(super) fn written(&mut self, ty: &Ty, span: Span, generics: &Rc<[hir::Generic]>) {
        let uses = std::mem::take(&mut self.alias_uses);
        self.written_aliases
            .extend(uses.into_iter().map(|used| (used, generics.clone())));
        let bounded = infer::any_part(ty, &mut |part| {
            matches!(part, Ty::Map(..) | Ty::Set(_))
                || matches!(part, Ty::Adt(_, args) if !args.is_empty())
        });
        if bounded {
            self.written.push((ty.clone(), span, generics.clone()));
        }
    }
}

/// Type parameters as types, counted from `first`.
pub(super) fn params_of(generics: &[ast::Generic], first: usize) -> Vec<(Rc<str>, Ty)> {
    generics
        .iter()
        .enumerate()
        .map(|(index, generic)| (generic.name.text.clone(), Ty::Param((first + index) as u32)))
        .collect()
}
