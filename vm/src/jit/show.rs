//! What the code generator makes of a function, for people: its intermediate form, and machine code as text. Made anew
//! and never run, so it is there also for what no run has used.

use std::collections::BTreeMap;

use cranelift_codegen::control::ControlPlane;
use cranelift_module::Module;

use super::callees::Callees;
use super::code::Code;
use super::{LARGEST, NoCode, body};
use crate::native::{Shown, Wanted};
use crate::program::Inner;

/// Shows the functions of a program.
pub struct Lens<'p> {
    program: &'p Inner,
    code: Code,
}

impl<'p> Lens<'p> {
    /// Looks at a program.
    ///
    /// # Errors
    /// When there is no machine code on this machine.
    pub(crate) fn new(program: &'p Inner) -> Result<Lens<'p>, String> {
        let code = Code::new(program).map_err(|error| error.to_string())?;
        Ok(Lens { program, code })
    }

    /// Shows a function; `name` is what others are called.
    ///
    /// # Errors
    /// When it has no machine code, with the reason.
    pub fn function(
        &mut self,
        function: u32,
        name: &dyn Fn(u32) -> String,
    ) -> Result<Shown, String> {
        self.look(function, name).map_err(|error| error.to_string())
    }

    fn look(&mut self, function: u32, name: &dyn Fn(u32) -> String) -> Result<Shown, NoCode> {
        let (program, code) = (self.program, &mut self.code);
        let found = program.package.functions.get(function as usize);
        let size = found.map_or(0, |function| function.body.len());
        if size > LARGEST {
            return Err(NoCode::Machine(format!(
                "it has {size} instructions; what has more than {LARGEST} is always interpreted"
            )));
        }
        for callee in code.reachable(program, function, Wanted::All) {
            if !code.functions.contains_key(&callee) {
                code.declare(program, callee)?;
            }
        }
        let module = &mut *code.module;
        module.clear_context(&mut code.compilation);
        body::translate(
            body::Surroundings {
                program,
                layouts: &mut code.layouts,
                module,
                functions: &code.functions,
                guards: &code.guards,
                callees: code.callees,
            },
            function,
            &mut code.compilation.func,
            &mut code.builder,
        )?;
        let functions = code.functions.iter();
        let mut names: BTreeMap<u32, String> = functions
            .map(|(index, id)| (id.as_u32(), name(*index)))
            .collect();
        let fixed = Callees::NAMES.iter().map(|name| (*name).to_owned());
        names.extend((0..).zip(fixed));
        let clif = commented(&code.compilation.func.display().to_string(), |line| {
            // The head names the function itself, which has no number of its own here.
            let at = line
                .split("u0:")
                .nth(1)
                .filter(|_| !line.starts_with("function"))?;
            names.get(&leading(at)?).cloned()
        });
        let callees: Vec<u32> = code
            .compilation
            .func
            .params
            .user_named_funcs()
            .values()
            .map(|name| name.index)
            .collect();
        code.compilation.set_disasm(true);
        let compiled = code
            .compilation
            .compile(module.isa(), &mut ControlPlane::default())
            .map_err(|error| NoCode::Machine(error.inner.to_string()))?;
        let text = compiled.vcode.clone().unwrap_or_default();
        let assembly = commented(&text, |line| {
            let at = line.split("userextname").nth(1)?;
            names.get(callees.get(leading(at)? as usize)?).cloned()
        });
        let places = compiled
            .buffer
            .get_srclocs_sorted()
            .iter()
            .filter(|place| !place.loc.is_default())
            .map(|place| (place.start, place.end, place.loc.bits()))
            .collect();
        Ok(Shown {
            clif,
            assembly,
            size_bytes: compiled.buffer.data().len(),
            places,
        })
    }
}

/// The number that a text begins with.
fn leading(text: &str) -> Option<u32> {
    let end = text.find(|c: char| !c.is_ascii_digit());
    text[..end.unwrap_or(text.len())].parse().ok()
}

/// The text with a comment at the end of each line that has one.
fn commented(text: &str, comment: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(line);
        if let Some(comment) = comment(line) {
            out.push_str("  ; ");
            out.push_str(&comment);
        }
        out.push('\n');
    }
    out
}
