//! Entry points: wrappers that fetch the input, call the program's function and encode the result.

use super::builder::is_copy;
use super::function::{FnLowerer, Val};
use super::instances::{Instance, Signature};
use super::{Lowerer, Options};
use crate::hir::{ConstId, EntryKind, ExprKind, FnId, FnRef, Ty};
use crate::source::Span;
use cop_bytecode::{Entry, Mode};

impl Lowerer<'_> {
    /// Asks for the wrappers of all entry points.
    pub(super) fn entries(&mut self, options: Options) -> Vec<Entry> {
        let mut entries = vec![];
        if let Some(entry) = &self.program.entry {
            let name = match entry.kind {
                EntryKind::Command { .. } => "main",
                EntryKind::Web => "handle",
            };
            entries.push(self.entry(name.to_string(), Instance::Entry));
        }
        if options.tests {
            for index in 0..self.program.tests.len() {
                entries.push(self.entry(format!("test {index}"), Instance::Test(index as u32)));
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    pub(super) fn entry(&mut self, name: String, instance: Instance) -> Entry {
        let (function, signature) = self.instance(instance);
        let capabilities = signature.types.iter().map(|ty| match ty {
            Ty::Host(name) => name.to_string(),
            _ => String::new(),
        });
        Entry {
            name,
            function,
            capabilities: capabilities.collect(),
        }
    }

    /// The wrapper that evaluates a constant: its canonical leaves.
    pub(super) fn lower_evaluate(&mut self, id: ConstId, signature: &Signature, index: u32) {
        let span = self.program.consts[id.index()].span;
        let Some((ty, _)) = self.bodies.constant(self.program, id) else {
            return;
        };
        let mut fl = FnLowerer::synthetic(self, signature, span);
        let value = fl.call_instance(Instance::Const(id), vec![]);
        let empty = crate::hir::Expr {
            kind: ExprKind::Bytes([].into()),
            ty: Ty::Bytes,
            span,
        };
        if let Val::Held(out) = fl.expr(&empty) {
            fl.call_builtin_into(fl.cx.known.data, "encode_into", &ty, value, out);
            fl.release(value);
            fl.ret(Val::Held(out));
        }
        fl.complete(index, "constant".to_string(), signature);
    }

    /// The wrapper that evaluates a field's default: no bytes.
    pub(super) fn lower_try(
        &mut self,
        default: Instance,
        span: Span,
        signature: &Signature,
        index: u32,
    ) {
        let mut fl = FnLowerer::synthetic(self, signature, span);
        let value = fl.call_instance(default, vec![]);
        fl.release(value);
        let empty = crate::hir::Expr {
            kind: ExprKind::Bytes([].into()),
            ty: Ty::Bytes,
            span,
        };
        let bytes = fl.expr(&empty);
        fl.ret(bytes);
        fl.complete(index, "default".to_string(), signature);
    }

    /// The function behind an entry point, and how many of its parameters are no capabilities.
    fn behind(&self, instance: &Instance) -> (FnId, usize) {
        match instance {
            Instance::Test(index) => (self.program.tests[*index as usize].function, 0),
            _ => match &self.program.entry {
                Some(entry) => {
                    let inputs = match entry.kind {
                        EntryKind::Command { takes_args, .. } => usize::from(takes_args),
                        EntryKind::Web => 1,
                    };
                    (entry.function, inputs)
                }
                None => (FnId(0), 0),
            },
        }
    }

    /// Only the capabilities; the result is bytes.
    pub(super) fn entry_signature(&self, instance: &Instance) -> (Vec<Ty>, Vec<Mode>, Ty) {
        let (id, inputs) = self.behind(instance);
        let types: Vec<Ty> = self
            .function(id)
            .params
            .iter()
            .skip(inputs)
            .map(|p| p.ty.clone())
            .collect();
        let modes = types.iter().map(|_| Mode::Borrow).collect();
        (types, modes, Ty::Bytes)
    }

    pub(super) fn lower_entry(&mut self, instance: &Instance, signature: &Signature, index: u32) {
        let (id, inputs) = self.behind(instance);
        let span = self.function(id).span;
        let kind = self
            .program
            .entry
            .as_ref()
            .filter(|_| *instance == Instance::Entry)
            .map(|e| e.kind);
        let (input, output) = match kind {
            Some(EntryKind::Web) => (Some("web_request"), Some("web_response")),
            Some(EntryKind::Command { .. }) => (Some("command_args"), Some("command_result")),
            None => (None, None),
        };
        let input = input
            .filter(|_| inputs > 0)
            .and_then(|name| self.lang_fn(name, span));
        let output = output.and_then(|name| self.lang_fn(name, span));
        let mut fl = FnLowerer::synthetic(self, signature, span);
        let call = |fl: &mut FnLowerer, id: FnId, args: Vec<Val>| {
            let (index, signature) = fl.cx.instance(Instance::Fn(FnRef { id, args: vec![] }));
            fl.call_index(index, &signature, args, vec![])
        };
        let mut args = vec![];
        if let Some(input) = input {
            args.push(call(&mut fl, input, vec![]));
        }
        for i in 0..signature.params.len() {
            args.push(fl.operand_local(crate::hir::LocalId(i as u32)));
        }
        let mut got = call(&mut fl, id, args);
        if let Some(EntryKind::Command {
            fallible: false, ..
        }) = kind
        {
            fl.release(got);
            let ty = fl.cx.result_of(
                Ty::unit(),
                Ty::Adt(fl.cx.known.error, std::rc::Rc::from([])),
            );
            got = fl.build_of(&ty, 0, vec![Val::Unit]);
        }
        let bytes = match output {
            Some(output) => call(&mut fl, output, vec![got]),
            None => {
                fl.release(got);
                let empty = crate::hir::Expr {
                    kind: ExprKind::Bytes([].into()),
                    ty: Ty::Bytes,
                    span,
                };
                fl.expr(&empty)
            }
        };
        debug_assert!(fl.b.dead || !is_copy(&mut fl.cx.layouts, signature.result));
        fl.ret(bytes);
        let name = match instance {
            Instance::Test(index) => format!("test {index}"),
            _ => "entry".to_string(),
        };
        fl.complete(index, name, signature);
    }
}
