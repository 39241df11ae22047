//! The walk over a function's instructions.

use std::collections::{BTreeMap, BTreeSet};

use cop_bytecode::instr::{Instr, Step, Value, ValueType};
use cop_bytecode::limits::ELEMENTS;
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Function, Op, UpdateOp};

use super::bounds::{Bounds, Known, Sum};
use super::{ABOVE, FAILS, Facts, HOLDS, INSIDE, Kind, STEPS};

/// Instructions are walked so many times at most, on average.
const TIMES: usize = 16;
/// After so many walks over a loop nothing is taken to stay as it was.
const TRIES: u8 = 3;
/// What a way out has learned is kept if it is not more.
const LEARNED: usize = 128;

/// How a truth value was made.
#[derive(Clone, Copy)]
pub(super) enum Truth {
    Unknown,
    Constant(bool),
    Compare(Op, Value, Value),
    Not(Value),
    /// Both hold.
    Both(Value, Value),
    /// One of them holds.
    Either(Value, Value),
}

/// What a loop's parameter is taken to keep of its start.
#[derive(Clone, Copy, Default)]
struct Kept {
    /// It is the start itself, which is certain.
    same: bool,
    /// It is never less than the start's least value.
    low: Option<i128>,
    /// It is never more than the start's greatest value.
    high: Option<i128>,
    /// It is never less than the start.
    above: bool,
    /// It is never more than the start.
    below: bool,
    /// It is as long as the start.
    length: bool,
    /// A way out of a counting loop gives something else than the parameter.
    other: bool,
}

/// What is known about a number at a way out of a region.
struct Left {
    sum: Sum,
    low: i128,
    high: i128,
    uppers: Vec<Sum>,
    lowers: Vec<Sum>,
}

/// A way out of a region.
struct Exit {
    /// In which arm it stands.
    arm: u32,
    values: Vec<Value>,
    numbers: Vec<Option<Left>>,
    lengths: Vec<Option<Sum>>,
    learned: Option<Vec<Known>>,
}

enum Region {
    Block,
    If(Value),
    Switch,
    Loop(Turn),
    For(Turn),
}

/// What belongs to a loop.
struct Turn {
    start: Vec<Value>,
    /// Number of its first value: the index of a counting loop, else the first parameter.
    first: u32,
    params: usize,
    kept: Vec<Kept>,
    failed: bool,
    tries: u8,
    /// To walk it again: the numbering, and how many ways out the regions around had.
    numbering: Numbering,
    exits: Vec<usize>,
}

struct Open {
    at: usize,
    region: Region,
    results: usize,
    /// What was known and which terms there were when it was opened.
    mark: usize,
    terms: usize,
    dead: bool,
    /// Which of its arms is walked.
    arm: u32,
    exits: Vec<Exit>,
}

pub(super) struct Walk<'a> {
    function: &'a Function,
    kinds: &'a [Kind],
    pub(super) bounds: Bounds,
    /// Per value, if it is a number.
    numbers: Vec<Sum>,
    truths: Vec<Truth>,
    pub(super) facts: Facts,
    open: Vec<Open>,
    /// What is walked is never reached.
    dead: bool,
    numbering: Numbering,
    /// Per loop, the instructions that begin its next turn.
    turns: BTreeMap<usize, Vec<usize>>,
    /// Per value, the instruction that defines it.
    makers: Vec<u32>,
}

/// The end of a range that a loop's parameter keeps.
fn narrowed(kept: bool, old: i128, new: i128, wider: bool) -> Option<i128> {
    match kept {
        true => Some(old),
        false => wider.then_some(new),
    }
}

/// Walks a function; nothing if that would take too long.
pub(super) fn walk(
    function: &Function,
    kinds: &[Kind],
    call_results: &dyn Fn(u32) -> Option<u32>,
) -> Option<Facts> {
    let values = kinds.len();
    let mut walk = Walk {
        function,
        kinds,
        bounds: Bounds::new(),
        numbers: vec![Sum::constant(0); values],
        truths: vec![Truth::Unknown; values],
        facts: Facts::nothing(function.body.len(), values),
        open: Vec::new(),
        dead: false,
        numbering: Numbering::new(function.params.len()),
        turns: turns(&function.body),
        makers: makers(function, values, call_results)?,
    };
    for param in 0..function.params.len() as u32 {
        walk.define(Value(param));
    }
    let mut left = TIMES * function.body.len() + 1000;
    let mut at = 0;
    while let Some(instr) = function.body.get(at) {
        left = left.checked_sub(1)?;
        let defined = walk.numbering.step(instr, call_results).ok()?;
        at = walk.instr(at, instr, defined)?;
    }
    walk.facts.numbers = walk.numbers;
    Some(walk.facts)
}

/// Per value, the instruction that defines it; parameters have the first.
fn makers(
    function: &Function,
    values: usize,
    call_results: &dyn Fn(u32) -> Option<u32>,
) -> Option<Vec<u32>> {
    let mut numbering = Numbering::new(function.params.len());
    let mut makers = vec![0; values];
    for (at, instr) in function.body.iter().enumerate() {
        for value in numbering.step(instr, call_results).ok()? {
            *makers.get_mut(value as usize)? = at as u32;
        }
    }
    Some(makers)
}

/// Per loop, the instructions that begin its next turn.
fn turns(body: &[Instr]) -> BTreeMap<usize, Vec<usize>> {
    let (mut open, mut turns) = (Vec::new(), BTreeMap::<usize, Vec<usize>>::new());
    for (at, instr) in body.iter().enumerate() {
        match instr {
            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Switch { .. }
            | Instr::Loop { .. }
            | Instr::For { .. } => open.push(at),
            Instr::End => {
                open.pop();
            }
            Instr::Next { depth, .. } => {
                if let Some(head) = open.len().checked_sub(*depth as usize + 1) {
                    turns.entry(open[head]).or_default().push(at);
                }
            }
            _ => {}
        }
    }
    turns
}

impl Walk<'_> {
    pub(super) fn number(&self, value: Value) -> Sum {
        self.numbers[value.0 as usize]
    }

    pub(super) fn set_number(&mut self, value: u32, sum: Sum) {
        self.numbers[value as usize] = sum;
    }

    pub(super) fn set_truth(&mut self, value: u32, truth: Truth) {
        self.truths[value as usize] = truth;
    }

    fn kind(&self, value: Value) -> Kind {
        self.kinds[value.0 as usize]
    }

    fn is_sequence(&self, value: Value) -> bool {
        matches!(self.kind(value), Kind::Text | Kind::Bytes | Kind::List)
    }

    /// Nothing is known about a value.
    fn define(&mut self, value: Value) {
        let at = value.0 as usize;
        self.truths[at] = Truth::Unknown;
        match self.kinds[at] {
            Kind::Number => self.numbers[at] = self.bounds.any(),
            Kind::Text | Kind::Bytes | Kind::List => {
                self.facts.lengths[at] = Some(self.bounds.fresh(0, i128::from(ELEMENTS)));
            }
            Kind::Other => {}
        }
    }

    fn set_length(&mut self, value: u32, length: Option<Sum>) {
        match length {
            Some(length) => self.facts.lengths[value as usize] = Some(length),
            None => self.define(Value(value)),
        }
    }

    /// A number that is a length now.
    fn as_length(&mut self, value: Value) -> Option<Sum> {
        let sum = self.number(value);
        let most = Sum::constant(ELEMENTS as i64);
        self.bounds.assume(Sum::constant(0), sum, 0);
        self.bounds.assume(sum, most, 0);
        Some(sum)
    }

    /// The length of a sequence is wanted: loops around in which it stays the same note it.
    pub(super) fn want_length(&mut self, value: Value) {
        let Some(length) = self.facts.length(value) else {
            return;
        };
        for open in &self.open {
            let (Region::Loop(turn) | Region::For(turn)) = &open.region else {
                continue;
            };
            if length.term as usize >= open.terms {
                continue;
            }
            let at_hand = if value.0 < turn.first {
                Some(value)
            } else {
                let first = turn.first + u32::from(matches!(open.region, Region::For(_)));
                let params = turn.start.iter().enumerate();
                params
                    .filter(|(i, _)| {
                        self.facts.length(Value(first + *i as u32)) == Some(length)
                            && self.is_sequence(Value(first + *i as u32))
                    })
                    .map(|(_, start)| *start)
                    .next()
            };
            if let Some(value) = at_hand {
                self.facts
                    .invariant
                    .entry(open.at)
                    .or_insert_with(BTreeSet::new)
                    .insert(value);
                return;
            }
        }
    }

    pub(super) fn note(&mut self, at: usize, facts: u32) {
        self.facts.of[at] = facts;
    }

    /// Walks one instruction; the next one, which is an earlier one if a loop has to be walked again.
    fn instr(&mut self, at: usize, instr: &Instr, defined: std::ops::Range<u32>) -> Option<usize> {
        self.facts.of[at] = 0;
        let first = defined.start;
        match instr {
            Instr::ConstI64(n) => self.numbers[first as usize] = Sum::constant(*n),
            Instr::ConstBool(truth) => self.truths[first as usize] = Truth::Constant(*truth),
            Instr::Block { results } => self.enter(at, Region::Block, results.len()),
            Instr::If { condition, results } => {
                let decided = self.decide(*condition, 0);
                self.facts.of[at] = match decided {
                    Some(true) => HOLDS,
                    Some(false) => FAILS,
                    None => 0,
                };
                self.enter(at, Region::If(*condition), results.len());
                self.dead |= decided == Some(false);
                self.assume(*condition, true, 0);
            }
            Instr::Else | Instr::Arm => {
                let open = self.open.last_mut()?;
                open.arm += 1;
                let (mark, dead) = (open.mark, open.dead);
                let condition = match open.region {
                    Region::If(condition) => Some(condition),
                    _ => None,
                };
                self.bounds.undo(mark);
                self.dead = dead;
                if let Some(condition) = condition {
                    self.dead |= self.decide(condition, 0) == Some(true);
                    self.assume(condition, false, 0);
                }
            }
            Instr::Switch { results, .. } => self.enter(at, Region::Switch, results.len()),
            Instr::Loop {
                start,
                params,
                results,
            } => {
                let turn = self.turn(at, start, params, first);
                self.enter(at, Region::Loop(turn), results.len());
                self.begin_turn();
            }
            Instr::For {
                from,
                to,
                start,
                params,
            } => {
                let turn = self.turn(at, start, params, first);
                self.enter(at, Region::For(turn), params.len());
                let (from, to) = (self.number(*from), self.number(*to));
                let index = self.bounds.any();
                self.numbers[first as usize] = index;
                self.bounds.assume(from, index, 0);
                self.bounds.assume(index, to, -1);
                self.begin_turn();
            }
            Instr::End => return self.end(at, defined),
            Instr::Exit { depth, values } => self.exit(*depth, values)?,
            Instr::Next { depth, values } => {
                if !self.dead {
                    let region = self.open.len().checked_sub(*depth as usize + 1)?;
                    self.keep(region, values);
                }
            }
            Instr::Get { value, path } => {
                self.path(at, *value, path);
                self.define(Value(first));
                if let [Step::Index(_)] = path[..]
                    && self.kind(*value) == Kind::Bytes
                {
                    self.numbers[first as usize] = self.bounds.fresh(0, 255);
                }
            }
            Instr::Set { value, path, .. } | Instr::Put { value, path, .. } => {
                self.path(at, *value, path);
                self.changed(first, *value, path);
            }
            Instr::Take { value, path } => {
                self.path(at, *value, path);
                self.define(Value(first));
                self.changed(first + 1, *value, path);
            }
            Instr::Update {
                op, value, path, ..
            } => {
                self.path(at, *value, path);
                if path.is_empty() && matches!(op, UpdateOp::ListPush | UpdateOp::BytesPush) {
                    let length = self.facts.length(*value).and_then(|length| length.add(1));
                    self.set_length(first, length);
                } else if path.is_empty() && *op == UpdateOp::ListSwap {
                    self.set_length(first, self.facts.length(*value));
                } else {
                    self.changed(first, *value, path);
                }
                for value in defined.skip(1) {
                    self.define(Value(value));
                }
            }
            Instr::Dup(value) | Instr::Unique { value, .. } => {
                self.define(Value(first));
                if self.is_sequence(*value) {
                    self.set_length(first, self.facts.length(*value));
                }
            }
            Instr::New { parts, .. } => {
                self.define(Value(first));
                if self.kinds[first as usize] == Kind::List {
                    let length = Sum::constant(parts.len() as i64);
                    self.set_length(first, Some(length));
                }
            }
            Instr::Tag(_) => self.numbers[first as usize] = self.bounds.fresh(0, 65_535),
            Instr::Op { op, args, .. } => match op {
                Op::ListFilled | Op::BytesFilled => {
                    let length = self.as_length(args[0]);
                    self.set_length(first, length);
                }
                Op::StringLen | Op::BytesLen | Op::ListLen => {
                    self.want_length(args[0]);
                    self.numbers[first as usize] = self.facts.length(args[0])?;
                }
                _ => {
                    self.define(Value(first));
                    self.scalar(at, *op, args, first);
                }
            },
            _ => {
                for value in defined {
                    self.define(Value(value));
                }
            }
        }
        Some(at + 1)
    }

    /// The value that comes after one was changed at a path: as long as before, if what was changed lies inside.
    fn changed(&mut self, new: u32, old: Value, path: &[Step]) {
        self.define(Value(new));
        if self.is_sequence(old) && matches!(path, [Step::Index(_), ..]) {
            self.set_length(new, self.facts.length(old));
        }
    }

    /// What the indices on a path say, and which of them are inside for certain.
    fn path(&mut self, at: usize, root: Value, path: &[Step]) {
        let mut facts = 0;
        for (i, step) in path.iter().enumerate() {
            let Step::Index(index) = step else {
                continue;
            };
            let length = match i {
                0 => {
                    self.want_length(root);
                    self.facts.length(root)
                }
                _ => None,
            };
            let index = self.number(*index);
            if i < STEPS && self.bounds.low(index) >= 0 {
                facts |= ABOVE << i;
            }
            if self.index(index, length) && i < STEPS {
                facts |= INSIDE << i;
            }
        }
        self.facts.of[at] = facts;
    }

    /// An index was used; whether it was inside for certain.
    pub(super) fn index(&mut self, index: Sum, length: Option<Sum>) -> bool {
        let zero = Sum::constant(0);
        let above = self.bounds.at_most(zero, index, 0);
        let end = length.unwrap_or(Sum::constant(ELEMENTS as i64));
        let inside = above && length.is_some() && self.bounds.at_most(index, end, -1);
        self.bounds.assume(zero, index, 0);
        self.bounds.assume(index, end, -1);
        inside
    }

    fn enter(&mut self, at: usize, region: Region, results: usize) {
        self.open.push(Open {
            at,
            region,
            results,
            mark: self.bounds.mark(),
            terms: self.bounds.terms(),
            dead: self.dead,
            arm: 0,
            exits: Vec::new(),
        });
    }

    /// A loop that is about to begin, with everything that its parameters may keep.
    fn turn(&self, at: usize, start: &[Value], params: &[ValueType], first: u32) -> Turn {
        let nexts = self.turns.get(&at).map_or(&[][..], |nexts| nexts);
        let is_for = matches!(self.function.body[at], Instr::For { .. });
        let param = |i: usize| Value(first + u32::from(is_for) + i as u32);
        let kept = start.iter().enumerate().map(|(i, start)| {
            let passed = |at: &usize| match &self.function.body[*at] {
                Instr::Next { values, .. } => values.get(i).copied(),
                _ => None,
            };
            let same = nexts.iter().all(|at| passed(at) == Some(param(i)));
            if self.is_sequence(*start) {
                return Kept {
                    same,
                    length: true,
                    ..Kept::default()
                };
            }
            if self.kind(*start) != Kind::Number || same {
                return Kept {
                    same,
                    ..Kept::default()
                };
            }
            let sum = self.number(*start);
            let (low, high) = (self.bounds.low(sum), self.bounds.high(sum));
            // What only counts up or down is known not to keep the other end.
            let (up, down) = self.counts(nexts, i, param(i));
            Kept {
                low: (low > i128::from(i64::MIN)).then_some(low),
                high: (high < i128::from(i64::MAX) && !up).then_some(high),
                above: !down,
                below: !up,
                ..Kept::default()
            }
        });
        Turn {
            start: start.to_vec(),
            first,
            params: params.len(),
            kept: kept.collect(),
            failed: false,
            tries: 0,
            numbering: self.numbering.clone(),
            exits: self.open.iter().map(|open| open.exits.len()).collect(),
        }
    }

    /// Whether a parameter goes up by a constant from turn to turn, or down.
    fn counts(&self, nexts: &[usize], i: usize, param: Value) -> (bool, bool) {
        let step = |at: &usize| {
            let Instr::Next { values, .. } = &self.function.body[*at] else {
                return None;
            };
            let maker = self.makers[values.get(i)?.0 as usize];
            let Instr::Op { op, args, .. } = &self.function.body[maker as usize] else {
                return None;
            };
            let (by, of) = match args[..] {
                [of, by] if of == param => (by, op),
                _ => return None,
            };
            let Instr::ConstI64(by) = self.function.body[self.makers[by.0 as usize] as usize]
            else {
                return None;
            };
            match of {
                Op::I64Add if by > 0 => Some(true),
                Op::I64Sub if by > 0 => Some(false),
                _ => None,
            }
        };
        let all = |way: bool| !nexts.is_empty() && nexts.iter().all(|at| step(at) == Some(way));
        (all(true), all(false))
    }

    /// Defines the parameters of the innermost loop by what is taken to stay.
    fn begin_turn(&mut self) {
        let Some(open) = self.open.last() else {
            return;
        };
        let (turn, skip) = match &open.region {
            Region::Loop(turn) => (turn, 0),
            Region::For(turn) => (turn, 1),
            _ => return,
        };
        let (first, start, kept) = (turn.first + skip, turn.start.clone(), turn.kept.clone());
        for (i, (start, kept)) in start.into_iter().zip(kept).enumerate() {
            self.carry(first + i as u32, start, kept);
        }
    }

    /// Gives a value what is kept of the start of a loop.
    fn carry(&mut self, value: u32, start: Value, kept: Kept) {
        self.define(Value(value));
        match self.kinds[value as usize] {
            Kind::Number if kept.same => self.numbers[value as usize] = self.number(start),
            Kind::Number => {
                let low = kept.low.unwrap_or(i128::from(i64::MIN));
                let high = kept.high.unwrap_or(i128::from(i64::MAX));
                let sum = self.bounds.fresh(low, high);
                let start = self.number(start);
                if kept.above {
                    self.bounds.assume(start, sum, 0);
                }
                if kept.below {
                    self.bounds.assume(sum, start, 0);
                }
                self.numbers[value as usize] = sum;
            }
            Kind::Text | Kind::Bytes | Kind::List if kept.same || kept.length => {
                self.set_length(value, self.facts.length(start));
            }
            _ => {}
        }
    }

    /// Looks whether the values passed to a loop keep what they are taken to keep.
    fn keep(&mut self, region: usize, values: &[Value]) {
        let (Region::Loop(turn) | Region::For(turn)) = &mut self.open[region].region else {
            return;
        };
        for (i, value) in values.iter().enumerate() {
            let (start, mut kept) = (turn.start[i], turn.kept[i]);
            if kept.same {
                continue;
            }
            let (sum, from) = (
                self.numbers[value.0 as usize],
                self.numbers[start.0 as usize],
            );
            let before = kept;
            // The first time a wider range may do, as it does for remainders and for what counts down to 0.
            let (low, high) = (self.bounds.low(sum), self.bounds.high(sum));
            let wider = turn.tries == 0;
            kept.low = kept
                .low
                .and_then(|old| narrowed(low >= old, old, low.min(0), wider));
            kept.high = kept
                .high
                .and_then(|old| narrowed(high <= old, old, high, wider));
            kept.above &= self.bounds.at_most(from, sum, 0);
            kept.below &= self.bounds.at_most(sum, from, 0);
            kept.length &=
                self.facts.lengths[value.0 as usize] == self.facts.lengths[start.0 as usize];
            turn.failed |= kept.low != before.low
                || kept.high != before.high
                || kept.above != before.above
                || kept.below != before.below
                || kept.length != before.length;
            turn.kept[i] = kept;
        }
    }

    fn exit(&mut self, depth: u32, values: &[Value]) -> Option<()> {
        if self.dead {
            return Some(());
        }
        let region = self.open.len().checked_sub(depth as usize + 1)?;
        if let Region::For(turn) = &mut self.open[region].region {
            for (i, value) in values.iter().enumerate() {
                let param = turn.first + 1 + i as u32;
                turn.kept[i].other |= turn.kept[i].same && value.0 != param;
            }
            self.keep(region, values);
            return Some(());
        }
        let mark = self.open[region].mark;
        let is_first = self.open[region].exits.is_empty();
        let numbers = values.iter().map(|value| {
            (self.kind(*value) == Kind::Number).then(|| {
                let sum = self.number(*value);
                Left {
                    sum,
                    low: self.bounds.low(sum),
                    high: self.bounds.high(sum),
                    uppers: self.bounds.uppers(sum),
                    lowers: self.bounds.lowers(sum),
                }
            })
        });
        let exit = Exit {
            arm: self.open[region].arm,
            numbers: numbers.collect(),
            lengths: values.iter().map(|v| self.facts.length(*v)).collect(),
            learned: is_first
                .then(|| self.bounds.learned(mark, LEARNED))
                .flatten(),
            values: values.to_vec(),
        };
        self.open[region].exits.push(exit);
        Some(())
    }

    fn end(&mut self, at: usize, defined: std::ops::Range<u32>) -> Option<usize> {
        let mut open = self.open.pop()?;
        self.bounds.undo(open.mark);
        self.dead = open.dead;
        if let Region::Loop(turn) | Region::For(turn) = &mut open.region
            && turn.failed
        {
            // Once more, without what did not hold.
            turn.failed = false;
            turn.tries += 1;
            if turn.tries > TRIES {
                for kept in &mut turn.kept {
                    *kept = Kept {
                        same: kept.same,
                        other: kept.other,
                        ..Kept::default()
                    };
                }
            }
            self.bounds.forget_terms(open.terms);
            self.numbering = turn.numbering.clone();
            for (around, exits) in self.open.iter_mut().zip(&turn.exits) {
                around.exits.truncate(*exits);
            }
            open.exits.clear();
            open.arm = 0;
            let (at, first) = (open.at, turn.first);
            self.open.push(open);
            if let Instr::For { from, to, .. } = &self.function.body[at] {
                let (from, to) = (self.number(*from), self.number(*to));
                let index = self.bounds.any();
                self.numbers[first as usize] = index;
                self.bounds.assume(from, index, 0);
                self.bounds.assume(index, to, -1);
            }
            self.begin_turn();
            return Some(at + 1);
        }
        match &open.region {
            Region::For(turn) => {
                for (value, i) in defined.zip(0..turn.params) {
                    let (start, kept) = (turn.start[i], turn.kept[i]);
                    match kept.other {
                        true => self.define(Value(value)),
                        false => self.carry(value, start, kept),
                    }
                }
            }
            region => {
                if open.exits.is_empty() {
                    self.dead = true;
                }
                let condition = match region {
                    Region::If(condition) => Some(*condition),
                    _ => None,
                };
                self.join(&open, condition, defined);
            }
        }
        Some(at + 1)
    }

    /// Defines the results of a region by what its ways out agree on.
    fn join(&mut self, open: &Open, condition: Option<Value>, defined: std::ops::Range<u32>) {
        let exits = &open.exits;
        if let [only] = &exits[..]
            && let Some(known) = &only.learned
        {
            self.bounds.learn(known);
        }
        for (value, i) in defined.zip(0..open.results) {
            self.define(Value(value));
            match self.kinds[value as usize] {
                Kind::Number => {
                    let all: Option<Vec<&Left>> = exits
                        .iter()
                        .map(|exit| exit.numbers.get(i).and_then(Option::as_ref))
                        .collect();
                    if let Some(all) = all {
                        self.join_numbers(value, &all);
                    }
                }
                Kind::Text | Kind::Bytes | Kind::List => {
                    let mut lengths = exits.iter().map(|exit| exit.lengths[i]);
                    let first = lengths.next().flatten();
                    if first.is_some() && lengths.all(|length| length == first) {
                        self.set_length(value, first);
                    }
                }
                Kind::Other => {}
            }
            // `a && b` and `a || b` are regions.
            if let (Some(condition), [first, second]) = (condition, &exits[..])
                && (first.arm, second.arm) == (0, 1)
            {
                let (then, other) = (first.values[i], second.values[i]);
                let (of_then, of_other) =
                    (self.truths[then.0 as usize], self.truths[other.0 as usize]);
                self.truths[value as usize] = match (of_then, of_other) {
                    (_, Truth::Constant(false)) => Truth::Both(condition, then),
                    (Truth::Constant(true), _) => Truth::Either(condition, other),
                    _ => Truth::Unknown,
                };
            }
        }
    }

    fn join_numbers(&mut self, value: u32, all: &[&Left]) {
        let Some((first, others)) = all.split_first() else {
            return;
        };
        if others.iter().all(|other| other.sum == first.sum) {
            self.numbers[value as usize] = first.sum;
            return;
        }
        let low = all.iter().map(|left| left.low).min().unwrap_or(first.low);
        let high = all.iter().map(|left| left.high).max().unwrap_or(first.high);
        let joined = self.bounds.fresh(low, high);
        for upper in &first.uppers {
            let of = |left: &&&Left| {
                let same = left.uppers.iter().filter(|other| other.term == upper.term);
                same.map(|other| other.plus).min()
            };
            let plus: Option<Vec<i64>> = all.iter().map(|left| of(&left)).collect();
            if let Some(plus) = plus.and_then(|plus| plus.into_iter().max()) {
                let upper = Sum { plus, ..*upper };
                self.bounds.assume(joined, upper, 0);
            }
        }
        for lower in &first.lowers {
            let of = |left: &&&Left| {
                let same = left.lowers.iter().filter(|other| other.term == lower.term);
                same.map(|other| other.plus).max()
            };
            let plus: Option<Vec<i64>> = all.iter().map(|left| of(&left)).collect();
            if let Some(plus) = plus.and_then(|plus| plus.into_iter().min()) {
                let lower = Sum { plus, ..*lower };
                self.bounds.assume(lower, joined, 0);
            }
        }
        self.numbers[value as usize] = joined;
    }

    /// What a truth value must be.
    fn decide(&self, value: Value, depth: u32) -> Option<bool> {
        if depth > 4 {
            return None;
        }
        match self.truths[value.0 as usize] {
            Truth::Unknown => None,
            Truth::Constant(truth) => Some(truth),
            Truth::Compare(op, a, b) => self.compare(op, self.number(a), self.number(b)),
            Truth::Not(value) => Some(!self.decide(value, depth + 1)?),
            Truth::Both(a, b) => match (self.decide(a, depth + 1), self.decide(b, depth + 1)) {
                (Some(true), Some(true)) => Some(true),
                (Some(false), _) => Some(false),
                _ => None,
            },
            Truth::Either(a, b) => match (self.decide(a, depth + 1), self.decide(b, depth + 1)) {
                (Some(false), Some(false)) => Some(false),
                (Some(true), _) => Some(true),
                _ => None,
            },
        }
    }

    fn compare(&self, op: Op, a: Sum, b: Sum) -> Option<bool> {
        let at_most = |a, b, more| self.bounds.at_most(a, b, more);
        let (yes, no) = match op {
            Op::I64Lt => (at_most(a, b, -1), at_most(b, a, 0)),
            Op::I64Le => (at_most(a, b, 0), at_most(b, a, -1)),
            Op::I64Gt => (at_most(b, a, -1), at_most(a, b, 0)),
            Op::I64Ge => (at_most(b, a, 0), at_most(a, b, -1)),
            Op::I64Eq | Op::I64Ne => {
                let same = at_most(a, b, 0) && at_most(b, a, 0);
                let apart = at_most(a, b, -1) || at_most(b, a, -1);
                match op {
                    Op::I64Eq => (same, apart),
                    _ => (apart, same),
                }
            }
            _ => return None,
        };
        match (yes, no) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }

    /// Learns what follows when a truth value is this.
    fn assume(&mut self, value: Value, truth: bool, depth: u32) {
        if depth > 8 {
            return;
        }
        match self.truths[value.0 as usize] {
            Truth::Unknown | Truth::Constant(_) => {}
            Truth::Not(value) => self.assume(value, !truth, depth + 1),
            Truth::Both(a, b) if truth => {
                self.assume(a, true, depth + 1);
                self.assume(b, true, depth + 1);
            }
            Truth::Either(a, b) if !truth => {
                self.assume(a, false, depth + 1);
                self.assume(b, false, depth + 1);
            }
            Truth::Both(..) | Truth::Either(..) => {}
            Truth::Compare(op, a, b) => {
                let (a, b) = (self.number(a), self.number(b));
                match (op, truth) {
                    (Op::I64Lt, true) | (Op::I64Ge, false) => self.bounds.assume(a, b, -1),
                    (Op::I64Le, true) | (Op::I64Gt, false) => self.bounds.assume(a, b, 0),
                    (Op::I64Gt, true) | (Op::I64Le, false) => self.bounds.assume(b, a, -1),
                    (Op::I64Ge, true) | (Op::I64Lt, false) => self.bounds.assume(b, a, 0),
                    (Op::I64Eq, true) | (Op::I64Ne, false) => {
                        self.bounds.assume(a, b, 0);
                        self.bounds.assume(b, a, 0);
                    }
                    (Op::I64Ne, true) | (Op::I64Eq, false) => {
                        // Only an end of a range can be cut off.
                        if self.bounds.at_most(a, b, 0) {
                            self.bounds.assume(a, b, -1);
                        } else if self.bounds.at_most(b, a, 0) {
                            self.bounds.assume(b, a, -1);
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}
