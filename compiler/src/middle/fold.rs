//! What is known when a program is compiled is not found out when it runs.
//!
//! **constants**: operations on constants are done, and a length is known not to be the greatest integer, which `a..=b` asks
//! for. An `if` on a constant is the arm that it takes.
//!
//! **parts**: a struct, tuple or variant that is only taken apart where it was made is not made; a `match` on it is the arm
//! of its variant.
//!
//! **blocks** that are left at their end only stand in line, and what nobody uses and cannot trap is not done.
//!
//! What would trap is left as it is, with its place in the source.

use super::draft::{Draft, Known, Node, change_operands, each_operand, opens};
use super::remove::{GONE, sweep};
use cop_bytecode::{Instr, Op, Step, Value, Values};

/// How often a function is gone over: what is left of one `match` may tell the next.
const ROUNDS: usize = 4;

/// Runs it on a function.
pub fn run(draft: &mut Draft, known: &mut Known) {
    let mut found = std::mem::take(&mut known.found);
    for _ in 0..ROUNDS {
        found.look_at(draft);
        if !found.any {
            break;
        }
        Walk::new(&mut found, draft, known).go();
    }
    if found.any {
        found.count_uses(draft);
    }
    unused(draft, known, &mut found.uses);
    known.found = found;
}

/// What is known of a value.
#[derive(Clone, Copy, PartialEq)]
enum Fact {
    Nothing,
    Int(i64),
    Bool(bool),
    /// From 0 on, and less than the greatest integer.
    Length,
    /// A comparison of two integers, by its index in [`Found::compared`].
    Compared(u32),
    /// Made there, by its index in [`Found::made`].
    Made(u32),
}

/// A struct, tuple or variant that is made in the function.
struct Made {
    value: u32,
    variant: u32,
    parts: Values,
    /// How often it is taken apart, looked into or dropped.
    taken: u32,
}

/// What there is to know of a function; kept from function to function for its room.
#[derive(Default)]
pub struct Found {
    facts: Vec<Fact>,
    uses: Vec<u32>,
    made: Vec<Made>,
    compared: Vec<(Op, Value, Value)>,
    /// Whether there is something to do.
    any: bool,
}

impl Found {
    fn look_at(&mut self, draft: &Draft) {
        self.any = false;
        self.made.clear();
        self.compared.clear();
        self.facts.clear();
        self.facts.resize(draft.values.len(), Fact::Nothing);
        self.uses.clear();
        self.uses.resize(draft.values.len(), 0);
        // The regions that are open: what a `switch` looks at, and the arm at hand.
        let mut open: Vec<(Option<Value>, u32)> = vec![];
        for node in &draft.code {
            let Found { uses, .. } = self;
            each_operand(&node.instr, &mut |value| uses[value.0 as usize] += 1);
            match &node.instr {
                Instr::Switch { value, .. } => open.push((Some(*value), 0)),
                instr if opens(instr) => open.push((None, 0)),
                Instr::Else | Instr::Arm => {
                    if let Some((_, arm)) = open.last_mut() {
                        *arm += 1;
                    }
                }
                Instr::End => {
                    open.pop();
                }
                _ => {}
            }
            self.note(node, &open);
        }
        for made in &self.made {
            let value = made.value as usize;
            match made.taken == self.uses[value] {
                true => self.any = true,
                false => self.facts[value] = Fact::Nothing,
            }
        }
    }

    fn note(&mut self, node: &Node, open: &[(Option<Value>, u32)]) {
        let fact = match &node.instr {
            Instr::ConstI64(value) => Fact::Int(*value),
            Instr::ConstBool(value) => Fact::Bool(*value),
            Instr::New { variant, parts, .. } => {
                self.made.push(Made {
                    value: node.first,
                    variant: *variant,
                    parts: parts.clone(),
                    taken: 0,
                });
                Fact::Made(self.made.len() as u32 - 1)
            }
            Instr::Op { op, args, .. } => self.of_operation(*op, args),
            Instr::If { condition, .. } => {
                self.any |= matches!(self.fact(*condition), Fact::Bool(_));
                return;
            }
            Instr::Switch { value, .. } | Instr::Tag(value) | Instr::Drop(value) => {
                return self.take(*value, None, open);
            }
            Instr::Open { value, variant, .. } => {
                return self.take(*value, Some(*variant), open);
            }
            Instr::Get { value, path } => {
                let variant = match &path[..] {
                    [Step::Field(_), ..] => Some(0),
                    [Step::Variant(variant), ..] => Some(*variant),
                    _ => return,
                };
                return self.take(*value, variant, open);
            }
            _ => return,
        };
        self.facts[node.first as usize] = fact;
    }

    fn fact(&self, value: Value) -> Fact {
        self.facts[value.0 as usize]
    }

    /// Notes that a value is taken apart, as the variant if one is named. As another than it is, that happens in arms alone
    /// that are never taken.
    fn take(&mut self, value: Value, variant: Option<u32>, open: &[(Option<Value>, u32)]) {
        let Fact::Made(at) = self.fact(value) else {
            return;
        };
        let made = &mut self.made[at as usize];
        let possible = variant.is_none_or(|variant| variant == made.variant)
            || open
                .iter()
                .any(|(on, arm)| *on == Some(value) && *arm != made.variant);
        made.taken += u32::from(possible);
    }

    fn of_operation(&mut self, op: Op, args: &[Value]) -> Fact {
        let of = |at: usize| {
            args.get(at)
                .map_or(Fact::Nothing, |value| self.fact(*value))
        };
        let known = match (op, of(0), of(1)) {
            (Op::StringLen | Op::BytesLen | Op::ListLen | Op::MapLen | Op::SetLen, ..) => {
                return Fact::Length;
            }
            (Op::I64Eq, Fact::Length, Fact::Int(i64::MAX)) => Fact::Bool(false),
            (Op::I64Lt, Fact::Length, Fact::Int(0)) => Fact::Bool(false),
            (Op::BoolNot, Fact::Bool(value), _) => Fact::Bool(!value),
            (Op::BoolNot, Fact::Compared(at), _) => {
                self.any = true;
                let (op, left, right) = self.compared[at as usize];
                return self.compare(opposite(op), left, right);
            }
            (_, Fact::Int(left), Fact::Int(right)) => of_integers(op, left, right),
            (op, ..) if opposite(op) != op => return self.compare(op, args[0], args[1]),
            _ => return Fact::Nothing,
        };
        self.any |= known != Fact::Nothing;
        known
    }

    fn compare(&mut self, op: Op, left: Value, right: Value) -> Fact {
        self.compared.push((op, left, right));
        Fact::Compared(self.compared.len() as u32 - 1)
    }

    fn count_uses(&mut self, draft: &Draft) {
        let uses = &mut self.uses;
        uses.clear();
        uses.resize(draft.values.len(), 0);
        for node in &draft.code {
            each_operand(&node.instr, &mut |value| uses[value.0 as usize] += 1);
        }
    }
}

/// The comparison of integers that holds when this one does not; of other operations themselves.
fn opposite(op: Op) -> Op {
    match op {
        Op::I64Eq => Op::I64Ne,
        Op::I64Ne => Op::I64Eq,
        Op::I64Lt => Op::I64Ge,
        Op::I64Ge => Op::I64Lt,
        Op::I64Gt => Op::I64Le,
        Op::I64Le => Op::I64Gt,
        other => other,
    }
}

/// What an operation on two integers gives, unless it traps.
fn of_integers(op: Op, left: i64, right: i64) -> Fact {
    let number = match op {
        Op::I64Add => left.checked_add(right),
        Op::I64Sub => left.checked_sub(right),
        Op::I64Mul => left.checked_mul(right),
        Op::I64Div => left.checked_div(right),
        Op::I64Rem => left.checked_rem(right),
        Op::I64AddWrap => Some(left.wrapping_add(right)),
        Op::I64SubWrap => Some(left.wrapping_sub(right)),
        Op::I64MulWrap => Some(left.wrapping_mul(right)),
        Op::I64And => Some(left & right),
        Op::I64Or => Some(left | right),
        Op::I64Xor => Some(left ^ right),
        Op::I64Shl if (0..64).contains(&right) => Some(left << right),
        Op::I64Shr if (0..64).contains(&right) => Some(left >> right),
        Op::I64UShr if (0..64).contains(&right) => Some((left as u64 >> right) as i64),
        _ => None,
    };
    if let Some(number) = number {
        return Fact::Int(number);
    }
    Fact::Bool(match op {
        Op::I64Eq => left == right,
        Op::I64Ne => left != right,
        Op::I64Lt => left < right,
        Op::I64Le => left <= right,
        Op::I64Gt => left > right,
        Op::I64Ge => left >= right,
        _ => return Fact::Nothing,
    })
}

/// A region that is open.
struct Region {
    /// Where it opens in the new code, if it is a block.
    block: Option<usize>,
    /// Of several arms this one is all that is left.
    only_arm: bool,
    /// How many instructions leave it.
    exits: u32,
}

/// Writes the code of a function anew.
struct Walk<'a> {
    found: &'a mut Found,
    draft: &'a mut Draft,
    known: &'a mut Known,
    out: Vec<Node>,
    open: Vec<Region>,
    /// What stands for each value.
    became: Vec<Value>,
    /// Openers and ends of blocks are to be taken out.
    sweep: bool,
}

impl<'a> Walk<'a> {
    fn new(found: &'a mut Found, draft: &'a mut Draft, known: &'a mut Known) -> Self {
        Walk {
            out: Vec::with_capacity(draft.code.len()),
            became: (0..draft.values.len() as u32).map(Value).collect(),
            found,
            draft,
            known,
            open: vec![],
            sweep: false,
        }
    }

    fn go(mut self) {
        let mut code = std::mem::take(&mut self.draft.code).into_iter();
        let mut next = code.next();
        while let Some(mut node) = next.take().or_else(|| code.next()) {
            let became = &self.became;
            change_operands(&mut node.instr, &mut |value| {
                *value = became[value.0 as usize];
            });
            if let Some(arm) = self.arm_taken(&node.instr) {
                self.take_arm(node, arm, &mut code);
                continue;
            }
            match &mut node.instr {
                Instr::Else | Instr::Arm if self.open.last().is_some_and(|open| open.only_arm) => {
                    next = skip_to_end(&mut code);
                    continue;
                }
                Instr::End => {
                    if self.close(node) {
                        next = skip(&mut code);
                    }
                    continue;
                }
                Instr::Exit { depth, .. } => {
                    let region = self.open.len().checked_sub(1 + *depth as usize);
                    if let Some(region) = region {
                        self.open[region].exits += 1;
                    }
                }
                instr if opens(instr) => self.open.push(Region {
                    block: matches!(instr, Instr::Block { .. }).then_some(self.out.len()),
                    only_arm: false,
                    exits: 0,
                }),
                _ => {
                    if self.done(&mut node) {
                        continue;
                    }
                }
            }
            self.out.push(node);
        }
        let mut out = self.out;
        if self.sweep {
            sweep(&mut out);
        }
        self.draft.code = out;
    }

    /// The arm that an instruction is known to take.
    fn arm_taken(&self, instr: &Instr) -> Option<u32> {
        match instr {
            Instr::If { condition, .. } => match self.found.fact(*condition) {
                Fact::Bool(condition) => Some(u32::from(!condition)),
                _ => None,
            },
            Instr::Switch { value, .. } => self.parts(*value).map(|made| made.variant),
            _ => None,
        }
    }

    /// A value that is not made.
    fn parts(&self, value: Value) -> Option<&Made> {
        match self.found.fact(value) {
            Fact::Made(at) => self.found.made.get(at as usize),
            _ => None,
        }
    }

    /// Goes on with one arm, as a block.
    fn take_arm(&mut self, mut node: Node, arm: u32, code: &mut impl Iterator<Item = Node>) {
        for _ in 0..arm {
            skip(code);
        }
        if let Instr::If { results, .. } | Instr::Switch { results, .. } = node.instr {
            node.instr = Instr::Block { results };
        }
        self.open.push(Region {
            block: Some(self.out.len()),
            only_arm: true,
            exits: 0,
        });
        self.out.push(node);
    }

    /// Closes a region. A block that is left at its end only is none, nor is one that is never left; that gives `true`: what
    /// follows it is never reached.
    fn close(&mut self, end: Node) -> bool {
        let Some(region) = self.open.pop() else {
            self.out.push(end);
            return false;
        };
        let last = self.out.last().map(|node| &node.instr);
        let opener = match (region.block, region.exits, last) {
            (Some(opener), 0, _) => opener,
            (Some(opener), 1, Some(Instr::Exit { depth: 0, values })) => {
                for (result, value) in (end.first..end.first + end.count).zip(values.iter()) {
                    self.became[result as usize] = *value;
                    self.found.facts[result as usize] = self.found.fact(*value);
                }
                self.out.pop();
                opener
            }
            _ => {
                self.out.push(end);
                return false;
            }
        };
        let mut inside = 0;
        for node in &mut self.out[opener + 1..] {
            match &mut node.instr {
                Instr::Exit { depth, .. } | Instr::Next { depth, .. } if *depth > inside => {
                    *depth -= 1;
                }
                Instr::End => inside -= 1,
                instr if opens(instr) => inside += 1,
                _ => {}
            }
        }
        self.out[opener].instr = GONE;
        self.sweep = true;
        region.exits == 0
    }

    /// Does what can be done of an instruction; gives whether that is all.
    fn done(&mut self, node: &mut Node) -> bool {
        match &mut node.instr {
            Instr::Op { op, .. } => {
                let fact = self.found.facts[node.first as usize];
                match fact {
                    Fact::Int(value) => node.instr = Instr::ConstI64(value),
                    Fact::Bool(value) => node.instr = Instr::ConstBool(value),
                    Fact::Compared(at) if matches!(op, Op::BoolNot) => {
                        let (op, left, right) = self.found.compared[at as usize];
                        let args = [left, right].map(|value| self.became[value.0 as usize]);
                        let (args, ty) = (args.into(), None);
                        node.instr = Instr::Op { op, ty, args };
                    }
                    _ => {}
                }
                false
            }
            Instr::New { parts, .. } => {
                let Fact::Made(at) = self.found.facts[node.first as usize] else {
                    return false;
                };
                self.found.made[at as usize].parts = std::mem::take(parts);
                true
            }
            Instr::Tag(value) => {
                if let Some(made) = self.parts(*value) {
                    node.instr = Instr::ConstI64(i64::from(made.variant));
                }
                false
            }
            Instr::Drop(value) => {
                let Some(made) = self.parts(*value) else {
                    return false;
                };
                for part in made.parts.clone().iter() {
                    if !self.known.is_copy(self.draft.ty(*part)) {
                        self.out.push(Node {
                            instr: Instr::Drop(*part),
                            ..*node
                        });
                    }
                }
                true
            }
            Instr::Open { value, .. } => {
                let Some(made) = self.parts(*value) else {
                    return false;
                };
                let parts = made.parts.clone();
                for (value, part) in (node.first..node.first + node.count).zip(parts.iter()) {
                    self.stands_for(value, *part);
                }
                true
            }
            Instr::Get { value, path } => {
                let Fact::Made(at) = self.found.facts[value.0 as usize] else {
                    return false;
                };
                let steps = match &path[..] {
                    [Step::Variant(_), Step::Field(field), rest @ ..]
                    | [Step::Field(field), rest @ ..] => Some((*field, rest.to_vec())),
                    _ => None,
                };
                let Some((field, rest)) = steps else {
                    return false;
                };
                let made = &self.found.made[at as usize];
                let Some(&part) = made.parts.get(field as usize) else {
                    return false;
                };
                if rest.is_empty() {
                    self.stands_for(node.first, part);
                    return true;
                }
                *value = part;
                *path = rest.into();
                false
            }
            _ => false,
        }
    }

    fn stands_for(&mut self, value: u32, part: Value) {
        self.became[value as usize] = part;
        self.found.facts[value as usize] = self.found.fact(part);
    }
}

/// Steps over the rest of an arm: gives the `else` or `arm` that follows, or the end of the region.
fn skip(code: &mut impl Iterator<Item = Node>) -> Option<Node> {
    let mut inside = 0;
    for node in code {
        match node.instr {
            Instr::End | Instr::Else | Instr::Arm if inside == 0 => return Some(node),
            Instr::End => inside -= 1,
            ref instr if opens(instr) => inside += 1,
            _ => {}
        }
    }
    None
}

/// Steps over the rest of a region, and gives its end.
fn skip_to_end(code: &mut impl Iterator<Item = Node>) -> Option<Node> {
    loop {
        let node = skip(code)?;
        if matches!(node.instr, Instr::End) {
            return Some(node);
        }
    }
}

/// Takes out what nobody uses and cannot trap, the last first.
fn unused(draft: &mut Draft, known: &mut Known, uses: &mut [u32]) {
    let mut any = false;
    for at in (0..draft.code.len()).rev() {
        let node = &draft.code[at];
        let defined = node.first..node.first + node.count;
        if node.count == 0 || defined.into_iter().any(|value| uses[value as usize] > 0) {
            continue;
        }
        let idle = match &node.instr {
            Instr::ConstI64(_)
            | Instr::ConstF64(_)
            | Instr::ConstBool(_)
            | Instr::ConstChar(_)
            | Instr::ConstUnit
            | Instr::Tag(_) => true,
            Instr::Get { path, .. } => path.iter().all(|step| matches!(step, Step::Field(_))),
            Instr::Op { op, .. } => {
                op.row().traps.is_empty() && known.is_copy(draft.values[node.first as usize])
            }
            Instr::New { ty, .. } => known.is_copy(*ty),
            _ => false,
        };
        if idle {
            each_operand(&node.instr, &mut |value| uses[value.0 as usize] -= 1);
            draft.code[at].instr = GONE;
            any = true;
        }
    }
    if any {
        sweep(&mut draft.code);
    }
}
