//! The oracle: runs bytecode as it is written, over values as plain trees, without slots, cells, counts, fuel or
//! memory. It knows what instructions mean and nothing of how the engine does it. Random packages that verify
//! are run by both; every argument and result of every call, and how the run ends, must be the same.

mod step;
mod value;

use std::cell::RefCell;

use cop_bytecode::instr::{Instr, Mode, Value};
use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Constant, Function, Package, TrapKind, Type};

use crate::heap::Heap;
use crate::program::Inner;
use crate::run::{End, Limits, Position};
use value::Val;

thread_local! {
    static TRACE: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Notes the arguments of a call in the engine's trace.
pub fn note_call(heap: &Heap, program: &Inner, function: u32, slots: &[u64]) {
    let types = program.package.functions[function as usize]
        .params
        .iter()
        .map(|p| p.ty.0);
    note(heap, format!("call {function}"), types, slots);
}

/// Notes what a call gave.
pub fn note_return(heap: &Heap, program: &Inner, function: u32, slots: &[u64]) {
    let function_type = &program.package.functions[function as usize];
    let changed = function_type
        .params
        .iter()
        .filter(|p| p.mode == Mode::InOut)
        .map(|p| p.ty.0);
    let types = std::iter::once(function_type.result.0).chain(changed);
    note(heap, format!("return {function}"), types, slots);
}

fn note(heap: &Heap, mut text: String, types: impl Iterator<Item = u32>, mut slots: &[u64]) {
    TRACE.with_borrow_mut(|trace| {
        let Some(trace) = trace else { return };
        for ty in types {
            text.push(' ');
            heap.show(ty, slots, &mut text);
            slots = &slots[heap.shapes.get(ty).unwrap().slots as usize..];
        }
        trace.push(text);
    });
}

/// How the oracle's run ends.
#[derive(Debug)]
pub enum Stop {
    Trap(TrapKind, [i64; 2]),
    /// Something that the oracle does not follow: a host call, too many steps, too deep a recursion.
    Unknown,
}

/// The oracle.
struct Oracle<'p> {
    package: &'p Package,
    trace: Vec<String>,
    steps: usize,
    depth: usize,
    /// Innermost position first, once it trapped.
    position: Option<Position>,
}

/// An open region.
struct Region {
    open: usize,
    end: usize,
    /// First value of a loop's parameters.
    params: u32,
}

impl Oracle<'_> {
    fn call(&mut self, index: u32, args: Vec<Val>) -> Result<Vec<Val>, Stop> {
        let function = &self.package.functions[index as usize];
        self.note(format!("call {index}"), &args);
        self.depth += 1;
        if self.depth > 60 {
            return Err(Stop::Unknown);
        }
        let mut at = 0;
        let results = self.body(index, function, args, &mut at);
        self.depth -= 1;
        match &results {
            Ok(values) => self.note(format!("return {index}"), values),
            Err(_) => {
                let position = Position {
                    function: index,
                    instruction: at as u32,
                };
                self.position.get_or_insert(position);
            }
        }
        results
    }

    fn note(&mut self, mut text: String, values: &[Val]) {
        for value in values {
            text.push(' ');
            value.show(&mut text);
        }
        self.trace.push(text);
    }

    fn body(
        &mut self,
        index: u32,
        function: &Function,
        args: Vec<Val>,
        at: &mut usize,
    ) -> Result<Vec<Val>, Stop> {
        let (defined, ends) = shape_of(self.package, function);
        let count = defined.last().map_or(args.len(), |r| r.end as usize);
        let mut values = args;
        values.resize(count.max(values.len()), Val::Hole);
        let mut regions: Vec<Region> = vec![];
        loop {
            self.steps += 1;
            if self.steps > 200_000 {
                return Err(Stop::Unknown);
            }
            let instr = &function.body[*at];
            let get = |values: &[Val], v: &Value| values[v.0 as usize].clone();
            let all = |values: &[Val], vs: &[Value]| {
                vs.iter().map(|v| get(values, v)).collect::<Vec<_>>()
            };
            match instr {
                Instr::Block { .. } => regions.push(region(*at, &ends)),
                Instr::If { condition, .. } => {
                    regions.push(region(*at, &ends));
                    if word(&get(&values, condition)) == 0 {
                        *at = arm(function, *at, 1);
                    }
                }
                Instr::Switch { value, .. } => {
                    regions.push(region(*at, &ends));
                    let Val::Sum(tag, _) = get(&values, value) else {
                        panic!("not a sum")
                    };
                    *at = arm(function, *at, tag);
                }
                Instr::Loop { start, .. } => {
                    let params = defined[*at].start;
                    let start = all(&values, start);
                    put(&mut values, params, start);
                    regions.push(Region {
                        params,
                        ..region(*at, &ends)
                    });
                }
                Instr::For {
                    from, to, start, ..
                } => {
                    let params = defined[*at].start;
                    let (from, to) = (get(&values, from), word(&get(&values, to)));
                    let start = all(&values, start);
                    if (word(&from) as i64) < to as i64 {
                        values[params as usize] = from;
                        put(&mut values, params + 1, start);
                        regions.push(Region {
                            params,
                            ..region(*at, &ends)
                        });
                    } else {
                        *at = ends[*at];
                        put(&mut values, defined[*at].start, start);
                    }
                }
                Instr::Exit {
                    depth,
                    values: given,
                } => {
                    let given = all(&values, given);
                    let target = regions.len() - 1 - *depth as usize;
                    *at = regions[target].end;
                    regions.truncate(target);
                    put(&mut values, defined[*at].start, given);
                }
                Instr::Next {
                    depth,
                    values: given,
                } => {
                    let given = all(&values, given);
                    let target = regions.len() - 1 - *depth as usize;
                    regions.truncate(target + 1);
                    let Region { open, end, params } = regions[target];
                    match &function.body[open] {
                        Instr::For { to, .. } => {
                            let turn = word(&values[params as usize]) as i64 + 1;
                            if turn < word(&get(&values, to)) as i64 {
                                values[params as usize] = Val::Word(turn as u64);
                                put(&mut values, params + 1, given);
                                *at = open;
                            } else {
                                regions.pop();
                                *at = end;
                                put(&mut values, defined[end].start, given);
                            }
                        }
                        _ => {
                            put(&mut values, params, given);
                            *at = open;
                        }
                    }
                }
                Instr::Ret { values: given } => return Ok(all(&values, given)),
                Instr::Trap { kind, operand, .. } => {
                    let operand = operand.as_ref().map_or(0, |v| word(&get(&values, v)));
                    return Err(Stop::Trap(*kind, [operand as i64, 0]));
                }
                Instr::Call {
                    function: callee,
                    args,
                } => {
                    let results = self.call(*callee, all(&values, args))?;
                    put(&mut values, defined[*at].start, results);
                }
                Instr::CallValue { callee, args, .. } => {
                    let Val::Closure(callee, mut given) = get(&values, callee) else {
                        panic!("not a closure")
                    };
                    given.extend(all(&values, args));
                    let results = self.call(callee, given)?;
                    put(&mut values, defined[*at].start, results);
                }
                Instr::Drop(_) | Instr::End | Instr::Else | Instr::Arm => {}
                Instr::HostCall { .. } => return Err(Stop::Unknown),
                other => {
                    let results = step::step(self.package, other, &values)?;
                    put(&mut values, defined[*at].start, results);
                }
            }
            *at += 1;
            let _ = index;
        }
    }
}

fn region(open: usize, ends: &[usize]) -> Region {
    Region {
        open,
        end: ends[open],
        params: 0,
    }
}

fn put(values: &mut [Val], first: u32, given: Vec<Val>) {
    for (i, value) in given.into_iter().enumerate() {
        values[first as usize + i] = value;
    }
}

fn word(value: &Val) -> u64 {
    match value {
        Val::Word(word) => *word,
        other => panic!("not a scalar: {other:?}"),
    }
}

/// What each instruction defines, and where the region that it opens ends.
fn shape_of(package: &Package, function: &Function) -> (Vec<std::ops::Range<u32>>, Vec<usize>) {
    let mut numbering = Numbering::new(function.params.len());
    let mut ends = vec![0; function.body.len()];
    let mut open = vec![];
    let mut defined = vec![];
    for (at, instr) in function.body.iter().enumerate() {
        let results = |callee: u32| {
            package
                .functions
                .get(callee as usize)
                .map(Function::call_results)
        };
        let before = numbering.depth();
        defined.push(numbering.step(instr, results).unwrap());
        if numbering.depth() > before {
            open.push(at);
        } else if numbering.depth() < before {
            ends[open.pop().unwrap()] = at;
        }
    }
    (defined, ends)
}

/// Where the n-th arm of a region begins: at the marker before it, or at the region's head for the first.
fn arm(function: &Function, open: usize, number: u32) -> usize {
    let (mut depth, mut found, mut at) = (0, 0, open);
    while found < number {
        at += 1;
        match &function.body[at] {
            Instr::Else | Instr::Arm if depth == 0 => found += 1,
            Instr::End => depth -= 1,
            Instr::Block { .. }
            | Instr::If { .. }
            | Instr::Switch { .. }
            | Instr::Loop { .. }
            | Instr::For { .. } => depth += 1,
            _ => {}
        }
    }
    at
}

/// Runs `main` of an accepted package in both; true if both came to an end that can be compared.
pub fn agree(package: &Package) -> bool {
    let program = crate::Program::load(package).unwrap();
    let limits = Limits {
        fuel: 100_000,
        memory_bytes: 16 << 20,
    };
    TRACE.set(Some(vec![]));
    let (outcome, remains) = crate::run_inspected(
        &program,
        "main",
        limits,
        &mut crate::NoHost,
        crate::Engine::Interpreter,
    );
    let trace = TRACE.take().unwrap_or_default();
    let entry = package.entries.iter().find(|e| e.name == "main").unwrap();
    let mut oracle = Oracle {
        package,
        trace: vec![],
        steps: 0,
        depth: 0,
        position: None,
    };
    let arguments = (0..entry.capabilities.len())
        .map(|i| Val::Word(i as u64))
        .collect();
    let result = oracle.call(entry.function, arguments);
    let text = || cop_bytecode::print(package, Default::default());
    for (i, (engine, oracle)) in trace.iter().zip(&oracle.trace).enumerate() {
        assert_eq!(
            engine,
            oracle,
            "line {i} of the trace, engine left, oracle right\n{}",
            text()
        );
    }
    match (&outcome.end, result) {
        (End::Returned(bytes), Ok(values)) => {
            assert!(
                matches!(&values[0], Val::Bytes(found) if found == bytes),
                "{bytes:?} {values:?}"
            );
            assert_eq!(trace.len(), oracle.trace.len());
            assert_eq!(remains.live_cells, 0, "{}", text());
            true
        }
        (End::Trapped(trap), Err(Stop::Trap(kind, operands))) if !is_limit(trap.kind) => {
            let position = oracle.position.unwrap();
            assert_eq!(
                (trap.kind, trap.operands, trap.position),
                (kind, operands, position),
                "{}",
                text()
            );
            true
        }
        (End::Trapped(trap), _) if is_limit(trap.kind) => false,
        (_, Err(Stop::Unknown)) => false,
        (engine, oracle) => panic!("engine: {engine:?}\noracle: {oracle:?}\n{}", text()),
    }
}

fn is_limit(kind: TrapKind) -> bool {
    matches!(
        kind,
        TrapKind::OutOfFuel | TrapKind::OutOfMemory | TrapKind::StackOverflow
    )
}

/// The text of a constant as a value.
fn constant(package: &Package, index: u32) -> Val {
    match &package.constants[index as usize] {
        Constant::String(text) => Val::Bytes(text.clone().into_bytes()),
        Constant::Bytes(bytes) => Val::Bytes(bytes.clone()),
    }
}

/// Whether a type is a sum (options are).
fn is_sum(package: &Package, ty: &Type) -> bool {
    match ty {
        Type::Option(_) => true,
        Type::Nominal(def, _) => {
            matches!(
                package.defs[def.0 as usize].shape,
                cop_bytecode::Shape::Sum(_)
            )
        }
        _ => false,
    }
}
