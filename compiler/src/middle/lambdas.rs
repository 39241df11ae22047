//! Functions given to functions, as part of the function.
//!
//! `xs.map(|x| x + n)` makes a closure that `map` calls through a value. Here `map` becomes a function of its own for
//! that lambda: it takes what the lambda captures instead of the closure, and calls the lambda's function directly.
//! No closure is made, the call has a known target, and [`super::inline`] can put the lambda's body into the loop.
//!
//! A closure that is only called, dropped, and handed to functions that do no more with it, is *virtual*: in its place
//! stand the function and the captured values. Where a virtual closure is stored or returned after all, it is made
//! there. A function is copied for the lambdas it is given; the same lambdas share the copy. Copies of copies are
//! bounded in depth and in all, for a function that hands itself ever new lambdas has no end of them.

use super::draft::{Draft, Known, Node, Use, callees, change_operands, each_use};
use super::flow::Flow;
use crate::source::Span;
use cop_bytecode::{Instr, Mode, Param, Type, TypeId, Value, Values, limits};
use rustc_hash::{FxHashMap, FxHashSet};

/// Longest function that is copied, in instructions.
const LONGEST: usize = 600;
/// How often copies are copied in turn.
const DEEPEST: u32 = 6;
/// Most instructions of all copies: this, and as many as the program has.
const MOST: usize = 20_000;

/// Runs the pass.
pub fn run(functions: &mut Vec<Option<Draft>>, known: &mut Known) {
    if !functions.iter().flatten().any(Draft::makes_closures) {
        return;
    }
    let size: usize = functions.iter().flatten().map(|f| f.code.len()).sum();
    let mut pass = Pass {
        depth: vec![0; functions.len()],
        virtuals: vec![FxHashMap::default(); functions.len()],
        functions: std::mem::take(functions),
        known,
        copies: FxHashMap::default(),
        only_called: FxHashMap::default(),
        left: MOST + size,
    };
    // What takes functions stays as it was until the end, since it may be copied. Copies are added behind, and
    // rewritten in their turn.
    let mut rewritten = vec![];
    let mut number = 0;
    while number < pass.functions.len() {
        if let Some(draft) = pass.rewrite(number) {
            rewritten.push((number, draft));
        }
        number += 1;
    }
    *functions = pass.functions;
    for (number, draft) in rewritten {
        functions[number] = Some(draft);
    }
    plain_captures(functions);
}

/// What nobody makes a closure of any more has plain parameters.
fn plain_captures(functions: &mut [Option<Draft>]) {
    let drafts = functions.iter().flatten();
    let targets: FxHashSet<u32> = drafts.flat_map(Draft::closed_over).collect();
    for (number, draft) in functions.iter_mut().enumerate() {
        if let Some(draft) = draft
            && !targets.contains(&(number as u32))
        {
            draft.captures = 0;
        }
    }
}

/// A closure that is not made.
#[derive(Clone, Debug)]
struct Virtual {
    function: u32,
    captures: Values,
    ty: TypeId,
}

struct Pass<'a> {
    functions: Vec<Option<Draft>>,
    known: &'a mut Known,
    /// Of each function, its parameters that are gone, as closures that are not made.
    virtuals: Vec<FxHashMap<Value, Virtual>>,
    /// Of each function, how many copies deep it is.
    depth: Vec<u32>,
    /// Function, and for which parameters which functions: the copy.
    copies: FxHashMap<(u32, Vec<(u32, u32)>), u32>,
    /// Whether a function only calls, drops and hands on a parameter.
    only_called: FxHashMap<(u32, u32), bool>,
    left: usize,
}

impl Pass<'_> {
    /// Whether a function can be copied for a closure given to that parameter.
    fn takes(&mut self, function: u32, param: u32) -> bool {
        if let Some(known) = self.only_called.get(&(function, param)) {
            return *known;
        }
        // A function that hands its parameter to itself does no more with it than it does otherwise.
        self.only_called.insert((function, param), true);
        let found = self.takes_now(function, param);
        self.only_called.insert((function, param), found);
        found
    }

    fn takes_now(&mut self, function: u32, param: u32) -> bool {
        let Some(Some(draft)) = self.functions.get(function as usize) else {
            return false;
        };
        let mode = draft.params.get(param as usize).map(|p| p.mode);
        if !matches!(mode, Some(Mode::Borrow | Mode::Look)) || draft.code.len() > LONGEST {
            return false;
        }
        let mut handed = vec![];
        let mut other = false;
        for node in &draft.code {
            each_use(draft, &node.instr, self.known, &mut |value, how| {
                if value.0 != param || how == Use::Drop {
                    return;
                }
                match &node.instr {
                    Instr::CallValue { callee, args, .. } => {
                        other |= args.contains(&value) || *callee != value
                    }
                    Instr::Dup(_) => {}
                    Instr::Call { function, args } => {
                        let places = args.iter().enumerate().filter(|(_, v)| **v == value);
                        handed.extend(places.map(|(i, _)| (*function, i as u32)));
                    }
                    _ => other = true,
                }
            });
        }
        !other
            && handed
                .into_iter()
                .all(|(function, param)| self.takes(function, param))
    }

    /// The copy of a function for these functions in place of these parameters.
    fn copy(&mut self, function: u32, given: &[(u32, u32)]) -> Option<u32> {
        let key = (function, given.to_vec());
        if let Some(known) = self.copies.get(&key) {
            return Some(*known);
        }
        let deepest = given
            .iter()
            .map(|(_, g)| self.depth[*g as usize])
            .max()
            .unwrap_or(0);
        let depth = 1 + deepest.max(self.depth[function as usize]);
        let size = self.functions.get(function as usize)?.as_ref()?.code.len();
        if depth > DEEPEST || size > self.left {
            return None;
        }
        let (draft, virtuals) = self.with_captures(function, given)?;
        self.left -= size;
        let number = self.functions.len() as u32;
        self.copies.insert(key, number);
        self.known.set_params(number, draft.params.clone());
        self.depth.push(depth);
        self.functions.push(Some(draft));
        self.virtuals.push(virtuals);
        Some(number)
    }

    /// A copy of a function with captured values for some parameters; and what these parameters are then.
    fn with_captures(
        &mut self,
        function: u32,
        given: &[(u32, u32)],
    ) -> Option<(Draft, FxHashMap<Value, Virtual>)> {
        let of = self.functions.get(function as usize)?.as_ref()?;
        let mut names = vec![];
        let mut params: Vec<Param> = vec![];
        let mut captures = 0;
        let mut numbers = vec![0; of.values.len()];
        let mut virtuals = FxHashMap::default();
        // Parameters that are gone keep a number, behind all others.
        let mut gone = vec![];
        for (i, param) in of.params.iter().enumerate() {
            let before = params.len();
            match given.iter().find(|(at, _)| *at as usize == i) {
                Some((_, g)) => {
                    let lambda = self.functions.get(*g as usize)?.as_ref()?;
                    let captured = lambda.params.get(..lambda.captures as usize)?;
                    params.extend_from_slice(captured);
                    names.push(lambda.name.as_str());
                    gone.push((i, *g, before, captured.len()));
                }
                None => {
                    numbers[i] = before as u32;
                    params.push(*param);
                }
            }
            if (i as u32) < of.captures {
                captures += (params.len() - before) as u32;
            }
        }
        if params.len() > limits::PARAMETERS {
            return None;
        }
        let mut values: Vec<TypeId> = params.iter().map(|p| p.ty).collect();
        for (old, ty) in of.values.iter().enumerate().skip(of.params.len()) {
            numbers[old] = values.len() as u32;
            values.push(*ty);
        }
        for (i, g, first, count) in &gone {
            numbers[*i] = values.len() as u32;
            values.push(of.params[*i].ty);
            virtuals.insert(
                Value(numbers[*i]),
                Virtual {
                    function: *g,
                    captures: (*first..first + count).map(|v| Value(v as u32)).collect(),
                    ty: of.params[*i].ty,
                },
            );
        }
        let mut code = of.code.clone();
        for node in &mut code {
            change_operands(&mut node.instr, &mut |v| v.0 = numbers[v.0 as usize]);
            if node.count > 0 {
                node.first = numbers[node.first as usize];
            }
        }
        let draft = Draft {
            params,
            captures,
            values,
            code,
            callees: of.callees.clone(),
            name: format!("{} with {}", of.name, names.join(", ")),
            sites: of.sites.clone(),
            result: of.result,
            span: of.span,
        };
        Some((draft, virtuals))
    }

    /// Leaves closures out of a function. What it is then is given back if the function must stay as it was for now.
    fn rewrite(&mut self, number: usize) -> Option<Draft> {
        let given = std::mem::take(&mut self.virtuals[number]);
        let old = self.functions[number].as_mut()?;
        if given.is_empty() && !old.makes_closures() {
            return None;
        }
        let is_fn = |p: &Param| matches!(self.known.layouts.get(p.ty), Some(Type::Fn { .. }));
        let stays = old.params.iter().any(is_fn);
        let mut draft = match stays {
            true => old.clone(),
            // Of what is not copied, copies of others need but the signature and the name.
            false => Draft {
                params: old.params.clone(),
                name: old.name.clone(),
                values: std::mem::take(&mut old.values),
                code: std::mem::take(&mut old.code),
                callees: std::mem::take(&mut old.callees),
                sites: std::mem::take(&mut old.sites),
                ..*old
            },
        };
        let mut flow = std::mem::take(&mut self.known.flow);
        let layouts = &self.known.layouts;
        let is_fn = |ty| matches!(layouts.get(ty), Some(Type::Fn { .. }));
        flow.fill_uses(&draft, self.known, is_fn);
        let values = (0..draft.values.len() as u32).map(Value);
        let is_virtual = values
            .map(|v| !given.is_empty() && given.contains_key(&v))
            .collect();
        let out = Vec::with_capacity(draft.code.len());
        let length = draft.code.len();
        let mut rewrite = Rewrite {
            pass: self,
            draft: &mut draft,
            flow: &flow,
            virtuals: given,
            is_virtual,
            out,
        };
        let mut used_at = flow.used_at().peekable();
        for at in 0..length {
            // What stands behind it is still looked at.
            let node = &mut rewrite.draft.code[at];
            let node = Node {
                instr: std::mem::replace(&mut node.instr, Instr::End),
                ..*node
            };
            let mut touched = matches!(node.instr, Instr::Closure { .. });
            while used_at.next_if_eq(&(at as u32)).is_some() {
                touched = true;
            }
            match touched {
                true => rewrite.node(node),
                false => rewrite.out.push(node),
            }
        }
        let out = rewrite.out;
        drop(used_at);
        draft.callees = callees(&out);
        draft.code = out;
        self.known.flow = flow;
        if stays {
            return Some(draft);
        }
        self.functions[number] = Some(draft);
        None
    }
}

/// Where an instruction comes from.
#[derive(Clone, Copy)]
struct Like(Span, u32);

/// Rewrites one function.
struct Rewrite<'a, 'b> {
    pass: &'a mut Pass<'b>,
    /// The function as it was, from the instruction at hand on.
    draft: &'a mut Draft,
    flow: &'a Flow,
    virtuals: FxHashMap<Value, Virtual>,
    /// Per value, whether it is one of these.
    is_virtual: Vec<bool>,
    out: Vec<Node>,
}

impl Rewrite<'_, '_> {
    /// Whether a closure need not be made: all that is done with it can be done without it, and some of that is more
    /// than to store it.
    fn needless(&mut self, value: Value) -> bool {
        let mut pays = false;
        for (at, how) in self.flow.uses(value) {
            let node = &self.draft.code[at as usize];
            match (&node.instr, how) {
                (_, Use::Drop) | (Instr::Dup(_), _) => {}
                (Instr::CallValue { callee, args, .. }, _)
                    if *callee == value && !args.contains(&value) =>
                {
                    pays = true
                }
                (Instr::Call { function, args }, Use::Look | Use::Share) => {
                    for (i, arg) in args.iter().enumerate() {
                        if *arg == value && !self.pass.takes(*function, i as u32) {
                            return false;
                        }
                    }
                    pays = true;
                }
                (Instr::Closure { .. }, Use::Give) => pays = true,
                (_, Use::Give) => {}
                _ => return false,
            }
        }
        pays && self.pass.left > 0
    }

    /// Keeps a closure that is not made.
    fn keep(&mut self, value: Value, closure: Virtual) {
        self.is_virtual[value.0 as usize] = true;
        self.virtuals.insert(value, closure);
    }

    /// The closure that a value is, if that is not made.
    fn closure(&self, value: Value) -> Option<&Virtual> {
        match self.is_virtual.get(value.0 as usize) {
            Some(true) => self.virtuals.get(&value),
            _ => None,
        }
    }

    fn push(&mut self, like: &Like, instr: Instr, first: u32, count: u32) {
        self.out.push(Node {
            instr,
            first,
            count,
            span: like.0,
            site: like.1,
        });
    }

    /// Makes a virtual closure after all.
    fn make(&mut self, like: &Like, closure: &Virtual) -> Value {
        let made = self.draft.fresh(closure.ty);
        let instr = Instr::Closure {
            ty: closure.ty,
            function: closure.function,
            captures: closure.captures.clone(),
        };
        self.push(like, instr, made, 1);
        Value(made)
    }

    /// One more owner of each captured value.
    fn dup(&mut self, like: &Like, closure: &Virtual) -> Virtual {
        let mut captures = Values::new();
        for capture in &closure.captures {
            let ty = self.draft.ty(*capture);
            if self.pass.known.is_copy(ty) {
                captures.push(*capture);
            } else {
                let made = self.draft.fresh(ty);
                self.push(like, Instr::Dup(*capture), made, 1);
                captures.push(Value(made));
            }
        }
        Virtual {
            captures,
            ..closure.clone()
        }
    }

    fn drop(&mut self, like: &Like, closure: &Virtual) {
        for capture in &closure.captures {
            if !self.pass.known.is_copy(self.draft.ty(*capture)) {
                self.push(like, Instr::Drop(*capture), 0, 0);
            }
        }
    }

    fn node(&mut self, mut node: Node) {
        let like = Like(node.span, node.site);
        match &mut node.instr {
            Instr::Closure {
                function, captures, ..
            } => {
                self.captured(&like, function, captures);
                let value = Value(node.first);
                if let Instr::Closure {
                    ty,
                    function,
                    captures,
                } = &node.instr
                    && self.needless(value)
                {
                    let closure = Virtual {
                        function: *function,
                        captures: captures.clone(),
                        ty: *ty,
                    };
                    self.keep(value, closure);
                    return;
                }
            }
            Instr::Dup(from) => {
                if let Some(closure) = self.closure(*from).cloned() {
                    let closure = self.dup(&like, &closure);
                    if self.needless(Value(node.first)) {
                        self.keep(Value(node.first), closure);
                    } else {
                        node.instr = Instr::Closure {
                            ty: closure.ty,
                            function: closure.function,
                            captures: closure.captures,
                        };
                        self.out.push(node);
                    }
                    return;
                }
            }
            Instr::Drop(value) => {
                if let Some(closure) = self.closure(*value).cloned() {
                    return self.drop(&like, &closure);
                }
            }
            Instr::CallValue { callee, args, .. } => {
                if let Some(closure) = self.closure(*callee) {
                    let args = closure
                        .captures
                        .iter()
                        .chain(args.iter())
                        .copied()
                        .collect();
                    node.instr = Instr::Call {
                        function: closure.function,
                        args,
                    };
                }
            }
            Instr::Call { function, args } if args.iter().any(|v| self.closure(*v).is_some()) => {
                let modes: Vec<Mode> = self
                    .pass
                    .known
                    .params(*function)
                    .iter()
                    .map(|p| p.mode)
                    .collect();
                let is_lent = |i: usize| matches!(modes.get(i), Some(Mode::Borrow | Mode::Look));
                let mut given = vec![];
                for (i, arg) in args.iter().enumerate() {
                    if is_lent(i)
                        && let Some(closure) = self.closure(*arg)
                    {
                        given.push((i as u32, closure.function));
                    }
                }
                if !given.is_empty() {
                    match self.pass.copy(*function, &given) {
                        Some(copy) => {
                            *function = copy;
                            let mut flat = Values::new();
                            for (i, arg) in args.iter().enumerate() {
                                match self.closure(*arg).filter(|_| is_lent(i)) {
                                    Some(closure) => flat.extend(&closure.captures),
                                    None => flat.push(*arg),
                                }
                            }
                            *args = flat;
                        }
                        None => return self.call_with_closures(node, &like, &modes),
                    }
                }
            }
            _ => {}
        }
        self.make_given(&like, &mut node.instr);
        self.out.push(node);
    }

    /// Where a closure captures virtual closures: captures what these have captured instead.
    fn captured(&mut self, like: &Like, function: &mut u32, captures: &mut Values) {
        let mut given = vec![];
        for (i, value) in captures.iter().enumerate() {
            if let Some(closure) = self.closure(*value) {
                let inner = closure.function;
                if self.pass.takes(*function, i as u32) {
                    given.push((i as u32, inner));
                }
            }
        }
        let copy = if given.is_empty() {
            None
        } else {
            self.pass.copy(*function, &given)
        };
        let mut flat = Values::new();
        for (i, value) in captures.iter().enumerate() {
            match self.closure(*value).cloned() {
                Some(closure)
                    if copy.is_some() && given.iter().any(|(at, _)| *at as usize == i) =>
                {
                    flat.extend(&closure.captures);
                }
                Some(closure) => flat.push(self.make(like, &closure)),
                None => flat.push(*value),
            }
        }
        *captures = flat;
        *function = copy.unwrap_or(*function);
    }

    /// A call of a function that is not copied any more: the closures are made for it, and dropped behind it.
    fn call_with_closures(&mut self, mut node: Node, like: &Like, modes: &[Mode]) {
        let mut made = vec![];
        if let Instr::Call { args, .. } = &mut node.instr {
            for (arg, mode) in args.iter_mut().zip(modes) {
                if matches!(mode, Mode::Borrow | Mode::Look)
                    && let Some(closure) = self.closure(*arg).cloned()
                {
                    let owned = self.dup(like, &closure);
                    *arg = self.make(like, &owned);
                    made.push(*arg);
                }
            }
        }
        self.make_given(like, &mut node.instr);
        self.out.push(node);
        for value in made {
            self.push(like, Instr::Drop(value), 0, 0);
        }
    }

    /// Makes the virtual closures that an instruction takes over.
    fn make_given(&mut self, like: &Like, instr: &mut Instr) {
        if self.virtuals.is_empty() {
            return;
        }
        let mut given = vec![];
        super::draft::each_operand(instr, &mut |value| {
            if self.is_virtual.get(value.0 as usize) == Some(&true) {
                given.push(value);
            }
        });
        for value in given {
            if let Some(closure) = self.closure(value).cloned() {
                let made = self.make(like, &closure);
                change_operands(instr, &mut |v| {
                    if *v == value {
                        *v = made;
                    }
                });
            }
        }
    }
}
