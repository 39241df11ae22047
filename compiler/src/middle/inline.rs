//! Puts bodies of functions where they are called.
//!
//! Functions are looked at callees first, so what is put in has had its own calls replaced already. Put in is what is
//! small, and what is called from one place only (the functions of lambdas, mostly) unless it is large. A function
//! that calls itself stays a function, and so does one that never comes back.
//!
//! A body that returns at its end only is put in as it stands; else it becomes a block, and its returns leave that.
//! Each instruction keeps its place in the source and knows the call it came in by, for backtraces.

use super::draft::{Draft, Known, Node, Site, callees, change_operands, ends, opens};
use cop_bytecode::{Instr, Mode, Own, Value, ValueType, Values, limits};

/// Largest body that is put in wherever it is called; see [`counts`].
const SMALL: usize = 14;
/// Largest body that is put in where it is called from one place only.
const ONCE: usize = 150;
/// A function that has grown to this many instructions takes in nothing more.
const LARGEST: usize = 4_000;

/// What is put in where it is called.
pub struct Bodies {
    /// Per function, how it is put in, if it has been looked at and is to be.
    bodies: Vec<Option<Body>>,
    /// How often each is called; being made a closure of counts as twice.
    calls: Vec<u32>,
    /// Whether it is the function of an entry point.
    is_root: Vec<bool>,
}

impl Bodies {
    /// Of a program whose entry points reach these functions.
    pub fn new(functions: &[Option<Draft>], reached: &[u32], roots: &[u32]) -> Bodies {
        let mut calls = vec![0u32; functions.len()];
        let reached = reached
            .iter()
            .filter_map(|number| functions[*number as usize].as_ref());
        for callee in reached.flat_map(|draft| &draft.callees) {
            calls[callee.function as usize] += if callee.called { 1 } else { 2 };
        }
        let mut is_root = vec![false; functions.len()];
        roots.iter().for_each(|root| is_root[*root as usize] = true);
        let mut bodies = vec![];
        bodies.resize_with(functions.len(), || None);
        Bodies {
            bodies,
            calls,
            is_root,
        }
    }

    /// Puts into a function what has been looked at and is to be put in, and looks at it.
    pub fn look_at(&mut self, number: u32, functions: &mut [Option<Draft>], known: &mut Known) {
        let at = number as usize;
        let Some(mut draft) = functions[at].take() else {
            return;
        };
        put_in(&mut draft, &self.bodies, functions, known);
        let once = self.calls[at] == 1 && !self.is_root[at];
        self.bodies[at] = Body::of(&draft, number, self.calls[at], once);
        functions[at] = Some(draft);
    }

    /// Whether a function that was looked at is put in elsewhere.
    pub fn is_put_in(&self, number: u32) -> bool {
        self.bodies[number as usize].is_some()
    }

    /// Whether a function that was looked at is put in at several places.
    pub fn is_shared(&self, number: u32) -> bool {
        let body = self.bodies[number as usize].as_ref();
        body.is_some_and(|body| !body.once)
    }
}

/// How a body is put in.
struct Body {
    /// It returns only at its end.
    plain: bool,
    /// It is called from one place, and no longer needed once it stands there.
    once: bool,
    depth: usize,
    /// How many instructions it has.
    length: usize,
}

impl Body {
    /// None if it is not put in anywhere.
    fn of(draft: &Draft, number: u32, calls: u32, once: bool) -> Option<Body> {
        if draft.params.len() > limits::PARAMETERS {
            return None;
        }
        let largest = if calls == 1 { ONCE } else { SMALL };
        let (mut weight, mut returns, mut depth, mut deepest) = (0, 0, 0usize, 0);
        for node in &draft.code {
            weight += usize::from(counts(&node.instr));
            if weight > largest {
                return None;
            }
            match &node.instr {
                Instr::Call { function, .. } if *function == number => return None,
                Instr::Ret { .. } => returns += 1,
                Instr::End => depth = depth.saturating_sub(1),
                instr if opens(instr) => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                _ => {}
            }
        }
        if returns == 0 {
            return None;
        }
        let last = draft.code.last().map(|n| &n.instr);
        Some(Body {
            plain: returns == 1 && matches!(last, Some(Instr::Ret { .. })),
            once,
            depth: deepest,
            length: draft.code.len(),
        })
    }
}

/// Whether an instruction counts for how much a body does: constants, and what only marks regions, do not.
fn counts(instr: &Instr) -> bool {
    !matches!(
        instr,
        Instr::ConstI64(_)
            | Instr::ConstF64(_)
            | Instr::ConstBool(_)
            | Instr::ConstChar(_)
            | Instr::ConstUnit
            | Instr::Block { .. }
            | Instr::Else
            | Instr::Arm
            | Instr::End
            | Instr::Exit { .. }
    )
}

/// Replaces calls by bodies.
fn put_in(
    draft: &mut Draft,
    bodies: &[Option<Body>],
    functions: &mut [Option<Draft>],
    known: &mut Known,
) {
    let body_of = |node: &Node| match node.instr {
        Instr::Call { function, .. } => bodies[function as usize].as_ref(),
        _ => None,
    };
    let Some(first) = draft.code.iter().position(|n| body_of(n).is_some()) else {
        return;
    };
    let longer = draft.code[first..].iter().filter_map(body_of);
    let longer: usize = longer.map(|body| body.length + 1).sum();
    let code = std::mem::take(&mut draft.code);
    let mut out: Vec<Node> = Vec::with_capacity(code.len() + longer);
    // What became of the results of calls.
    let mut became: Vec<Value> = (0..draft.values.len() as u32).map(Value).collect();
    let mut depth = 0usize;
    for (at, mut node) in code.into_iter().enumerate() {
        if at > first {
            change_operands(&mut node.instr, &mut |v| *v = became[v.0 as usize]);
        }
        if opens(&node.instr) {
            depth += 1;
        } else if matches!(node.instr, Instr::End) {
            depth = depth.saturating_sub(1);
        }
        let Instr::Call { function, args } = &mut node.instr else {
            out.push(node);
            continue;
        };
        let number = *function as usize;
        let callee = functions.get_mut(number);
        let (Some(callee), Some(body)) = (callee, bodies.get(number).and_then(Option::as_ref))
        else {
            out.push(node);
            continue;
        };
        if out.len() + body.length > LARGEST || depth + body.depth + 1 > limits::REGION_DEPTH {
            out.push(node);
            continue;
        }
        let given = std::mem::take(args);
        let whole;
        let (taken, code) = match callee {
            Some(callee) if !body.once => (&*callee, Code::Shared(callee.code.iter())),
            callee => {
                let Some(mut only) = callee.take() else {
                    node.instr = Instr::Call {
                        function: number as u32,
                        args: given,
                    };
                    out.push(node);
                    continue;
                };
                let code = std::mem::take(&mut only.code);
                whole = only;
                (&whole, Code::Taken(code.into_iter()))
            }
        };
        let results = put_in_one(
            draft, taken, code, body.plain, &node, &given, &mut out, known,
        );
        for (value, result) in (node.first..node.first + node.count).zip(&results) {
            became[value as usize] = *result;
        }
    }
    if out.capacity() > out.len() + out.len() / 4 {
        out.shrink_to_fit();
    }
    draft.callees = callees(&out);
    draft.code = out;
}

/// The instructions of a body that is put in: copies, or the only ones.
enum Code<'a> {
    Shared(std::slice::Iter<'a, Node>),
    Taken(std::vec::IntoIter<Node>),
}

impl Iterator for Code<'_> {
    type Item = Node;

    fn next(&mut self) -> Option<Node> {
        match self {
            Code::Shared(nodes) => nodes.next().cloned(),
            Code::Taken(nodes) => nodes.next(),
        }
    }
}

/// Puts one body in; gives what the call's results are.
#[allow(clippy::too_many_arguments)] // They are what there is to know of a call.
fn put_in_one(
    draft: &mut Draft,
    callee: &Draft,
    code: Code,
    plain: bool,
    call: &Node,
    given: &[Value],
    out: &mut Vec<Node>,
    known: &mut Known,
) -> Values {
    let base = draft.values.len() as u32;
    let params = callee.params.len() as u32;
    draft
        .values
        .extend_from_slice(&callee.values[params as usize..]);
    let renamed = |v: Value| match given.get(v.0 as usize) {
        Some(given) => *given,
        None => Value(base + v.0 - params),
    };
    let sites = draft.sites.len() as u32;
    draft.sites.push(Site {
        callee: callee.name.clone(),
        span: call.span,
        parent: call.site,
    });
    draft.sites.extend(callee.sites.iter().map(|site| Site {
        parent: if site.parent == 0 {
            sites + 1
        } else {
            sites + 1 + site.parent
        },
        ..site.clone()
    }));
    if !plain {
        let inouts = callee
            .params
            .iter()
            .filter(|p| p.mode == Mode::InOut)
            .map(|p| p.ty);
        let types = std::iter::once(callee.result).chain(inouts);
        let results = types
            .map(|ty| ValueType {
                ty,
                own: if known.is_copy(ty) {
                    Own::Copy
                } else {
                    Own::Owned { unique: 0 }
                },
            })
            .collect();
        out.push(Node {
            instr: Instr::Block { results },
            first: 0,
            count: 0,
            span: call.span,
            site: call.site,
        });
    }
    let mut open = 0u32;
    let mut results = Values::new();
    for mut node in code {
        node.site = if node.site == 0 {
            sites + 1
        } else {
            sites + 1 + node.site
        };
        if node.count > 0 {
            node.first = base + node.first - params;
        }
        change_operands(&mut node.instr, &mut |v| *v = renamed(*v));
        if opens(&node.instr) {
            open += 1;
        } else if matches!(node.instr, Instr::End) {
            open -= 1;
        }
        if let Instr::Ret { values } = &mut node.instr {
            let values = std::mem::take(values);
            if plain {
                results = values;
                break;
            }
            node.instr = Instr::Exit {
                depth: open,
                values,
            };
        }
        out.push(node);
    }
    if plain {
        return results;
    }
    debug_assert!(
        out.last().is_some_and(|n| ends(&n.instr)),
        "a body ends with a way out"
    );
    out.push(Node {
        instr: Instr::End,
        first: call.first,
        count: call.count,
        span: call.span,
        site: call.site,
    });
    (call.first..call.first + call.count).map(Value).collect()
}
