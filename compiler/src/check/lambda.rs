//! Lambdas.

use super::body::{BodyCx, Frame, Want, Why};
use super::infer::Open;
use super::pattern::Binding;
use super::*;
use crate::ast::{Expr, LambdaParameter, PatternKind};
use crate::hir::{ExprKind, FnTy, FnTyParam, Lambda, LambdaParam};

impl BodyCx<'_, '_> {
    pub(super) fn lambda(
        &mut self,
        parameters: &[LambdaParameter],
        body: &Expr,
        span: Span,
        hint: Option<&Ty>,
    ) -> hir::Expr {
        let expected = match hint.map(|hint| self.shape(hint)) {
            Some(Ty::Fn(f)) => Some(f),
            Some(Ty::Error) => {
                // Nothing is known of what it is for; then its parameters fit everywhere.
                let params = parameters
                    .iter()
                    .map(|_| FnTyParam {
                        mutable: false,
                        ty: Ty::Error,
                    })
                    .collect();
                Some(Rc::new(FnTy {
                    params,
                    ret: Ty::Error,
                }))
            }
            _ => None,
        };
        let broken = matches!(&expected, Some(f) if f.ret == Ty::Error);
        if let Some(f) = &expected
            && f.params.len() != parameters.len()
        {
            let shown = self.shown(&Ty::Fn(f.clone()));
            self.report(
                Diagnostic::error(
                    "E0426",
                    format!(
                        "this lambda takes {}, `{shown}` is expected",
                        counted(parameters.len())
                    ),
                )
                .at(span, format!("{} wanted", counted(f.params.len()))),
            );
            for parameter in parameters {
                if let Some(ty) = &parameter.ty {
                    self.written_type(ty, types::Spot::Parameter);
                }
            }
            return finish::nothing(Ty::Error, span);
        }
        let ret = match &expected {
            Some(f) => f.ret.clone(),
            None => self.fresh(span, Open::Other),
        };
        self.frames.push(Frame {
            ret: ret.clone(),
            why: Why::Lambda,
            captures: Vec::new(),
            loops: Vec::new(),
        });
        let mark = self.open_scope();
        let mut params = Vec::with_capacity(parameters.len());
        let mut types = Vec::with_capacity(parameters.len());
        let bound = self.bound_count();
        for (index, parameter) in parameters.iter().enumerate() {
            let wanted = expected.as_ref().and_then(|f| f.params.get(index)).cloned();
            let (param, ty) = self.lambda_parameter(parameter, wanted, broken);
            params.push(param);
            types.push(ty);
        }
        self.unique_parameters(bound);
        let ret_shape = self.shape(&ret);
        let body = if ret_shape.is_unit() {
            self.expr(body, Want::Drop)
        } else if let Ty::Infer(_) = ret_shape {
            let value = self.expr(body, Want::Hint(&ret));
            self.coerce(value, &ret, &Why::Lambda)
        } else {
            self.expr(body, Want::Must(&ret, &Why::Lambda))
        };
        self.close_scope(mark);
        let captures = self
            .frames
            .pop()
            .map(|frame| frame.captures)
            .unwrap_or_default();
        let ty = Ty::Fn(Rc::new(FnTy {
            params: types,
            ret: ret.clone(),
        }));
        hir::Expr {
            kind: ExprKind::Lambda(Box::new(Lambda {
                params,
                captures,
                body,
                ret,
            })),
            ty,
            span,
        }
    }

    /// The names bound since `from` must differ from one another.
    fn unique_parameters(&mut self, from: usize) {
        let names = self.bound_since(from);
        for (index, (name, span)) in names.iter().enumerate() {
            if let Some((_, first)) = names[..index].iter().find(|(other, _)| other == name) {
                self.report(
                    Diagnostic::error("E0303", format!("`{name}` is declared twice"))
                        .at(*span, "again here")
                        .also(*first, "first here"),
                );
            }
        }
    }

    fn lambda_parameter(
        &mut self,
        parameter: &LambdaParameter,
        wanted: Option<FnTyParam>,
        broken: bool,
    ) -> (LambdaParam, FnTyParam) {
        let mutable = parameter.mutable.is_some();
        let name = match &parameter.pattern.kind {
            PatternKind::Name(name) => Some(name),
            _ => None,
        };
        let written = parameter
            .ty
            .as_ref()
            .map(|ty| (self.written_type(ty, types::Spot::Parameter), ty.span));
        // Whether the body sees another type than the lambda is called with, which is said only once.
        let mut misfit = false;
        let ty = match (&written, &wanted) {
            (Some((ty, span)), Some(wanted)) => {
                if !self.table.try_unify(ty, &wanted.ty) {
                    misfit = true;
                    let (have, want) = (self.shown(ty), self.shown(&wanted.ty));
                    self.report(
                        Diagnostic::error("E0401", format!("expected `{want}`, found `{have}`"))
                            .at(*span, "this parameter is given")
                            .note(format!("the lambda is called with {}", names::a(&want))),
                    );
                }
                ty.clone()
            }
            (Some((ty, _)), None) => ty.clone(),
            (None, Some(wanted)) => wanted.ty.clone(),
            (None, None) => {
                let shown = name.map_or("_".to_string(), |name| name.text.to_string());
                self.fresh(parameter.span, Open::Lambda(rc(&shown)))
            }
        };
        if let Some(wanted) = &wanted
            && wanted.mutable != mutable
            && !broken
        {
            let message = if wanted.mutable {
                Diagnostic::error(
                    "E0503",
                    "this parameter is a place that is lent: say so with `mut`",
                )
                .at(parameter.span, "")
                .edit(parameter.span.before(), "mut ")
            } else {
                Diagnostic::error("E0502", "this parameter is a value, not a place")
                    .at(parameter.span, "the lambda is called with a value")
                    .help("leave `mut` out")
                    .edit(
                        Span {
                            end: parameter.pattern.span.start,
                            ..parameter.span
                        },
                        "",
                    )
            };
            self.report(message);
        }
        let mutable = wanted
            .as_ref()
            .map_or(mutable, |wanted| wanted.mutable || (broken && mutable));
        let param = match name {
            Some(name) => {
                let local = self.new_local(name.text.clone(), ty.clone(), mutable, name.span);
                self.locals[local.index()].parameter = true;
                self.bind(&name.text, local);
                LambdaParam {
                    local,
                    mutable,
                    pattern: None,
                }
            }
            None => {
                let local = self.new_local(rc("_"), ty.clone(), mutable, parameter.span);
                self.locals[local.index()].used = true;
                let pattern = match &parameter.pattern.kind {
                    PatternKind::Wildcard => None,
                    _ => Some(self.pattern(&parameter.pattern, &ty, Binding::Lambda)),
                };
                LambdaParam {
                    local,
                    mutable,
                    pattern,
                }
            }
        };
        let ty = if misfit { Ty::Error } else { ty };
        (param, FnTyParam { mutable, ty })
    }
}

fn counted(count: usize) -> String {
    match count {
        0 => "no parameters".to_string(),
        1 => "one parameter".to_string(),
        count => format!("{count} parameters"),
    }
}
