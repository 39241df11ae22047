//! Calls of functions, methods and function values.

use super::body::{BodyCx, Called, Want};
use super::path::{Associated, Base};
use super::*;
use crate::ast::{Argument, Expr, ExprKind as Ast, Name};
use crate::hir::{ExprKind, FnRef, TraitFnRef};

/// What is called: its name and what it takes, the receiver left out.
pub(super) struct Target {
    pub what: Called,
    pub params: Vec<TargetParam>,
}

pub(super) struct TargetParam {
    pub name: Rc<str>,
    pub mutable: bool,
    pub ty: Ty,
    pub declared: Option<Span>,
}

impl BodyCx<'_, '_> {
    pub(super) fn call(
        &mut self,
        expr: &Expr,
        callee: &Expr,
        arguments: &[Argument],
        arguments_span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let span = expr.span;
        match &callee.kind {
            Ast::Upper(name) => match self.constructor(name, hint, true) {
                Some(found) => self.build(found, arguments, arguments_span, span, hint),
                None => self.broken_call(arguments, span),
            },
            Ast::SelfType => match self.scope.self_ty.clone() {
                Some(Ty::Adt(id, args)) if self.cx.program.adts[id.index()].is_struct => {
                    let through = Some(Ty::Adt(id, args));
                    let found = path::Constructor {
                        adt: id,
                        variant: 0,
                        through,
                        span: callee.span,
                    };
                    self.build(found, arguments, arguments_span, span, hint)
                }
                _ => {
                    self.report(
                        Diagnostic::error(
                            "E0325",
                            "`Self(…)` builds a struct, and there is none here",
                        )
                        .at(callee.span, ""),
                    );
                    self.broken_call(arguments, span)
                }
            },
            Ast::Name(name) if self.find_local(&name.text).is_none() => {
                match self.cx.find_value(self.module, &name.text) {
                    Some(ValueItem::Fn(id)) => {
                        self.named.push((name.text.clone(), name.span));
                        self.see(id, name);
                        self.call_function(id, &[], arguments, arguments_span, span, hint)
                    }
                    None => {
                        self.unknown_name(name);
                        self.broken_call(arguments, span)
                    }
                    _ => self.call_value(callee, arguments, arguments_span, span, hint),
                }
            }
            Ast::Field { base, name } if name.is_upper() => {
                match self.path_constructor(base, name, hint, callee.span) {
                    Some(found) => self.build(found, arguments, arguments_span, span, hint),
                    None => self.broken_call(arguments, span),
                }
            }
            Ast::Field { base, name } => {
                self.call_member(base, name, arguments, arguments_span, span, hint)
            }
            _ => self.call_value(callee, arguments, arguments_span, span, hint),
        }
    }

    /// Looks at the arguments of something that is not known.
    fn broken_call(&mut self, arguments: &[Argument], span: Span) -> hir::Expr {
        self.look_at(arguments);
        finish::nothing(Ty::Error, span)
    }

    /// `base.name(…)`: a function of a module, type or trait, or a method.
    fn call_member(
        &mut self,
        base: &Expr,
        name: &Name,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        match self.path_base(base) {
            Base::Module(Some(target)) => match self.cx.module_value(target, name) {
                Some(ValueItem::Fn(id)) => {
                    self.see(id, name);
                    self.call_function(id, &[], arguments, arguments_span, span, hint)
                }
                Some(item) => {
                    let callee = self.value_item(item, name, None);
                    self.call_checked(callee, arguments, arguments_span, span, hint)
                }
                None => self.broken_call(arguments, span),
            },
            Base::Module(None) | Base::Broken => self.broken_call(arguments, span),
            Base::Type(ty) => match self.associated(&ty, name, false, base.span) {
                Ok(Some(Associated::Own(id, prefix))) => {
                    self.see(id, name);
                    self.call_function(id, &prefix, arguments, arguments_span, span, hint)
                }
                Ok(Some(Associated::Trait(of, method))) => self.call_trait(
                    of,
                    method,
                    Some(ty),
                    None,
                    name,
                    arguments,
                    arguments_span,
                    span,
                    hint,
                ),
                Ok(None) => {
                    self.no_function(&ty, name);
                    self.broken_call(arguments, span)
                }
                Err(()) => self.broken_call(arguments, span),
            },
            Base::Trait(of) => match self.cx.traits[of.index()].methods.get(&name.text).copied() {
                Some(method) => self.call_trait(
                    of,
                    method,
                    None,
                    None,
                    name,
                    arguments,
                    arguments_span,
                    span,
                    hint,
                ),
                None => {
                    self.not_in_trait(of, name);
                    self.broken_call(arguments, span)
                }
            },
            Base::Value => {
                let receiver = self.expr(base, Want::Any);
                self.call_method(receiver, name, arguments, arguments_span, span, hint)
            }
        }
    }

    fn call_method(
        &mut self,
        receiver: hir::Expr,
        name: &Name,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let ty = self.shape(&receiver.ty);
        match &ty {
            Ty::Error | Ty::Never => return self.broken_call(arguments, span),
            Ty::Infer(_) => {
                self.unknown_shape(receiver.span, &format!("find `{}`", name.text));
                self.table.unify(&ty, &Ty::Error);
                return self.broken_call(arguments, span);
            }
            _ => {}
        }
        match self.associated(&ty, name, false, receiver.span) {
            Ok(Some(Associated::Own(id, prefix))) => {
                if self.cx.fns[id.index()].receiver == Receiver::None {
                    let shown = self.shown(&ty);
                    let type_name = shown.split('[').next().unwrap_or(&shown).to_string();
                    self.report(
                        Diagnostic::error("E0328", format!("`{}` takes no `self`", name.text))
                            .at(name.span, "called on the type, not on a value")
                            .help(format!("write `{type_name}.{}(…)`", name.text)),
                    );
                    return self.broken_call(arguments, span);
                }
                self.see(id, name);
                self.call_own_method(id, &prefix, receiver, arguments, arguments_span, span, hint)
            }
            Ok(Some(Associated::Trait(of, method))) => self.call_trait(
                of,
                method,
                Some(ty),
                Some(receiver),
                name,
                arguments,
                arguments_span,
                span,
                hint,
            ),
            Ok(None) => {
                self.no_method(&ty, &receiver, name);
                self.broken_call(arguments, span)
            }
            Err(()) => self.broken_call(arguments, span),
        }
    }

    fn no_method(&mut self, ty: &Ty, receiver: &hir::Expr, name: &Name) {
        if self.cx.may_be_lost(ty) {
            return;
        }
        let shown = self.shown(ty);
        let mut message =
            Diagnostic::error("E0327", format!("`{shown}` has no method `{}`", name.text))
                .at(name.span, "not found");
        let known = self.method_names(ty);
        let known_here = |name: &str| known.iter().any(|known| known == name);
        let other = match (&*name.text, ty) {
            ("length" | "size" | "count", _) if known.iter().any(|n| n == "len") => Some("len"),
            ("append" | "add" | "push_back", Ty::List(_)) => Some("push"),
            ("to_string" | "toString" | "str" | "string", _) => Some("show"),
            ("unwrap", _) => Some("expect"),
            ("iter" | "into_iter", Ty::List(_) | Ty::Map(..) | Ty::Set(_)) => None,
            ("insert" | "put" | "set", Ty::Map(..)) => None,
            ("has" | "contains_key" | "has_key", Ty::Map(..) | Ty::Set(_)) => Some("contains"),
            ("uppercase" | "upper" | "toUpperCase" | "to_uppercase", Ty::String) => {
                Some("to_upper")
            }
            ("lowercase" | "lower" | "toLowerCase" | "to_lowercase", Ty::String) => {
                Some("to_lower")
            }
            (word, _) if elsewhere::method(word).is_some_and(|known| known.is_err()) => None,
            (word, _)
                if elsewhere::method(word)
                    .is_some_and(|known| matches!(known, Ok(name) if known_here(name))) =>
            {
                elsewhere::method(word).and_then(Result::ok)
            }
            _ => suggest::nearest(&name.text, known.iter().map(String::as_str)),
        };
        let unseen = self.trait_out_of_sight(ty, &name.text);
        let builder = format!("with_{}", name.text);
        let field = self.field_type(ty, &name.text);
        if let Some(field) = &field
            && !matches!(field, Ty::Fn(_))
        {
            message.title = format!("`{}` is a field, not a method", name.text);
            message = if known.contains(&builder) {
                message
                    .help(format!("there is {}", names::a(&builder)))
                    .edit(name.span, builder)
            } else {
                message.help(format!("read it without parentheses: `.{}`", name.text))
            };
        } else if field.is_some() {
            let text = self.cx.files.text(receiver.span).to_string();
            let whole = Span {
                start: receiver.span.start,
                end: name.span.end,
                ..name.span
            };
            message = message
                .help("a field that holds a function is called in parentheses")
                .edit(whole, format!("({text}.{})", name.text));
        } else if other == Some("expect") {
            message = message
                .help("there is an `expect`, which says why there has to be a value")
                .edit(self.with_parentheses(name.span), "expect(\"a value\")");
        } else if let Some(other) = other {
            message = message
                .help(format!("there is {}", names::a(other)))
                .edit(name.span, other);
        } else if let Some((of, path)) = unseen {
            message = message.help(format!(
                "the trait `{of}` has one: `import {{ {of} }} from \"{path}\"`"
            ));
        } else if let (true, Some(Err(help))) = (
            self.cx.as_option(ty).is_some() || self.cx.as_result(ty).is_some(),
            elsewhere::method(&name.text),
        ) {
            message = message.help(help);
        } else if self.cx.as_option(ty).is_some() {
            message = message.help(
                "this may be `None`: take the value out first, with `?`, `??` or `is Some(x)`",
            );
        } else if self.cx.as_result(ty).is_some() {
            message =
                message.help("this may be an error: take the value out first, with `?` or `match`");
        } else if let ("insert" | "put" | "set", Ty::Map(..)) = (&*name.text, ty) {
            message = message.help("write `map[key] = value`");
        } else if let Some(Err(help)) = elsewhere::method(&name.text) {
            message = message.help(help);
        } else if let Ty::Param(_) = ty {
            message = message.help(format!(
                "a type parameter has the methods of its bounds: `{shown}: Trait`"
            ));
        } else if let Some(list) = self.own_functions(ty, true) {
            message = message.note(list);
        }
        self.report(message);
    }

    /// A name with the empty parentheses behind it, if there are such.
    fn with_parentheses(&self, name: Span) -> Span {
        let behind = &self.cx.files.file(name.file).text[name.end as usize..];
        Span {
            end: name.end + if behind.starts_with("()") { 2 } else { 0 },
            ..name
        }
    }

    /// The type of a struct's field of that name.
    fn field_type(&self, ty: &Ty, name: &str) -> Option<Ty> {
        let Ty::Adt(id, args) = ty else { return None };
        let adt = &self.cx.program.adts[id.index()];
        let fields = adt.is_struct.then(|| adt.variants.first())??;
        let field = fields.fields.iter().find(|field| *field.name == *name)?;
        Some(field.ty.substitute(args))
    }

    /// A trait with such a method that holds for the type but is not imported.
    fn trait_out_of_sight(&self, ty: &Ty, name: &str) -> Option<(Rc<str>, String)> {
        let head = Head::of(ty)?;
        (0..self.cx.traits.len()).find_map(|index| {
            let id = TraitId(index as u32);
            let has = self.cx.traits[index].methods.contains_key(name)
                && self.cx.impls_of.contains_key(&(id, head.clone()));
            let module = self.cx.program.traits[index].module as usize;
            let unseen = has && module != self.module;
            let import = unseen.then(|| self.cx.import_string(self.module, module))??;
            Some((self.cx.program.traits[index].name.clone(), import))
        })
    }

    fn target(&self, id: FnId, args: &[Ty], skip: usize) -> Target {
        let function = &self.cx.program.fns[id.index()];
        let info = &self.cx.fns[id.index()];
        let params = function
            .params
            .iter()
            .enumerate()
            .skip(skip)
            .map(|(index, param)| TargetParam {
                name: param.name.clone(),
                mutable: param.mutable,
                ty: param.ty.substitute(args),
                declared: info.parameters.get(index).map(|parameter| parameter.ty),
            })
            .collect();
        Target {
            what: Called::Function(id),
            params,
        }
    }

    /// Makes the result of a call what is expected, as far as that is possible.
    fn expect_result(&mut self, ret: &Ty, hint: Option<&Ty>) {
        if let Some(hint) = hint
            && *ret != Ty::Never
            && !matches!(self.shallow(hint), Ty::Infer(_))
        {
            self.table.try_unify(ret, hint);
        }
    }

    pub(super) fn call_function(
        &mut self,
        id: FnId,
        prefix: &[Ty],
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let args = self.instantiate(id, prefix, span);
        let ret = self.cx.program.fns[id.index()].ret.substitute(&args);
        self.expect_result(&ret, hint);
        let target = self.target(id, &args, 0);
        let values = self.arguments(&target, None, arguments, arguments_span, |cx| {
            cx.demand_bounds(id, &args, 0, span)
        });
        hir::Expr {
            kind: ExprKind::Call(FnRef { id, args }, values),
            ty: ret,
            span,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a call has that many parts")]
    fn call_own_method(
        &mut self,
        id: FnId,
        prefix: &[Ty],
        receiver: hir::Expr,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let args = self.instantiate(id, prefix, span);
        let ret = self.cx.program.fns[id.index()].ret.substitute(&args);
        self.expect_result(&ret, hint);
        let receiver = self.receiver(receiver, self.cx.fns[id.index()].receiver, id);
        let target = self.target(id, &args, 1);
        let receiver = Some(receiver);
        let values = self.arguments(&target, receiver, arguments, arguments_span, |cx| {
            cx.demand_bounds(id, &args, 0, span)
        });
        hir::Expr {
            kind: ExprKind::Call(FnRef { id, args }, values),
            ty: ret,
            span,
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a call has that many parts")]
    fn call_trait(
        &mut self,
        of: TraitId,
        method: u32,
        self_ty: Option<Ty>,
        receiver: Option<hir::Expr>,
        name: &Name,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let function = self.cx.program.traits[of.index()].methods[method as usize].function;
        let prefix: Vec<Ty> = self_ty.into_iter().collect();
        let args = self.instantiate(function, &prefix, span);
        let ret = self.cx.program.fns[function.index()].ret.substitute(&args);
        self.expect_result(&ret, hint);
        let known = !prefix.is_empty();
        if known {
            self.demand_self(of, &args, name.span, function);
        }
        let how = self.cx.fns[function.index()].receiver;
        let skip = usize::from(receiver.is_some());
        let receiver = receiver.map(|receiver| self.receiver(receiver, how, function));
        let target = self.target(function, &args, skip);
        let own = 1 + self.cx.program.traits[of.index()].generics.len();
        let values = self.arguments(&target, receiver, arguments, arguments_span, |cx| {
            if !known {
                cx.demand_self(of, &args, name.span, function);
            }
            cx.demand_bounds(function, &args, own, span);
        });
        hir::Expr {
            kind: ExprKind::CallTrait(TraitFnRef { of, method, args }, values),
            ty: ret,
            span,
        }
    }

    fn call_value(
        &mut self,
        callee: &Expr,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let callee = self.expr(callee, Want::Any);
        self.call_checked(callee, arguments, arguments_span, span, hint)
    }

    fn call_checked(
        &mut self,
        callee: hir::Expr,
        arguments: &[Argument],
        arguments_span: Span,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let ty = self.shape(&callee.ty);
        match &ty {
            Ty::Fn(f) => {
                self.expect_result(&f.ret, hint);
                let what = match self.cx.files.text(callee.span) {
                    long if long.len() > 40 => "this function",
                    text => text,
                };
                let what = Called::Text(rc(what));
                let params = f
                    .params
                    .iter()
                    .map(|param| TargetParam {
                        name: rc(""),
                        mutable: param.mutable,
                        ty: param.ty.clone(),
                        declared: None,
                    })
                    .collect();
                let target = Target { what, params };
                let values = self.arguments(&target, None, arguments, arguments_span, |_| {});
                hir::Expr {
                    kind: ExprKind::CallValue(Box::new(callee), values),
                    ty: f.ret.clone(),
                    span,
                }
            }
            Ty::Error | Ty::Never => self.broken_call(arguments, span),
            Ty::Infer(_) => {
                self.unknown_shape(callee.span, "call it");
                self.broken_call(arguments, span)
            }
            _ => {
                let shown = self.shown(&ty);
                self.report(
                    Diagnostic::error("E0419", format!("`{shown}` is not a function")).at(
                        callee.span,
                        format!("{} cannot be called", names::a(&shown)),
                    ),
                );
                self.broken_call(arguments, span)
            }
        }
    }
}

pub(super) fn is_lambda(expr: &Expr) -> bool {
    match &expr.kind {
        Ast::Paren(inner) => is_lambda(inner),
        Ast::Lambda { .. } => true,
        _ => false,
    }
}
