//! Puts `unique` before loops, where [`super::unique`] has found that it pays.
//!
//! A loop that never runs copies nothing, so `unique` stands behind a test:
//!
//! ```text
//!   %r = for %a..%b with %x { … }          %c = i64.lt %a %b
//!                                          %r = if %c {
//!                                            %u = unique %x 0
//!                                            %s = for %a..%b with %u { … }
//!                                            exit 0 %s
//!                                          } else { exit 0 %x }
//! ```
//!
//! A `loop` that begins by testing a condition is put behind a copy of that test. Other loops are left alone.

use super::draft::{Draft, Known, Node, change_operands, opens};
use crate::source::Span;
use cop_bytecode::{Instr, Op, Type, Types, Value, Values};
use rustc_hash::FxHashMap;

/// Loops in order, each by where it begins: for each parameter the own slots to make unique before it.
pub type Hoists = Vec<(usize, Vec<u64>)>;

/// Longest condition that is copied, in instructions.
const CONDITION: usize = 8;

/// Whether the loop there can be put behind a test.
pub fn can(code: &[Node], at: usize) -> bool {
    matches!(code[at].instr, Instr::For { .. }) || condition(code, at).is_some()
}

/// Where the `if` stands that begins a loop by leaving it unless a condition holds, if all before it can be copied.
fn condition(code: &[Node], at: usize) -> Option<usize> {
    let test = (at + 1..code.len().min(at + 2 + CONDITION)).find(|i| !is_plain(&code[*i].instr))?;
    let shape = [
        &code.get(test)?.instr,
        &code.get(test + 1)?.instr,
        &code.get(test + 2)?.instr,
        &code.get(test + 3)?.instr,
        &code.get(test + 4)?.instr,
    ];
    let fits = matches!(
        shape,
        [
            Instr::If { .. },
            Instr::Exit { depth: 0, .. },
            Instr::Else,
            Instr::Exit { depth: 1, .. },
            Instr::End
        ]
    );
    let mut outside = true;
    if let Instr::Exit { values, .. } = &code[test + 3].instr {
        // What leaves the loop there is what came to its head.
        let head = code[at].first..code[at].first + code[at].count;
        outside = values
            .iter()
            .all(|v| head.contains(&v.0) || v.0 < code[at].first);
    }
    (fits && outside).then_some(test)
}

fn is_plain(instr: &Instr) -> bool {
    matches!(
        instr,
        Instr::ConstI64(_)
            | Instr::ConstF64(_)
            | Instr::ConstBool(_)
            | Instr::ConstChar(_)
            | Instr::Get { .. }
            | Instr::Tag(_)
    ) || matches!(instr, Instr::Op { op, .. } if is_scalar(*op))
}

fn is_scalar(op: Op) -> bool {
    use cop_bytecode::table::Kind;
    matches!(
        op.row().result,
        Kind::I64 | Kind::F64 | Kind::Bool | Kind::Char
    )
}

/// Runs the pass.
pub fn run(draft: &mut Draft, known: &mut Known, hoists: &Hoists) {
    let mut code = std::mem::take(&mut draft.code);
    let mut pass = Pass {
        draft,
        known,
        out: Vec::with_capacity(code.len() + 16 * hoists.len()),
        open: vec![],
    };
    let mut hoists = hoists.iter().peekable();
    for at in 0..code.len() {
        let before = hoists.next_if(|(loop_at, _)| *loop_at == at);
        let before = before.and_then(|(_, slots)| {
            let wrapped = pass.wrap(&code, at)?;
            Some((wrapped, slots))
        });
        // What is behind it may still be looked at, not what is before it.
        let mut node = take(&mut code[at]);
        match before {
            Some((like, slots)) => {
                pass.unique(&mut node, &like, slots);
                pass.open.push(Open::Wrapped);
                pass.out.push(node);
            }
            None => pass.put(node),
        }
    }
    let out = std::mem::take(&mut pass.out);
    draft.code = out;
}

fn take(node: &mut Node) -> Node {
    Node {
        instr: std::mem::replace(&mut node.instr, Instr::End),
        ..*node
    }
}

/// Where an instruction comes from.
#[derive(Clone, Copy)]
struct Like(Span, u32);

/// An open region: as it was, or put around a loop.
enum Open {
    Plain,
    /// The loop inside the next one.
    Wrapper {
        types: Types,
        /// What the region gives if the loop does not run.
        otherwise: Values,
    },
    Wrapped,
}

struct Pass<'a> {
    draft: &'a mut Draft,
    known: &'a mut Known,
    out: Vec<Node>,
    open: Vec<Open>,
}

impl Pass<'_> {
    /// Puts an instruction out as it is.
    fn put(&mut self, mut node: Node) {
        match &mut node.instr {
            Instr::Exit { depth, .. } | Instr::Next { depth, .. } => {
                let mut left = *depth;
                let mut passed = 0;
                for open in self.open.iter().rev() {
                    if !matches!(open, Open::Wrapper { .. }) {
                        if left == 0 {
                            break;
                        }
                        left -= 1;
                    }
                    passed += 1;
                }
                *depth = passed;
            }
            Instr::End if matches!(self.open.pop(), Some(Open::Wrapped)) => {
                return self.unwrap(node);
            }
            instr if opens(instr) => self.open.push(Open::Plain),
            _ => {}
        }
        self.out.push(node);
    }

    fn emit(&mut self, Like(span, site): Like, instr: Instr, first: u32, count: u32) {
        self.out.push(Node {
            instr,
            first,
            count,
            span,
            site,
        });
    }

    /// Puts the loop there behind a test; its opening comes next. None if it cannot be.
    fn wrap(&mut self, code: &[Node], at: usize) -> Option<Like> {
        let node = &code[at];
        let like = Like(node.span, node.site);
        let bool = self.known.layouts.intern(Type::Bool);
        let (types, test, otherwise) = match &node.instr {
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                let test = self.draft.fresh(bool);
                let compare = Instr::Op {
                    op: Op::I64Lt,
                    ty: None,
                    args: [*from, *to].into(),
                };
                self.emit(like, compare, test, 1);
                (params.clone(), Value(test), start.clone())
            }
            Instr::Loop { start, results, .. } => {
                let end = condition(code, at)?;
                let (
                    Instr::If {
                        condition: test, ..
                    },
                    Instr::Exit {
                        values: otherwise, ..
                    },
                ) = (&code[end].instr, &code[end + 3].instr)
                else {
                    return None;
                };
                let mut renamed: FxHashMap<Value, Value> = FxHashMap::default();
                for (i, value) in start.iter().enumerate() {
                    renamed.insert(Value(node.first + i as u32), *value);
                }
                for part in &code[at + 1..end] {
                    let mut part = part.clone();
                    change_operands(&mut part.instr, &mut |v| {
                        *v = renamed.get(v).copied().unwrap_or(*v)
                    });
                    let made = self.draft.fresh(self.draft.values[part.first as usize]);
                    renamed.insert(Value(part.first), Value(made));
                    part.first = made;
                    self.out.push(part);
                }
                let new = |v: &Value| renamed.get(v).copied().unwrap_or(*v);
                let otherwise = otherwise.iter().map(new).collect();
                (results.clone(), new(test), otherwise)
            }
            _ => return None,
        };
        let results = types.clone();
        let open = Instr::If {
            condition: test,
            results,
        };
        self.emit(like, open, 0, 0);
        self.open.push(Open::Wrapper { types, otherwise });
        Some(like)
    }

    /// Makes own slots unique of what a loop begins with.
    fn unique(&mut self, node: &mut Node, like: &Like, slots: &[u64]) {
        let (Instr::Loop { start, .. } | Instr::For { start, .. }) = &mut node.instr else {
            return;
        };
        for (value, slots) in start.iter_mut().zip(slots) {
            for slot in (0..64).filter(|slot| slots >> slot & 1 == 1) {
                let made = self.draft.fresh(self.draft.ty(*value));
                let unique = Instr::Unique {
                    value: *value,
                    slot,
                };
                self.emit(*like, unique, made, 1);
                *value = Value(made);
            }
        }
    }

    /// Ends the loop behind a test.
    fn unwrap(&mut self, end: Node) {
        let Some(Open::Wrapper { types, otherwise }) = self.open.pop() else {
            return;
        };
        let like = Like(end.span, end.site);
        let results: Values = types
            .iter()
            .map(|t| Value(self.draft.fresh(t.ty)))
            .collect();
        let (first, count) = (results.first().map_or(0, |v| v.0), results.len() as u32);
        let exit = |values| Instr::Exit { depth: 0, values };
        self.emit(like, Instr::End, first, count);
        self.emit(like, exit(results), 0, 0);
        self.emit(like, Instr::Else, 0, 0);
        self.emit(like, exit(otherwise), 0, 0);
        self.out.push(end);
    }
}
