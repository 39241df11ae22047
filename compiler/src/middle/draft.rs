//! A function between lowering and the package.
//!
//! It is bytecode but for three things: values are not numbered in order of definition yet, so that passes can
//! insert and take out instructions freely; nothing is said about which own slots are unique, and nothing made so,
//! until [`super::unique`] has run; and each instruction knows its place in the source.

use crate::source::Span;
use cop_bytecode::layout::{Body, SlotKind};
use cop_bytecode::{Function, Instr, Layouts, Mode, Own, Param, Step, Type, TypeId, Value};

/// A function that the passes work on.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Parameters, captures first; they are the first values.
    pub params: Vec<Param>,
    /// How many of them are captures.
    pub captures: u32,
    /// Type of the result.
    pub result: TypeId,
    /// The type of every value.
    pub values: Vec<TypeId>,
    /// The instructions.
    pub code: Vec<Node>,
    /// The functions that they name, in order: so that nobody need look through them for these.
    pub callees: Vec<Callee>,
    /// Calls that were replaced by the body of what they called.
    pub sites: Vec<Site>,
    /// Name for people, with type arguments.
    pub name: String,
    /// Where it stands in the source.
    pub span: Span,
}

/// A function that an instruction names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Callee {
    /// Its number.
    pub function: u32,
    /// Whether it is called; else a closure is made of it.
    pub called: bool,
}

/// An instruction with what it defines: `count` values from `first` on.
#[derive(Clone, Debug)]
pub struct Node {
    /// The instruction.
    pub instr: Instr,
    /// The first value it defines.
    pub first: u32,
    /// How many values it defines.
    pub count: u32,
    /// Its source.
    pub span: Span,
    /// The inlined call that it comes from: 0, or one more than an index into [`Draft::sites`].
    pub site: u32,
}

/// A call that was replaced by the body of what it called.
#[derive(Clone, Debug)]
pub struct Site {
    /// Name of the function that was called.
    pub callee: String,
    /// Where the call stands.
    pub span: Span,
    /// The inlined call that the call itself comes from, as in [`Node::site`].
    pub parent: u32,
}

/// What an instruction does with an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Looks at it.
    Look,
    /// Looks at it, and its own slots may get more owners.
    Share,
    /// Takes it over.
    Give,
    /// Drops it.
    Drop,
}

/// Calls `$f` on every operand of an instruction.
macro_rules! operands {
    ($instr:expr, $f:ident, $iter:ident $(, $m:tt)?) => {{
        macro_rules! steps {
            ($path:expr) => {
                for step in $path.$iter() {
                    match step {
                        Step::Index(v) | Step::Key(v) | Step::EntryKey(v) | Step::EntryValue(v) => $f(v),
                        Step::Field(_) | Step::Variant(_) => {}
                    }
                }
            };
        }
        macro_rules! roots {
            ($types:expr) => {
                for ty in $types.$iter() {
                    if let Own::Borrowed { root } = &$($m)? ty.own {
                        $f(root);
                    }
                }
            };
        }
        match $instr {
            Instr::ConstI64(_)
            | Instr::ConstF64(_)
            | Instr::ConstBool(_)
            | Instr::ConstChar(_)
            | Instr::ConstUnit
            | Instr::Const(_)
            | Instr::Else
            | Instr::Arm
            | Instr::End => {}
            Instr::Block { results } => roots!(results),
            Instr::If { condition, results } => {
                $f(condition);
                roots!(results);
            }
            Instr::Switch { value, results } => {
                $f(value);
                roots!(results);
            }
            Instr::Loop { start, params, results } => {
                start.$iter().for_each(&mut *$f);
                roots!(params);
                roots!(results);
            }
            Instr::For { from, to, start, params } => {
                $f(from);
                $f(to);
                start.$iter().for_each(&mut *$f);
                roots!(params);
            }
            Instr::Exit { values, .. } | Instr::Next { values, .. } | Instr::Ret { values } => {
                values.$iter().for_each(&mut *$f)
            }
            Instr::Trap { operand, message, .. } => {
                operand.$iter().for_each(&mut *$f);
                message.$iter().for_each(&mut *$f);
            }
            Instr::New { parts, .. } => parts.$iter().for_each(&mut *$f),
            Instr::Get { value, path } | Instr::Take { value, path } => {
                $f(value);
                steps!(path);
            }
            Instr::Set { value, path, new } | Instr::Put { value, path, new } => {
                $f(value);
                steps!(path);
                $f(new);
            }
            Instr::Update { value, path, args, .. } => {
                $f(value);
                steps!(path);
                args.$iter().for_each(&mut *$f);
            }
            Instr::Dup(value)
            | Instr::Drop(value)
            | Instr::Tag(value)
            | Instr::Unique { value, .. }
            | Instr::Open { value, .. } => $f(value),
            Instr::Op { args, .. } | Instr::Call { args, .. } => args.$iter().for_each(&mut *$f),
            Instr::CallValue { callee, args, .. } => {
                $f(callee);
                args.$iter().for_each(&mut *$f);
            }
            Instr::Closure { captures, .. } => captures.$iter().for_each(&mut *$f),
            Instr::HostCall { capability, argument, .. } => {
                capability.$iter().for_each(&mut *$f);
                $f(argument);
            }
        }
    }};
}

/// Calls `f` on every operand, to change it.
pub fn change_operands(instr: &mut Instr, f: &mut impl FnMut(&mut Value)) {
    operands!(instr, f, iter_mut, mut);
}

/// Calls `f` on every operand.
pub fn each_operand(instr: &Instr, f: &mut impl FnMut(Value)) {
    let g = &mut |v: &Value| f(*v);
    operands!(instr, g, iter);
}

/// Calls `f` on every operand with what is done with it, save those of region types. `modes` says how the function
/// of that number takes its parameters, and of `call.value` which arguments are `inout`.
pub fn each_use(draft: &Draft, instr: &Instr, known: &Known, f: &mut impl FnMut(Value, Use)) {
    match instr {
        Instr::Loop { start, .. } => give(start, f),
        Instr::For {
            from, to, start, ..
        } => {
            f(*from, Use::Look);
            f(*to, Use::Look);
            give(start, f);
        }
        Instr::Exit { values, .. } | Instr::Next { values, .. } | Instr::Ret { values } => {
            give(values, f)
        }
        Instr::New { parts, .. } => give(parts, f),
        Instr::Closure { captures, .. } => give(captures, f),
        Instr::Set { value, path, new } | Instr::Put { value, path, new } => {
            look_along(path, f);
            f(*new, Use::Give);
            f(*value, Use::Give);
        }
        Instr::Take { value, path } => {
            look_along(path, f);
            f(*value, Use::Give);
        }
        Instr::Update {
            op,
            value,
            path,
            args,
        } => {
            look_along(path, f);
            for (i, arg) in args.iter().enumerate() {
                f(*arg, if op.consumes(i) { Use::Give } else { Use::Look });
            }
            f(*value, Use::Give);
        }
        Instr::Unique { value, .. } | Instr::Open { value, .. } => f(*value, Use::Give),
        Instr::Dup(value) => f(*value, Use::Share),
        Instr::Drop(value) => f(*value, Use::Drop),
        Instr::Op { op, args, .. } => {
            let how = if *op == cop_bytecode::Op::ListFilled {
                Use::Share
            } else {
                Use::Look
            };
            args.iter().for_each(|v| f(*v, how));
        }
        Instr::Call { function, args } => {
            for (arg, param) in args.iter().zip(known.params(*function)) {
                f(*arg, of_mode(param.mode));
            }
        }
        Instr::CallValue { callee, args, .. } => {
            f(*callee, Use::Look);
            let params = match known.layouts.get(draft.ty(*callee)) {
                Some(Type::Fn { params, .. }) => params.as_slice(),
                _ => &[],
            };
            for (arg, param) in args.iter().zip(params) {
                f(*arg, if param.mutable { Use::Give } else { Use::Share });
            }
        }
        Instr::Get { value, path } => {
            f(*value, Use::Look);
            look_along(path, f);
        }
        _ => each_operand(instr, &mut |v| f(v, Use::Look)),
    }
}

fn give(values: &[Value], f: &mut impl FnMut(Value, Use)) {
    values.iter().for_each(|v| f(*v, Use::Give));
}

fn look_along(path: &[Step], f: &mut impl FnMut(Value, Use)) {
    for step in path {
        if let Step::Index(v) | Step::Key(v) | Step::EntryKey(v) | Step::EntryValue(v) = step {
            f(*v, Use::Look);
        }
    }
}

fn of_mode(mode: Mode) -> Use {
    match mode {
        Mode::Look => Use::Look,
        Mode::Borrow => Use::Share,
        Mode::Own | Mode::InOut => Use::Give,
    }
}

impl Draft {
    /// Whether it makes closures.
    pub fn makes_closures(&self) -> bool {
        self.closed_over().next().is_some()
    }

    /// The functions that it makes closures of.
    pub fn closed_over(&self) -> impl Iterator<Item = u32> + '_ {
        let made = self.callees.iter().filter(|callee| !callee.called);
        made.map(|callee| callee.function)
    }

    /// The type of a value.
    pub fn ty(&self, value: Value) -> TypeId {
        self.values[value.0 as usize]
    }

    /// A value that nothing defines yet.
    pub fn fresh(&mut self, ty: TypeId) -> u32 {
        self.values.push(ty);
        self.values.len() as u32 - 1
    }

    /// The function with its values numbered in order of definition.
    pub fn numbered(mut self) -> Numbered {
        let mut numbers = vec![u32::MAX; self.values.len()];
        let mut next = self.params.len() as u32;
        (0..next).for_each(|i| numbers[i as usize] = i);
        let mut body = Vec::with_capacity(self.code.len());
        // Neighbours mostly come from one place.
        let mut places: Vec<(u32, Span, u32)> = Vec::with_capacity(self.code.len());
        let mut last = None;
        let (mut depth, mut deepest) = (0usize, 0);
        for mut node in std::mem::take(&mut self.code) {
            change_operands(&mut node.instr, &mut |v| v.0 = numbers[v.0 as usize]);
            for value in node.first..node.first + node.count {
                numbers[value as usize] = next;
                next += 1;
            }
            if opens(&node.instr) {
                depth += 1;
                deepest = deepest.max(depth);
            } else if matches!(node.instr, Instr::End) {
                depth = depth.saturating_sub(1);
            }
            if last != Some((node.span, node.site)) {
                places.push((body.len() as u32, node.span, node.site));
                last = Some((node.span, node.site));
            }
            body.push(node.instr);
        }
        places.shrink_to_fit();
        Numbered {
            function: Function {
                params: self.params,
                captures: self.captures,
                result: self.result,
                body,
            },
            places,
            sites: self.sites,
            name: self.name,
            span: self.span,
            values: next as usize,
            depth: deepest,
        }
    }
}

/// A function in its final form, with what there is to know of it.
pub struct Numbered {
    /// The function.
    pub function: Function,
    /// Where its instructions come from: in each row from which one on, their source, and the inlined call as in
    /// [`Node::site`].
    pub places: Vec<(u32, Span, u32)>,
    /// As in [`Draft::sites`].
    pub sites: Vec<Site>,
    /// As in [`Draft::name`].
    pub name: String,
    /// As in [`Draft::span`].
    pub span: Span,
    /// How many values there are, parameters included.
    pub values: usize,
    /// How deep regions are nested.
    pub depth: usize,
}

/// The functions that some code names, in order.
pub fn callees(code: &[Node]) -> Vec<Callee> {
    let named = |node: &Node| {
        let (function, called) = match node.instr {
            Instr::Call { function, .. } => (function, true),
            Instr::Closure { function, .. } => (function, false),
            _ => return None,
        };
        Some(Callee { function, called })
    };
    code.iter().filter_map(named).collect()
}

/// Whether the instruction opens a region.
pub fn opens(instr: &Instr) -> bool {
    matches!(
        instr,
        Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Switch { .. }
            | Instr::Loop { .. }
            | Instr::For { .. }
    )
}

/// Whether the instruction ends an arm.
pub fn ends(instr: &Instr) -> bool {
    matches!(
        instr,
        Instr::Exit { .. } | Instr::Next { .. } | Instr::Ret { .. } | Instr::Trap { .. }
    )
}

/// What the passes know of a type.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts {
    /// Copied bit by bit.
    pub copy: bool,
    /// Parts lie in a cell.
    pub boxed: bool,
    /// Following it follows a reference.
    pub reference: bool,
    /// Own slots that are references.
    pub references: u64,
}

/// What the passes know of the rest of the program.
pub struct Known {
    /// Types.
    pub layouts: Layouts,
    /// What [`super::unique`] keeps from function to function.
    pub(super) unique: super::unique::Room,
    /// What [`super::fold`] does.
    pub(super) found: super::fold::Found,
    /// Likewise; of the function at hand while a pass looks at it.
    pub(super) flow: super::flow::Flow,
    /// The constant `""`, if the program has it.
    pub empty_text: Option<u32>,
    facts: Vec<Option<Facts>>,
    params: Vec<Vec<Param>>,
}

impl Known {
    /// Of a program with these types.
    pub fn new(layouts: Layouts) -> Known {
        Known {
            facts: vec![None; layouts.len()],
            layouts,
            unique: Default::default(),
            found: Default::default(),
            flow: Default::default(),
            empty_text: None,
            params: vec![],
        }
    }

    /// The parameters of a function.
    pub fn params(&self, function: u32) -> &[Param] {
        self.params
            .get(function as usize)
            .map_or(&[], Vec::as_slice)
    }

    /// Says how a function takes its parameters.
    pub fn set_params(&mut self, function: u32, params: Vec<Param>) {
        let at = function as usize;
        if self.params.len() <= at {
            self.params.resize(at + 1, vec![]);
        }
        self.params[at] = params;
    }

    /// What is known of a type.
    #[inline]
    pub fn facts(&mut self, ty: TypeId) -> Facts {
        match self.facts.get(ty.0 as usize) {
            Some(Some(facts)) => *facts,
            _ => self.find_facts(ty),
        }
    }

    /// Whether values of the type are copied bit by bit.
    #[inline]
    pub fn is_copy(&mut self, ty: TypeId) -> bool {
        match self.facts.get(ty.0 as usize) {
            Some(Some(facts)) => facts.copy,
            _ => self.find_facts(ty).copy,
        }
    }

    fn find_facts(&mut self, ty: TypeId) -> Facts {
        let facts = match self.layouts.layout(ty) {
            Err(_) => Facts {
                copy: true,
                ..Facts::default()
            },
            Ok(layout) => Facts {
                copy: layout.copy,
                boxed: layout.boxed,
                reference: layout.boxed || layout.body == Body::Reference,
                references: layout.slots.iter().enumerate().fold(0, |all, (i, kind)| {
                    let is_reference = matches!(kind, SlotKind::Ref | SlotKind::OptionRef);
                    all | u64::from(is_reference && i < 64) << i.min(63)
                }),
            },
        };
        let at = ty.0 as usize;
        if self.facts.len() <= at {
            self.facts.resize(at + 1, None);
        }
        self.facts[at] = Some(facts);
        facts
    }

    /// Where the parts of a product, or of one variant of a sum, lie among the own slots.
    pub fn parts(&mut self, ty: TypeId, variant: u32) -> Vec<(TypeId, u32)> {
        let placed = match self.layouts.layout(ty).map(|l| &l.body) {
            Ok(Body::Product(parts)) => parts.clone(),
            Ok(Body::Sum { variants, .. }) => {
                variants.get(variant as usize).cloned().unwrap_or_default()
            }
            Ok(Body::OptionRef(part)) if variant == 1 => vec![*part],
            _ => vec![],
        };
        placed.into_iter().map(|p| (p.ty, p.slot)).collect()
    }

    /// Follows a path.
    pub fn walk(&mut self, ty: TypeId, path: &[Step]) -> Place {
        let mut place = Place {
            ty,
            slot: 0,
            behind: false,
        };
        let mut variant = 0;
        for step in path {
            match step {
                Step::Variant(v) => variant = *v,
                Step::Field(field) => {
                    let boxed = self.facts(place.ty).boxed;
                    let part = match self.layouts.layout(place.ty).map(|l| &l.body) {
                        Ok(Body::Product(parts)) => parts.get(*field as usize).copied(),
                        Ok(Body::Sum { variants, .. }) => variants
                            .get(variant as usize)
                            .and_then(|v| v.get(*field as usize).copied()),
                        Ok(Body::OptionRef(part)) => Some(*part),
                        _ => None,
                    };
                    variant = 0;
                    let Some(part) = part else { return place };
                    if boxed {
                        place.behind = true;
                    } else if !place.behind {
                        place.slot += part.slot;
                    }
                    place.ty = part.ty;
                }
                Step::Index(_) | Step::Key(_) | Step::EntryKey(_) | Step::EntryValue(_) => {
                    place.behind = true;
                    place.ty = match (step, self.layouts.get(place.ty)) {
                        (Step::EntryKey(_), Some(Type::Map(key, _))) => *key,
                        (_, Some(Type::List(t) | Type::Set(t) | Type::Map(_, t))) => *t,
                        _ => self.layouts.intern(Type::I64),
                    };
                }
            }
        }
        place
    }
}

/// Where a path leads.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The type of what lies there.
    pub ty: TypeId,
    /// Its first own slot, or the own slot that holds the first reference followed.
    pub slot: u32,
    /// Whether a reference was followed.
    pub behind: bool,
}
