//! What was spent, by function, line and stack of the source. Calls that the compiler put in place are calls here, too.

use std::collections::{BTreeMap, BTreeSet};

use cop_bytecode::SourceMap;
use cop_runtime::engine::Profile;

use crate::measure::Measuring;

/// Fuel, bytes that were copied, and how often.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Spent {
    /// Fuel.
    pub fuel: u64,
    /// Bytes that were copied because a value was shared when it was changed.
    pub copied: u64,
}

impl Spent {
    fn add(&mut self, other: Spent) {
        self.fuel += other.fuel;
        self.copied += other.copied;
    }
}

/// A function of the source: its name, and the file that it stands in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Function {
    /// As a person would write it.
    pub name: String,
    /// As the author would name it.
    pub file: String,
}

/// What a function or line took.
#[derive(Clone, Copy, Default, Debug)]
pub struct Taken {
    /// Itself.
    pub itself: Spent,
    /// With all that it calls.
    pub total: Spent,
    /// How often its instructions were run: the most of any of them. Of lines only.
    pub times: u64,
}

/// A function as reached by other functions of the source.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Index into [`Tally::functions`].
    pub function: usize,
    /// Index of the frame that called; the first has none.
    pub caller: Option<usize>,
    /// What it took itself.
    pub itself: Spent,
    /// With all that it calls.
    pub total: Spent,
}

/// What was spent.
pub struct Tally {
    /// Functions, with what they took.
    pub functions: Vec<(Function, Taken)>,
    /// Files and lines, with what they took.
    pub lines: BTreeMap<(String, u32), Taken>,
    /// Callers stand before what they call.
    pub frames: Vec<Frame>,
    /// All of it.
    pub all: Spent,
}

/// A tally in the making.
pub struct Making<'a> {
    measuring: &'a Measuring,
    tally: Tally,
    functions: BTreeMap<Function, usize>,
    /// Frames by caller and function.
    frames: BTreeMap<(Option<usize>, usize), usize>,
}

/// Where a call of the profile stands in the stacks of the source.
#[derive(Clone, Default)]
struct Way {
    frame: Option<usize>,
    /// Lines of calls on the way here.
    lines: BTreeSet<(u32, u32)>,
}

impl Tally {
    /// Nothing yet.
    #[expect(clippy::new_ret_no_self, reason = "what is made is not done yet")]
    pub fn new(measuring: &Measuring) -> Making<'_> {
        Making {
            measuring,
            tally: Tally {
                functions: Vec::new(),
                lines: BTreeMap::new(),
                frames: Vec::new(),
                all: Spent::default(),
            },
            functions: BTreeMap::new(),
            frames: BTreeMap::new(),
        }
    }
}

impl Making<'_> {
    fn map(&self) -> &SourceMap {
        &self.measuring.source_map
    }

    /// Adds what a run spent.
    pub fn add(&mut self, profile: &Profile) {
        let mut ways: Vec<Way> = Vec::with_capacity(profile.calls.len());
        for call in &profile.calls {
            let way = match call.caller {
                Some((caller, site)) => {
                    let before = ways.get(caller as usize).cloned().unwrap_or_default();
                    let function = profile.calls.get(caller as usize).map_or(0, |c| c.function);
                    self.at(&before, function, site)
                }
                None => Way::default(),
            };
            // How often a line was run is the most of any instruction, by one way: of several ways the sum.
            let mut times: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            for spent in &call.spent {
                let here = self.at(&way, call.function, spent.instruction);
                let amount = Spent {
                    fuel: spent.fuel,
                    copied: spent.copied_bytes,
                };
                self.tally.all.add(amount);
                if let Some(frame) = here.frame {
                    self.tally.frames[frame].itself.add(amount);
                }
                let own = self.map().place(call.function, spent.instruction);
                if let Some(own) = own {
                    let own = (own.file, own.line);
                    self.line(own).itself.add(amount);
                    let most = times.entry(own).or_insert(0);
                    *most = (*most).max(spent.times);
                }
                for line in &here.lines {
                    self.line(*line).total.add(amount);
                }
            }
            for (line, times) in times {
                self.line(line).times += times;
            }
            ways.push(way);
        }
    }

    /// The stack at an instruction of a function that was reached by a way.
    fn at(&mut self, way: &Way, function: u32, instruction: u32) -> Way {
        let frames: Vec<(String, Option<(u32, u32)>)> = self
            .map()
            .frames(function, instruction)
            .into_iter()
            .map(|(name, place)| (name.to_owned(), place.map(|p| (p.file, p.line))))
            .collect();
        let mut here = way.clone();
        for (name, place) in frames.into_iter().rev() {
            let file = place.and_then(|(file, _)| self.map().file(file));
            let file = file.map_or(String::new(), |file| self.measuring.project.shown(file));
            let function = self.function(Function { name, file });
            here.frame = Some(self.frame(here.frame, function));
            here.lines.extend(place);
        }
        here
    }

    fn function(&mut self, function: Function) -> usize {
        let next = self.tally.functions.len();
        let index = *self.functions.entry(function.clone()).or_insert(next);
        if index == next {
            self.tally.functions.push((function, Taken::default()));
        }
        index
    }

    fn frame(&mut self, caller: Option<usize>, function: usize) -> usize {
        let next = self.tally.frames.len();
        let index = *self.frames.entry((caller, function)).or_insert(next);
        if index == next {
            self.tally.frames.push(Frame {
                function,
                caller,
                itself: Spent::default(),
                total: Spent::default(),
            });
        }
        index
    }

    fn line(&mut self, (file, line): (u32, u32)) -> &mut Taken {
        let name = self.map().file(file).unwrap_or("?");
        let shown = self.measuring.project.shown(name);
        self.tally.lines.entry((shown, line)).or_default()
    }

    /// Adds up what functions and frames took with all that they call.
    pub fn done(self) -> Tally {
        let mut tally = self.tally;
        for index in (0..tally.frames.len()).rev() {
            let itself = tally.frames[index].itself;
            tally.frames[index].total.add(itself);
            let total = tally.frames[index].total;
            if let Some(caller) = tally.frames[index].caller {
                tally.frames[caller].total.add(total);
            }
        }
        for index in 0..tally.frames.len() {
            let frame = tally.frames[index].clone();
            let taken = &mut tally.functions[frame.function].1;
            taken.itself.add(frame.itself);
            // Called by itself, it is in what the outermost took.
            let mut caller = frame.caller;
            let is_inner = loop {
                match caller.map(|at| &tally.frames[at]) {
                    None => break false,
                    Some(outer) if outer.function == frame.function => break true,
                    Some(outer) => caller = outer.caller,
                }
            };
            if !is_inner {
                tally.functions[frame.function].1.total.add(frame.total);
            }
        }
        tally
    }
}
