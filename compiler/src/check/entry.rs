//! The entry point of a program, and what it may take.

use super::*;
use crate::hir::{Entry, EntryKind};

impl Checker<'_> {
    pub(super) fn entry(&mut self) {
        let find = |checker: &Self, name: &str| match checker.scopes[0].values.get(name) {
            Some(super::Entry {
                item: ValueItem::Fn(id),
                imported: false,
                ..
            }) => Some(*id),
            _ => None,
        };
        let (main, handle) = (find(self, "main"), find(self, "handle"));
        if let Some(id) = main {
            self.fns[id.index()].used.set(true);
            self.command(id);
        }
        if let (None, None, Some(_), Some(id)) =
            (main, handle, find(self, "init"), find(self, "receive"))
        {
            let span = self.program.fns[id.index()].span;
            self.report(
                Diagnostic::error("E0909", "not yet: actors")
                    .at(span, "`init` and `receive` make an actor")
                    .help("write a command (`main`) or a web program (`handle`)"),
            );
        }
        if let Some(id) = handle {
            self.fns[id.index()].used.set(true);
            if let Some(main) = main {
                let first = self.program.fns[main.index()].span;
                let span = self.program.fns[id.index()].span;
                self.report(
                    Diagnostic::error("E0713", "a program has one entry point")
                        .at(span, "a web program")
                        .also(first, "a command")
                        .help("give one of the two functions another name, or make two programs"),
                );
                return;
            }
            self.web(id);
        }
        for index in 0..self.program.tests.len() {
            let id = self.program.tests[index].function;
            self.capabilities(id, 0, "a test");
        }
    }

    fn command(&mut self, id: FnId) {
        let function = &self.program.fns[id.index()];
        let list = Ty::List(Rc::new(Ty::String));
        let takes_args = function
            .params
            .first()
            .is_some_and(|param| !matches!(param.ty, Ty::Host(_)));
        let (ret, span) = (function.ret.clone(), function.span);
        let first = function
            .params
            .first()
            .map(|param| (param.ty.clone(), param.mutable));
        if let Some((ty, mutable)) = first
            && takes_args
            && (ty != list || mutable)
            && ty != Ty::Error
        {
            let shown = self.show(&ty, &[]);
            let at = self.fns[id.index()].parameters[0].ty;
            self.report(
                Diagnostic::error(
                    "E0714",
                    "`main` takes the arguments first, then capabilities",
                )
                .at(
                    at,
                    if mutable && ty == list {
                        "without `mut`".to_string()
                    } else {
                        names::a(&shown)
                    },
                )
                .help("write `fn main()`, `fn main(args: List[String])`, and capabilities behind"),
            );
        }
        self.generic_entry(id, "main");
        self.capabilities(id, usize::from(takes_args), "`main`");
        let error = self
            .known
            .error
            .map_or(Ty::Error, |error| Ty::Adt(error, Rc::from([])));
        let fallible = ret == self.result_of(Ty::unit(), error);
        if !fallible && !ret.is_unit() && ret != Ty::Error {
            let shown = self.show(&ret, &[]);
            let at = self.fns[id.index()].result.unwrap_or(span);
            self.report(
                Diagnostic::error("E0714", "`main` gives `()` or `Result[(), Error]`")
                    .at(at, names::a(&shown))
                    .help("print what it found out; for errors write `-> Result[(), Error]`"),
            );
        }
        self.program.entry = Some(Entry {
            kind: EntryKind::Command {
                takes_args,
                fallible,
            },
            function: id,
        });
    }

    fn web(&mut self, id: FnId) {
        let function = &self.program.fns[id.index()];
        let (ret, span) = (function.ret.clone(), function.span);
        let first = function.params.first().map(|param| param.ty.clone());
        if !first
            .as_ref()
            .is_some_and(|ty| *ty == Ty::Error || self.is_web(ty, "Request"))
        {
            let at = self.fns[id.index()].parameters.first();
            let at = at.map_or(span, |parameter| parameter.ty);
            self.report(
                Diagnostic::error("E0714", "`handle` takes a `Request` first")
                    .at(at, "not a `Request`")
                    .note("a function `handle` in the root file is a web program")
                    .help("write `fn handle(req: Request) -> Response`, with both imported from \"std/web\""),
            );
        }
        if ret != Ty::Error && !self.is_web(&ret, "Response") {
            let shown = self.show(&ret, &[]);
            let at = self.fns[id.index()].result.unwrap_or(span);
            self.report(
                Diagnostic::error("E0714", "`handle` gives a `Response`")
                    .at(at, names::a(&shown))
                    .help("write `-> Response`, imported from \"std/web\""),
            );
        }
        self.generic_entry(id, "handle");
        self.capabilities(id, 1, "`handle`");
        self.program.entry = Some(Entry {
            kind: EntryKind::Web,
            function: id,
        });
    }

    fn is_web(&self, ty: &Ty, name: &str) -> bool {
        match ty {
            Ty::Adt(id, _) => {
                let adt = &self.program.adts[id.index()];
                *adt.name == *name && &*self.loaded[adt.module as usize].path == "std/web"
            }
            Ty::Host(host) => name == "Request" && &**host == "request",
            _ => false,
        }
    }

    fn generic_entry(&mut self, id: FnId, name: &str) {
        let function = &self.program.fns[id.index()];
        if !function.generics.is_empty() {
            let span = function.span;
            self.report(
                Diagnostic::error("E0714", format!("`{name}` takes no type parameters"))
                    .at(span, "nothing could say what they are"),
            );
        }
    }

    /// Sees to it that the parameters from `from` on are capabilities, each at most once.
    fn capabilities(&mut self, id: FnId, from: usize, what: &str) {
        let params: Vec<(Ty, Rc<str>)> = self.program.fns[id.index()]
            .params
            .iter()
            .map(|param| (param.ty.clone(), param.name.clone()))
            .collect();
        let mut seen: Vec<(Ty, Span)> = Vec::new();
        for (index, (ty, name)) in params.into_iter().enumerate().skip(from) {
            let span = self.fns[id.index()].parameters[index].ty;
            match &ty {
                Ty::Host(host) if &**host != "request" => {
                    if let Some((_, first)) = seen.iter().find(|(other, _)| *other == ty) {
                        let first = *first;
                        self.report(
                            Diagnostic::error(
                                "E0715",
                                format!("{what} asks for this capability twice"),
                            )
                            .at(span, "again here")
                            .also(first, "first here"),
                        );
                    }
                    seen.push((ty, span));
                }
                Ty::Error => {}
                _ => {
                    let shown = self.show(&ty, &[]);
                    self.report(
                        Diagnostic::error("E0715", format!("`{shown}` is not a capability"))
                            .at(span, format!("{what} cannot be given {}", names::a(&name)))
                            .note("the parameters are the list of what the program may touch: `mut kv: Kv`, `clock: Clock`, `mut random: Random`"),
                    );
                }
            }
        }
    }
}
