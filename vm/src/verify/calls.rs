//! Calls, closures and the host (rules 3, 4, 5, 8).

use cop_bytecode::{Mode, Type, TypeId, Value};

use super::error::{Check, Rule, fault};
use super::pass::Pass;
use super::signatures::check_closed;
use super::tables::is_capability;
use super::values::State;

impl Pass<'_> {
    /// One operand of a call.
    fn argument(&mut self, value: Value, ty: TypeId, mode: Mode) -> Check {
        if is_capability(self.layouts, ty) {
            return self.capability(value, ty);
        }
        let found = match mode {
            Mode::Own | Mode::InOut => self.give(value)?.ty,
            Mode::Borrow | Mode::Look => self.lend(value, mode)?.ty,
        };
        if found == ty {
            return Ok(());
        }
        let text = format!(
            "{} is given for a parameter of type {}",
            self.name(value),
            self.show(ty)
        );
        fault(Rule::Form, text)
    }

    /// A capability of that type as operand.
    fn capability(&mut self, value: Value, ty: TypeId) -> Check {
        let info = self.info(value)?;
        if matches!(info.state, State::Capability) && info.ty == ty {
            return Ok(());
        }
        let text = format!(
            "{} stands where the capability {} is wanted",
            self.name(value),
            self.show(ty)
        );
        fault(Rule::Capability, text)
    }

    fn check_count(&self, given: usize, due: usize) -> Check {
        if given == due {
            return Ok(());
        }
        fault(Rule::Form, format!("{given} operands for {due} parameters"))
    }

    /// `call`.
    pub(super) fn call(&mut self, function: u32, args: &[Value]) -> Check {
        let package = self.package;
        let Some(callee) = package.functions.get(function as usize) else {
            return fault(Rule::Form, format!("function {function} is not there"));
        };
        self.check_count(args.len(), callee.params.len())?;
        for (arg, param) in args.iter().zip(&callee.params) {
            self.argument(*arg, param.ty, param.mode)?;
        }
        self.check_looked(Rule::Call)?;
        self.define(callee.result, 0)?;
        for param in &callee.params {
            if param.mode == Mode::InOut {
                self.define(param.ty, 0)?;
            }
        }
        Ok(())
    }

    /// `call.value`.
    pub(super) fn call_value(&mut self, callee: Value, args: &[Value], changed: u32) -> Check {
        // The cell is lent, but what the callee sees are the captures behind it: its own slot is only looked at.
        let info = self.look(callee)?;
        let Some(Type::Fn { params, result }) = self.layouts.get(info.ty) else {
            return fault(Rule::Form, format!("{} is no closure", self.name(callee)));
        };
        let (params, result) = (params.clone(), *result);
        self.check_count(args.len(), params.len())?;
        let due = params.iter().filter(|p| p.mutable).count();
        if changed as usize != due {
            let text = format!("{changed} changed values for {due} mutable parameters");
            return fault(Rule::Form, text);
        }
        for (arg, param) in args.iter().zip(&params) {
            let mode = if param.mutable {
                Mode::InOut
            } else {
                Mode::Borrow
            };
            self.argument(*arg, param.ty, mode)?;
        }
        self.check_looked(Rule::Call)?;
        self.define(result, 0)?;
        for param in params.iter().filter(|p| p.mutable) {
            self.define(param.ty, 0)?;
        }
        Ok(())
    }

    /// `closure`.
    pub(super) fn closure(&mut self, ty: TypeId, function: u32, captures: &[Value]) -> Check {
        check_closed(self.package, self.layouts, ty)?;
        let package = self.package;
        let Some(code) = package.functions.get(function as usize) else {
            return fault(Rule::Form, format!("function {function} is not there"));
        };
        let Some(Type::Fn { params, result }) = self.layouts.get(ty) else {
            return fault(Rule::Form, format!("{} is no function type", self.show(ty)));
        };
        let (captured, plain) = code.params.split_at(code.captures as usize);
        let agree = code.result == *result
            && plain.len() == params.len()
            && plain.iter().zip(params).all(|(have, want)| {
                let mode = if want.mutable {
                    Mode::InOut
                } else {
                    Mode::Borrow
                };
                have.ty == want.ty && have.mode == mode
            });
        if !agree {
            let text = format!(
                "function {function} does not have the parameters (`borrow`, or `inout` where mutable) and result of {}",
                self.show(ty)
            );
            return fault(Rule::Form, text);
        }
        self.check_count(captures.len(), captured.len())?;
        for (capture, param) in captures.iter().zip(captured) {
            self.give_as(*capture, param.ty)?;
        }
        self.define(ty, 1)
    }

    /// `host.call`.
    pub(super) fn host_call(
        &mut self,
        function: u32,
        capability: Option<Value>,
        argument: Value,
    ) -> Check {
        let package = self.package;
        let Some(host) = package.host_functions.get(function as usize) else {
            return fault(Rule::Form, format!("host function {function} is not there"));
        };
        match (host.capability, capability) {
            (false, None) => {}
            (true, Some(value)) => {
                let info = self.info(value)?;
                let fits = matches!(self.layouts.get(info.ty), Some(Type::Host(name)) if *name == host.interface);
                if !fits {
                    let text = format!(
                        "{} is no capability of `{}`",
                        self.name(value),
                        host.interface
                    );
                    return fault(Rule::Capability, text);
                }
            }
            (wanted, _) => {
                let text = format!(
                    "`{}.{}` {} a capability",
                    host.interface,
                    host.name,
                    if wanted { "needs" } else { "takes no" }
                );
                return fault(Rule::Capability, text);
            }
        }
        let bytes = self.type_of(Type::Bytes)?;
        self.look_as(argument, bytes)?;
        self.check_looked(Rule::Call)?;
        self.define(bytes, 1)
    }
}
