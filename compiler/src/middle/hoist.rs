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
use cop_bytecode::{Instr, Op, Type, Value, ValueType};
use rustc_hash::FxHashMap;

/// Per loop, by where it begins: for each parameter the own slots to make unique before it.
pub type Hoists = FxHashMap<usize, Vec<u64>>;

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
    let code = std::mem::take(&mut draft.code);
    let mut pass = Pass {
        draft,
        known,
        out: Vec::with_capacity(code.len() + 16 * hoists.len()),
        open: vec![],
    };
    for (at, node) in code.iter().enumerate() {
        match hoists.get(&at) {
            Some(slots) => pass.wrap(&code, at, slots),
            None => pass.copy(node),
        }
    }
    let out = std::mem::take(&mut pass.out);
    draft.code = out;
}

/// An open region: as it was, or put around a loop.
enum Open {
    Plain,
    /// The loop inside the next one.
    Wrapper {
        types: Vec<ValueType>,
        /// What the region gives if the loop does not run.
        otherwise: Vec<Value>,
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
    fn copy(&mut self, node: &Node) {
        let mut node = node.clone();
        if let Instr::Exit { depth, .. } | Instr::Next { depth, .. } = &mut node.instr {
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
        if opens(&node.instr) {
            self.open.push(Open::Plain);
        }
        if matches!(node.instr, Instr::End) && matches!(self.open.pop(), Some(Open::Wrapped)) {
            return self.unwrap(node);
        }
        self.out.push(node);
    }

    fn emit(&mut self, like: &Node, instr: Instr, first: u32, count: u32) {
        self.out.push(Node {
            instr,
            first,
            count,
            ..like.clone()
        });
    }

    /// Puts the loop behind a test.
    fn wrap(&mut self, code: &[Node], at: usize, slots: &[u64]) {
        let node = &code[at];
        let bool = self.known.layouts.intern(Type::Bool);
        let mut renamed: FxHashMap<Value, Value> = FxHashMap::default();
        let (start, types, test, otherwise) = match &node.instr {
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                let test = self.draft.fresh(bool);
                let args = vec![*from, *to];
                self.emit(
                    node,
                    Instr::Op {
                        op: Op::I64Lt,
                        ty: None,
                        args,
                    },
                    test,
                    1,
                );
                (start.clone(), params.clone(), Value(test), start.clone())
            }
            Instr::Loop { start, results, .. } => {
                let Some(end) = condition(code, at) else {
                    return self.copy(node);
                };
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
                let (Instr::If { condition, .. }, Instr::Exit { values, .. }) =
                    (&code[end].instr, &code[end + 3].instr)
                else {
                    return self.copy(node);
                };
                let new = |v: &Value| renamed.get(v).copied().unwrap_or(*v);
                let values = values.iter().map(new).collect();
                (start.clone(), results.clone(), new(condition), values)
            }
            _ => return self.copy(node),
        };
        let results = types.clone();
        self.emit(
            node,
            Instr::If {
                condition: test,
                results,
            },
            0,
            0,
        );
        self.open.push(Open::Wrapper { types, otherwise });
        let mut start = start;
        for (value, slots) in start.iter_mut().zip(slots) {
            for slot in (0..64).filter(|slot| slots >> slot & 1 == 1) {
                let made = self.draft.fresh(self.draft.ty(*value));
                self.emit(
                    node,
                    Instr::Unique {
                        value: *value,
                        slot,
                    },
                    made,
                    1,
                );
                *value = Value(made);
            }
        }
        let mut node = node.clone();
        if let Instr::Loop { start: from, .. } | Instr::For { start: from, .. } = &mut node.instr {
            *from = start;
        }
        self.open.push(Open::Wrapped);
        self.out.push(node);
    }

    /// Ends the loop behind a test.
    fn unwrap(&mut self, end: Node) {
        let Some(Open::Wrapper { types, otherwise }) = self.open.pop() else {
            return;
        };
        let results: Vec<Value> = types
            .iter()
            .map(|t| Value(self.draft.fresh(t.ty)))
            .collect();
        let first = results.first().map_or(0, |v| v.0);
        self.emit(&end, Instr::End, first, results.len() as u32);
        self.emit(
            &end,
            Instr::Exit {
                depth: 0,
                values: results,
            },
            0,
            0,
        );
        self.emit(&end, Instr::Else, 0, 0);
        self.emit(
            &end,
            Instr::Exit {
                depth: 0,
                values: otherwise,
            },
            0,
            0,
        );
        self.out.push(end);
    }
}
