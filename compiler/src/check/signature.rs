//! Signatures of functions.

use super::attributes::{Condition, Place, conditions};
use super::declare::Once;
use super::types::{Spot, params_of};
use super::*;
use crate::ast::Signature;
use crate::hir::{Generic, Param, TraitRef};

impl<'a> Checker<'a> {
    /// Fills in the signature of a function. `outer` are the parameters of what surrounds it.
    pub(super) fn function(
        &mut self,
        id: FnId,
        signature: &'a Signature,
        attributes: &'a [ast::Attribute],
        outer: &Rc<TypeScope>,
        inherited: Vec<Generic>,
        owner: Owner,
    ) {
        let module = outer.module;
        let said = self.attributes(attributes, Place::Function, module);
        self.unique_generics(&outer.params, &signature.generics);
        let first = inherited.len();
        let mut scope = outer.clone();
        let mut generics = inherited;
        let mut equal = Vec::new();
        // Most functions share the scope of what surrounds them.
        if !(signature.generics.is_empty() && said.conditions.is_empty()) {
            let scope = Rc::make_mut(&mut scope);
            scope.params.extend(params_of(&signature.generics, first));
            let own = self.generics(&signature.generics, scope);
            generics.extend(own);
            for (text, span) in &said.conditions {
                self.conditions(text, *span, scope, &mut generics, &mut equal);
            }
        }
        let count = signature.parameters.len() + usize::from(signature.receiver.is_some());
        let info = &mut self.fns[id.index()];
        info.signature = signature.span;
        info.result = signature.result.as_ref().map(|result| result.span);
        info.owner = owner;
        info.inherited = first;
        info.equal = equal;
        info.deprecated = said.deprecated;
        info.constant = said.constant;
        info.parameters.reserve_exact(count);
        info.receiver = match &signature.receiver {
            None => Receiver::None,
            Some(receiver) if receiver.mutable.is_some() => Receiver::Mutable,
            Some(_) => Receiver::Value,
        };
        let shared: Rc<[Generic]> = generics.clone().into();
        let function = &mut self.program.fns[id.index()];
        function.generics = generics;
        function.params.reserve_exact(count);
        if let Some(name) = said.lang {
            self.program.lang.fns.insert(name, id);
        }
        if let Some(name) = said.intrinsic {
            self.program.fns[id.index()].body = hir::FnBody::Intrinsic(name);
        }
        if let Some(receiver) = &signature.receiver {
            self.program.fns[id.index()].params.push(Param {
                name: rc("self"),
                mutable: receiver.mutable.is_some(),
                ty: scope.self_ty.clone().unwrap_or(Ty::Error),
            });
            self.fns[id.index()].parameters.push(ParameterSpans {
                name: receiver.span,
                ty: receiver.span,
            });
        }
        self.parameters(id, &signature.parameters, &scope, &shared);
        let ret = signature.result.as_ref().map_or_else(Ty::unit, |result| {
            let ty = self.resolve(result, &scope, Spot::Plain);
            self.written(&ty, result.span, &shared);
            ty
        });
        self.program.fns[id.index()].ret = ret;
        self.fns[id.index()].scope = scope;
    }

    /// Fills in parameters, `self` aside, of a function with these generics.
    pub(super) fn parameters(
        &mut self,
        id: FnId,
        parameters: &'a [ast::Parameter],
        scope: &TypeScope,
        generics: &Rc<[Generic]>,
    ) {
        let mut once = Once::default();
        for parameter in parameters {
            if &*parameter.name.text != "_"
                && let Some(first) = once.first(&parameter.name)
            {
                self.twice(&parameter.name, first);
            }
            let ty = self.resolve(&parameter.ty, scope, Spot::Parameter);
            self.written(&ty, parameter.ty.span, generics);
            self.program.fns[id.index()].params.push(Param {
                name: parameter.name.text.clone(),
                mutable: parameter.mutable.is_some(),
                ty,
            });
            self.fns[id.index()].parameters.push(ParameterSpans {
                name: parameter.name.span,
                ty: parameter.ty.span,
            });
        }
    }

    /// Applies `@where("…")` of the core.
    pub(super) fn conditions(
        &mut self,
        text: &str,
        span: Span,
        scope: &mut TypeScope,
        generics: &mut [Generic],
        equal: &mut Vec<(u32, Ty)>,
    ) {
        let position = |scope: &TypeScope, name: &str| {
            scope.params.iter().position(|(param, _)| &**param == name)
        };
        for condition in conditions(text) {
            let good = match condition {
                Condition::Bounds(name, bounds) => position(scope, &name).is_some_and(|index| {
                    // In a trait `Self` comes before the named parameters.
                    let index = index + generics.len() - scope.params.len();
                    bounds
                        .iter()
                        .all(|bound| match self.find_type(scope.module, bound) {
                            Some(TypeItem::Trait(id)) => {
                                generics[index].bounds.push(TraitRef {
                                    id,
                                    args: Vec::new(),
                                });
                                true
                            }
                            _ => false,
                        })
                }),
                Condition::Equal(name, ty) => {
                    match (position(scope, &name), self.type_from_text(&ty, scope)) {
                        (Some(index), Some(ty)) => {
                            let Ty::Param(number) = scope.params[index].1 else {
                                continue;
                            };
                            let args: Vec<Ty> = (0..generics.len() as u32)
                                .map(|other| {
                                    if other == number {
                                        ty.clone()
                                    } else {
                                        Ty::Param(other)
                                    }
                                })
                                .collect();
                            scope.self_ty = scope.self_ty.as_ref().map(|own| own.substitute(&args));
                            scope.params[index].1 = ty.clone();
                            equal.push((number, ty));
                            true
                        }
                        _ => false,
                    }
                }
            };
            if !good {
                self.report(
                    Diagnostic::error("E0708", "this `@where` names something unknown")
                        .at(span, ""),
                );
            }
        }
    }
}
