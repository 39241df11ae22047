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
use cop_bytecode::{Instr, Op, Step, TypeId, Value, Values};

/// How often a function is gone over: what is left of one `match` may tell the next.
const ROUNDS: usize = 4;

/// Runs it on a function.
pub fn run(draft: &mut Draft, known: &mut Known) {
    let mut found = std::mem::take(&mut known.found);
    for _ in 0..ROUNDS {
        found.look_at(draft, known);
        if !found.any || !found.walk(&mut draft.code) {
            break;
        }
        sweep(&mut draft.code);
    }
    unused(&mut draft.code, &draft.values, known, &mut found.uses);
    sweep(&mut draft.code);
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
    /// Which of the parts have owners, as bits.
    owned: u64,
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
    /// The regions that are open: what a `switch` looks at, and the arm at hand.
    open: Vec<(Option<Value>, u32)>,
    /// What stands for each value, while code is changed.
    became: Vec<Value>,
    /// Whether there is something to do.
    any: bool,
}

impl Found {
    fn look_at(&mut self, draft: &Draft, known: &mut Known) {
        self.any = false;
        self.made.clear();
        self.compared.clear();
        self.facts.clear();
        self.facts.resize(draft.values.len(), Fact::Nothing);
        self.uses.clear();
        self.uses.resize(draft.values.len(), 0);
        self.open.clear();
        for node in &draft.code {
            let uses = &mut self.uses;
            each_operand(&node.instr, &mut |value| uses[value.0 as usize] += 1);
            self.note(node, draft, known);
        }
        for made in &self.made {
            let value = made.value as usize;
            match made.taken == self.uses[value] {
                true => self.any = true,
                false => self.facts[value] = Fact::Nothing,
            }
        }
    }

    fn note(&mut self, node: &Node, draft: &Draft, known: &mut Known) {
        let fact = match &node.instr {
            Instr::ConstI64(value) => Fact::Int(*value),
            Instr::ConstBool(value) => Fact::Bool(*value),
            Instr::New { variant, parts, .. } => {
                if parts.len() > 64 {
                    return;
                }
                let owned = parts
                    .iter()
                    .enumerate()
                    .map(|(at, part)| u64::from(!known.is_copy(draft.ty(*part))) << at);
                self.made.push(Made {
                    value: node.first,
                    variant: *variant,
                    parts: Values::new(),
                    owned: owned.sum(),
                    taken: 0,
                });
                Fact::Made(self.made.len() as u32 - 1)
            }
            Instr::Op { op, args, .. } => self.of_operation(*op, args),
            Instr::If { condition, .. } => {
                self.open.push((None, 0));
                self.any |= matches!(self.fact(*condition), Fact::Bool(_));
                return;
            }
            Instr::Switch { value, .. } => {
                self.open.push((Some(*value), 0));
                return self.take(*value, None);
            }
            Instr::Block { .. } | Instr::Loop { .. } | Instr::For { .. } => {
                return self.open.push((None, 0));
            }
            Instr::Else | Instr::Arm => {
                if let Some((_, arm)) = self.open.last_mut() {
                    *arm += 1;
                }
                return;
            }
            Instr::End => {
                self.open.pop();
                return;
            }
            Instr::Tag(value) | Instr::Drop(value) => return self.take(*value, None),
            Instr::Open { value, variant, .. } => return self.take(*value, Some(*variant)),
            Instr::Get { value, path } => {
                let variant = match &path[..] {
                    [Step::Field(_), ..] => Some(0),
                    [Step::Variant(variant), ..] => Some(*variant),
                    _ => return,
                };
                return self.take(*value, variant);
            }
            _ => return,
        };
        self.facts[node.first as usize] = fact;
    }

    /// Changes the code; gives whether another walk may find more.
    fn walk(&mut self, code: &mut Vec<Node>) -> bool {
        let mut became = std::mem::take(&mut self.became);
        became.clear();
        became.extend((0..self.facts.len() as u32).map(Value));
        let walk = Walk {
            found: self,
            open: vec![],
            became,
            last: 0,
            drops: vec![],
            simpler: false,
        };
        let (drops, simpler) = walk.go(code);
        // From the last on, so that the places of the others stay.
        for (at, part) in drops.into_iter().rev() {
            let instr = Instr::Drop(part);
            code.insert(at + 1, Node { instr, ..code[at] });
        }
        simpler
    }

    fn fact(&self, value: Value) -> Fact {
        self.facts[value.0 as usize]
    }

    /// Notes that a value is taken apart, as the variant if one is named. As another than it is, that happens in arms alone
    /// that are never taken.
    fn take(&mut self, value: Value, variant: Option<u32>) {
        let Fact::Made(at) = self.fact(value) else {
            return;
        };
        let made = &mut self.made[at as usize];
        let possible = variant.is_none_or(|variant| variant == made.variant)
            || self
                .open
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
    /// Where it opens, if it is a block.
    block: Option<usize>,
    /// Of several arms this one is all that is left.
    only_arm: bool,
    /// How many instructions leave it.
    exits: u32,
}

/// Changes the code of a function in place: what is done with is [`GONE`]. Uses are counted anew.
struct Walk<'a> {
    found: &'a mut Found,
    open: Vec<Region>,
    /// What stands for each value.
    became: Vec<Value>,
    /// The last instruction that stays.
    last: usize,
    /// Where a drop became several: what else is dropped behind the instruction there.
    drops: Vec<(usize, Value)>,
    /// Whether a region has gone, so that more may be known.
    simpler: bool,
}

impl Walk<'_> {
    /// Gives what is to be dropped in addition, and whether another walk may find more.
    fn go(mut self, code: &mut [Node]) -> (Vec<(usize, Value)>, bool) {
        self.found.uses.iter_mut().for_each(|uses| *uses = 0);
        let mut at = 0;
        while at < code.len() {
            let (before, rest) = code.split_at_mut(at);
            let Some(node) = rest.first_mut() else { break };
            at += 1;
            let became = &self.became;
            change_operands(&mut node.instr, &mut |value| {
                *value = became[value.0 as usize];
            });
            if let Some(arm) = self.arm_taken(&node.instr) {
                self.take_arm(node, at - 1);
                for _ in 0..arm {
                    at = skip(code, at);
                    code[at].instr = GONE;
                    at += 1;
                }
                continue;
            }
            match &mut node.instr {
                Instr::Else | Instr::Arm if self.open.last().is_some_and(|open| open.only_arm) => {
                    node.instr = GONE;
                    at = skip(code, at);
                    continue;
                }
                Instr::End => {
                    if self.close(node, before) {
                        at = skip(code, at);
                        continue;
                    }
                }
                Instr::Exit { depth, .. } => {
                    let region = self.open.len().checked_sub(1 + *depth as usize);
                    if let Some(region) = region {
                        self.open[region].exits += 1;
                    }
                }
                instr if opens(instr) => self.open.push(Region {
                    block: matches!(instr, Instr::Block { .. }).then_some(at - 1),
                    only_arm: false,
                    exits: 0,
                }),
                _ => self.simplify(node, at - 1),
            }
            if !node.is_gone() {
                self.last = at - 1;
                let uses = &mut self.found.uses;
                each_operand(&node.instr, &mut |value| uses[value.0 as usize] += 1);
            }
        }
        self.found.became = self.became;
        (self.drops, self.simpler)
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

    /// Opens a block in place of several arms.
    fn take_arm(&mut self, node: &mut Node, at: usize) {
        if let Instr::If { results, .. } | Instr::Switch { results, .. } = &mut node.instr {
            let results = std::mem::take(results);
            node.instr = Instr::Block { results };
        }
        self.open.push(Region {
            block: Some(at),
            only_arm: true,
            exits: 0,
        });
    }

    /// Closes a region. A block that is left at its end only is none, nor is one that is never left; that gives `true`: what
    /// follows it is never reached.
    fn close(&mut self, end: &mut Node, before: &mut [Node]) -> bool {
        let Some(region) = self.open.pop() else {
            return false;
        };
        let Some(opener) = region.block else {
            return false;
        };
        match (region.exits, &mut before[self.last].instr) {
            (0, _) => {}
            (1, exit @ Instr::Exit { depth: 0, .. }) => {
                if let Instr::Exit { values, .. } = std::mem::replace(exit, GONE) {
                    for (result, value) in (end.first..end.first + end.count).zip(values.iter()) {
                        self.found.uses[value.0 as usize] -= 1;
                        self.stands_for(result, *value);
                    }
                }
            }
            _ => return false,
        }
        let mut inside = 0;
        for node in &mut before[opener + 1..] {
            match &mut node.instr {
                Instr::Exit { depth, .. } | Instr::Next { depth, .. } if *depth > inside => {
                    *depth -= 1;
                }
                Instr::End => inside -= 1,
                instr if opens(instr) => inside += 1,
                _ => {}
            }
        }
        before[opener].instr = GONE;
        end.instr = GONE;
        self.simpler = true;
        region.exits == 0
    }

    /// Does what can be done of an instruction.
    fn simplify(&mut self, node: &mut Node, at: usize) {
        match &mut node.instr {
            Instr::Op { op, .. } => match self.found.facts[node.first as usize] {
                Fact::Int(value) => node.instr = Instr::ConstI64(value),
                Fact::Bool(value) => node.instr = Instr::ConstBool(value),
                Fact::Compared(at) if *op == Op::BoolNot => {
                    let (op, left, right) = self.found.compared[at as usize];
                    let args = [left, right].map(|value| self.became[value.0 as usize]);
                    let (args, ty) = (args.into(), None);
                    node.instr = Instr::Op { op, ty, args };
                }
                _ => {}
            },
            Instr::New { parts, .. } => {
                if let Fact::Made(at) = self.found.facts[node.first as usize] {
                    self.found.made[at as usize].parts = std::mem::take(parts);
                    node.instr = GONE;
                }
            }
            Instr::Tag(value) => {
                if let Some(made) = self.parts(*value) {
                    node.instr = Instr::ConstI64(i64::from(made.variant));
                }
            }
            Instr::Drop(value) => {
                let Fact::Made(made) = self.found.fact(*value) else {
                    return;
                };
                let Made { parts, owned, .. } = &self.found.made[made as usize];
                let owned =
                    |(part, value): (usize, &Value)| (owned >> part & 1 == 1).then_some(*value);
                let mut owners = parts.iter().enumerate().filter_map(owned);
                node.instr = owners.next().map_or(GONE, Instr::Drop);
                for owner in owners {
                    self.found.uses[owner.0 as usize] += 1;
                    self.drops.push((at, owner));
                }
            }
            Instr::Open { value, .. } => {
                let Fact::Made(at) = self.found.fact(*value) else {
                    return;
                };
                let parts = std::mem::take(&mut self.found.made[at as usize].parts);
                for (value, part) in (node.first..node.first + node.count).zip(parts.iter()) {
                    self.stands_for(value, *part);
                }
                self.found.made[at as usize].parts = parts;
                node.instr = GONE;
            }
            Instr::Get { value, path } => {
                let (field, rest) = match &path[..] {
                    [Step::Variant(_), Step::Field(field), rest @ ..]
                    | [Step::Field(field), rest @ ..] => (*field, rest),
                    _ => return,
                };
                let part = self
                    .parts(*value)
                    .and_then(|made| made.parts.get(field as usize));
                match part.copied() {
                    Some(part) if rest.is_empty() => {
                        self.stands_for(node.first, part);
                        node.instr = GONE;
                    }
                    Some(part) => {
                        *value = part;
                        *path = rest.to_vec().into();
                    }
                    None => {}
                }
            }
            _ => {}
        }
    }

    fn stands_for(&mut self, value: u32, part: Value) {
        self.became[value as usize] = part;
        self.found.facts[value as usize] = self.found.fact(part);
    }
}

/// Takes out the rest of an arm: gives where the `else` or `arm` is that follows, or the end of the region or the body.
fn skip(code: &mut [Node], from: usize) -> usize {
    let mut inside = 0;
    for (at, node) in code.iter_mut().enumerate().skip(from) {
        match &node.instr {
            Instr::End | Instr::Else | Instr::Arm if inside == 0 => return at,
            Instr::End => inside -= 1,
            instr if opens(instr) => inside += 1,
            _ => {}
        }
        node.instr = GONE;
    }
    code.len()
}

/// Takes out what nobody uses and cannot trap, the last first.
fn unused(code: &mut [Node], types: &[TypeId], known: &mut Known, uses: &mut [u32]) {
    for node in code.iter_mut().rev() {
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
                op.row().traps.is_empty() && known.is_copy(types[node.first as usize])
            }
            Instr::New { ty, .. } => known.is_copy(*ty),
            _ => false,
        };
        if idle {
            each_operand(&node.instr, &mut |value| uses[value.0 as usize] -= 1);
            node.instr = GONE;
        }
    }
}
