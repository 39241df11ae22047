//! The source of a program as the debugger needs it: places of instructions, lines, and where variables are.

use std::collections::BTreeMap;

use cop_bytecode::source_map::Place;
use cop_bytecode::{Function, Instr, Package, SourceMap};
use cop_compiler::compile::Variable;
use cop_compiler::source::SourceMap as Files;
use cop_runtime::report::is_std;
use cop_runtime::stepping::Moment;
use coputer::project::Project;

/// A line of the author's own source: file and line.
pub type Line = (u32, u32);

/// The source of a program.
pub struct Source {
    map: SourceMap,
    variables: Vec<Vec<Variable>>,
    /// By function and instruction, whether a line begins with it: what only leads from one instruction to another, or lets go
    /// of values, belongs to no line that anybody wrote.
    begins: Vec<Vec<bool>>,
    /// By number of the file: how its author calls it, and its lines; none for a file of the library.
    files: Vec<Option<(String, Vec<String>)>>,
}

impl Source {
    /// Of a program that was compiled from these files.
    pub fn new(
        project: &Project,
        files: Files,
        package: &Package,
        map: SourceMap,
        variables: Vec<Vec<Variable>>,
    ) -> Source {
        let texts: BTreeMap<String, &str> = files
            .files()
            .map(|(_, file)| (file.path.to_string(), &*file.text))
            .collect();
        let of = |path: &String| {
            let shown = project.shown(path);
            let text = texts.get(&shown).filter(|_| !is_std(path))?;
            Some((shown, text.lines().map(str::to_owned).collect()))
        };
        let files = map.files.iter().map(of).collect();
        let begins = |function: &Function| function.body.iter().map(begins).collect();
        let begins = package.functions.iter().map(begins).collect();
        Source {
            map,
            variables,
            begins,
            files,
        }
    }

    /// Where an instruction comes from, if it is the author's own.
    pub fn place(&self, function: u32, instruction: u32) -> Option<Place> {
        let place = self.map.place(function, instruction)?;
        let is_own = self.files.get(place.file as usize)?.is_some();
        (is_own && !self.is_made(function)).then_some(place)
    }

    /// The line that begins with an instruction, or goes on with it.
    pub fn line_begun(&self, function: u32, instruction: u32) -> Option<Line> {
        let begins = self.begins.get(function as usize)?;
        if !*begins.get(instruction as usize)? {
            return None;
        }
        let place = self.place(function, instruction)?;
        Some((place.file, place.line))
    }

    /// Whether the compiler made a function: around an entry point, or for a trait that is derived. What such have is named by nobody.
    fn is_made(&self, function: u32) -> bool {
        let variables = self.variables.get(function as usize);
        let unnamed = |variables: &Vec<Variable>| variables.iter().any(|v| v.name.is_empty());
        self.name(function) == "entry" || variables.is_some_and(unnamed)
    }

    /// The name of a function.
    pub fn name(&self, function: u32) -> &str {
        self.map.name(function).unwrap_or("?")
    }

    /// `main.cop:7`.
    pub fn shown(&self, line: Line) -> String {
        let file = self.files.get(line.0 as usize).and_then(Option::as_ref);
        let name = file.map_or("?", |(name, _)| name.as_str());
        format!("{name}:{}", line.1)
    }

    /// The text of a line.
    pub fn text(&self, line: Line) -> Option<&str> {
        let (_, lines) = self.files.get(line.0 as usize)?.as_ref()?;
        Some(lines.get(line.1.checked_sub(1)? as usize)?)
    }

    /// The line that is meant by `LINE` or `FILE:LINE`; `here` is the file that is at hand. Why it is none otherwise.
    pub fn line(&self, text: &str, here: Option<u32>) -> Result<Line, String> {
        let (file, line) = match text.rsplit_once(':') {
            Some((file, line)) => (Some(file), line),
            None => (None, text),
        };
        let line: u32 = line
            .parse()
            .map_err(|_| format!("`{text}` is no line; write LINE or FILE:LINE"))?;
        let own = self.files.iter().enumerate();
        let mut own = own.filter_map(|(number, file)| Some((number as u32, file.as_ref()?)));
        let found = match file {
            None => here.or_else(|| own.next().map(|(number, _)| number)),
            Some(name) => {
                let is_it = |known: &str| {
                    known == name
                        || known
                            .strip_suffix(name)
                            .is_some_and(|rest| rest.ends_with('/'))
                };
                own.find(|(_, (known, _))| is_it(known))
                    .map(|(number, _)| number)
            }
        };
        let file = found
            .ok_or_else(|| format!("the program has no file {}", file.unwrap_or("of its own")))?;
        let line = self.code_from((file, line));
        line.ok_or_else(|| format!("nothing of the program stands at {text} or below it"))
    }

    /// The first line from this one on that instructions come from.
    fn code_from(&self, wanted: Line) -> Option<Line> {
        let functions = (0..).zip(&self.map.functions);
        let functions = functions.filter(|(number, _)| !self.is_made(*number));
        let lines = functions.flat_map(|(_, function)| &function.ranges);
        let lines = lines.map(|range| (range.place.file, range.place.line));
        lines
            .filter(|(file, line)| *file == wanted.0 && *line >= wanted.1)
            .min()
    }

    /// The variables of an open call, by name, with what they hold. Calls count from 0, the innermost.
    pub fn variables(&self, moment: &Moment<'_>, call: usize) -> Vec<(String, String)> {
        let calls = moment.calls();
        let Some(at) = calls.get(call) else {
            return Vec::new();
        };
        let Some(variables) = self.variables.get(at.function as usize) else {
            return Vec::new();
        };
        let here = self.map.place(at.function, at.instruction);
        // What a call has taken over is gone from the frame that waits for it.
        let waits = u32::from(call > 0);
        let is_bound = |variable: &Variable| match here {
            Some(here) if here.file == variable.place.file => {
                (variable.place.line, variable.place.column) <= (here.line, here.column)
            }
            _ => true,
        };
        let mut found: BTreeMap<&str, &Variable> = BTreeMap::new();
        for variable in variables {
            let in_scope = variable.from <= at.instruction && at.instruction + waits < variable.to;
            if !in_scope || !is_bound(variable) {
                continue;
            }
            let known = found.entry(&variable.name).or_insert(variable);
            if (variable.number, variable.value) > (known.number, known.value) {
                *known = variable;
            }
        }
        let mut sorted: Vec<&Variable> = found.into_values().collect();
        sorted.sort_by_key(|variable| variable.number);
        let shown = sorted.into_iter().filter_map(|variable| {
            let value = moment.value(call, variable.value)?;
            Some((variable.name.clone(), value))
        });
        shown.collect()
    }
}

fn begins(instr: &Instr) -> bool {
    !matches!(
        instr,
        Instr::Ret { .. }
            | Instr::Drop(_)
            | Instr::Exit { .. }
            | Instr::Next { .. }
            | Instr::Block { .. }
            | Instr::Else
            | Instr::Arm
            | Instr::End
    )
}
