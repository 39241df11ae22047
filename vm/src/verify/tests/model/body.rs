//! Calls, and the ways through a body.

use std::collections::BTreeMap;

use cop_bytecode::numbering::Numbering;
use cop_bytecode::{Function, Instr, Package, TypeId, Value};

use super::{Ended, Frame, Machine, Run, Slots};

impl Machine<'_> {
    pub(super) fn frame(&self) -> &Frame {
        match self.frames.last() {
            Some(frame) => frame,
            None => panic!("no frame"),
        }
    }

    pub(super) fn value(&self, value: Value) -> &Slots {
        &self.frame().env[value.0 as usize]
    }

    pub(super) fn ty(&self, value: Value) -> TypeId {
        self.types[self.frame().function][value.0 as usize]
    }

    pub(super) fn call(&mut self, function: usize, args: Vec<Slots>) -> Run<Vec<Slots>> {
        if self.frames.len() > 5 {
            return Err(Ended);
        }
        let code = &self.package.functions[function];
        let mut env = args;
        env.resize(self.types[function].len(), vec![]);
        self.frames.push(Frame {
            function,
            env,
            at: 0,
            given: vec![],
        });
        let results = self.body(code)?;
        self.frames.pop();
        Ok(results)
    }

    pub(super) fn body(&mut self, code: &Function) -> Run<Vec<Slots>> {
        let map = Map::new(self.package, code);
        let mut open: Vec<usize> = vec![];
        // Per open `for`, the index and where it ends.
        let mut turns: Vec<(u64, u64)> = vec![];
        let mut at = 0;
        loop {
            self.steps_left = self.steps_left.checked_sub(1).ok_or(Ended)?;
            self.steps += 1;
            if let Some(frame) = self.frames.last_mut() {
                frame.at = at;
                frame.given.clear();
            }
            self.check();
            let instr = &code.body[at];
            let first = map.first[at];
            let define = |machine: &mut Machine, first: u32, results: Vec<Slots>| {
                if let Some(frame) = machine.frames.last_mut() {
                    for (index, slots) in results.into_iter().enumerate() {
                        frame.env[first as usize + index] = slots;
                    }
                }
            };
            let operands = |machine: &Machine, values: &[Value]| -> Vec<Slots> {
                values.iter().map(|v| machine.value(*v).clone()).collect()
            };
            match instr {
                Instr::Block { .. } => open.push(at),
                Instr::If { .. } => {
                    open.push(at);
                    if self.random.once_in(2) {
                        at = map.arms[&at][0];
                    }
                }
                Instr::Switch { value, .. } => {
                    open.push(at);
                    let (ty, slots) = (self.ty(*value), self.value(*value).clone());
                    let tag = self.tag(ty, &slots) as usize;
                    if tag > 0 {
                        at = map.arms[&at][tag - 1];
                    }
                }
                Instr::Loop { start, .. } => {
                    open.push(at);
                    let start = operands(self, start);
                    define(self, first, start);
                }
                Instr::For { start, .. } => {
                    let start = operands(self, start);
                    let count = self.random.below(4) as u64;
                    if count == 0 {
                        define(self, map.results[&at], start);
                        at = map.end[&at];
                    } else {
                        open.push(at);
                        turns.push((0, count));
                        define(self, first, [vec![vec![0]], start].concat());
                    }
                }
                Instr::Else | Instr::Arm | Instr::End => panic!("an arm runs into its end"),
                Instr::Exit { depth, values } => {
                    let results = operands(self, values);
                    let target = open[open.len() - 1 - *depth as usize];
                    for left in open.drain(open.len() - 1 - *depth as usize..) {
                        if matches!(code.body[left], Instr::For { .. }) {
                            turns.pop();
                        }
                    }
                    define(self, map.results[&target], results);
                    at = map.end[&target];
                }
                Instr::Next { depth, values } => {
                    let given = operands(self, values);
                    for left in open.drain(open.len() - *depth as usize..) {
                        if matches!(code.body[left], Instr::For { .. }) {
                            turns.pop();
                        }
                    }
                    let Some(target) = open.last().copied() else {
                        panic!("no loop");
                    };
                    if let Instr::For { .. } = code.body[target] {
                        let Some((index, end)) = turns.pop() else {
                            panic!("no turns");
                        };
                        if index + 1 == end {
                            open.pop();
                            define(self, map.results[&target], given);
                            at = map.end[&target];
                        } else {
                            turns.push((index + 1, end));
                            define(
                                self,
                                map.first[target],
                                [vec![vec![index + 1]], given].concat(),
                            );
                            at = target;
                        }
                    } else {
                        define(self, map.first[target], given);
                        at = target;
                    }
                }
                Instr::Ret { values } => return Ok(operands(self, values)),
                Instr::Trap { .. } => return Err(Ended),
                _ => {
                    let results = self.instruction(instr)?;
                    define(self, first, results);
                }
            }
            at += 1;
        }
    }
}

/// Where the parts of a body are.
struct Map {
    /// Per instruction, the first value it defines (for the end of a region, its first result).
    first: Vec<u32>,
    /// Per region, where its arms after the first are separated.
    arms: BTreeMap<usize, Vec<usize>>,
    end: BTreeMap<usize, usize>,
    results: BTreeMap<usize, u32>,
}

impl Map {
    fn new(package: &Package, code: &Function) -> Map {
        let mut numbering = Numbering::new(code.params.len());
        let mut map = Map {
            first: vec![],
            arms: BTreeMap::new(),
            end: BTreeMap::new(),
            results: BTreeMap::new(),
        };
        let mut open: Vec<usize> = vec![];
        for (at, instr) in code.body.iter().enumerate() {
            let first = numbering.next();
            map.first.push(first);
            match instr {
                Instr::Block { .. }
                | Instr::If { .. }
                | Instr::Switch { .. }
                | Instr::Loop { .. }
                | Instr::For { .. } => open.push(at),
                Instr::Else | Instr::Arm => {
                    if let Some(region) = open.last() {
                        map.arms.entry(*region).or_default().push(at);
                    }
                }
                Instr::End => {
                    if let Some(region) = open.pop() {
                        map.end.insert(region, at);
                        map.results.insert(region, first);
                    }
                }
                _ => {}
            }
            let results = |f: u32| {
                package
                    .functions
                    .get(f as usize)
                    .map(Function::call_results)
            };
            assert!(numbering.step(instr, results).is_ok());
        }
        map
    }
}
