//! Constants and defaults of fields are worked out by the compiler, so none may need itself, by way of functions either.

use super::*;
use crate::hir::{Body, ExprKind};
use crate::visit::visit_all;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a constant may need.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Const(ConstId),
    Fn(FnId),
}

/// Of longer circles the middle is not told.
const MOST_NAMED: usize = 10;

impl Checker<'_> {
    pub(super) fn cycles(&mut self) {
        let needs = self.needs();
        let mut told: BTreeSet<Need> = BTreeSet::new();
        let starts: Vec<Need> = in_cycles(&needs)
            .into_iter()
            .filter(|need| self.is_constant(*need))
            .collect();
        for start in starts {
            if told.contains(&start) {
                continue;
            }
            if let Some(chain) = chain_to_itself(start, &needs) {
                told.extend(chain.iter().copied());
                self.report_need(&chain);
            }
        }
    }

    fn is_constant(&self, need: Need) -> bool {
        match need {
            Need::Const(_) => true,
            Need::Fn(id) => self.fns[id.index()].owner == Owner::Default,
        }
    }

    /// What constants and defaults need, what that needs, and so on.
    fn needs(&mut self) -> BTreeMap<Need, Vec<Need>> {
        let consts = (0..self.program.consts.len()).map(|index| Need::Const(ConstId(index as u32)));
        let fns = (0..self.program.fns.len()).map(|index| Need::Fn(FnId(index as u32)));
        let mut open: Vec<Need> = consts
            .chain(fns.filter(|need| self.is_constant(*need)))
            .collect();
        let mut needs = BTreeMap::new();
        while let Some(need) = open.pop() {
            if needs.contains_key(&need) {
                continue;
            }
            // The library has none that lead out of it.
            if let Need::Fn(id) = need
                && !self.is_std(self.program.fns[id.index()].module as usize)
            {
                self.check_once(id);
            }
            let body = match need {
                Need::Const(id) => &self.consts[id.index()].body,
                Need::Fn(id) => &self.bodies[id.index()],
            };
            let Some(body) = body else { continue };
            let needed = needed(body);
            open.extend(&needed);
            needs.insert(need, needed);
        }
        needs
    }

    fn report_need(&mut self, chain: &[Need]) {
        let name = |need: &Need| match need {
            Need::Const(id) => format!("`{}`", self.program.consts[id.index()].name),
            Need::Fn(id) => match self.fns[id.index()].owner {
                Owner::Default => {
                    let name = &self.program.fns[id.index()].name;
                    format!(
                        "the default of `{}`",
                        name.trim_start_matches("default of ")
                    )
                }
                _ => format!("`{}`", self.program.fns[id.index()].name),
            },
        };
        let span = |need: &Need| match need {
            Need::Const(id) => self.program.consts[id.index()].span,
            Need::Fn(id) => self.program.fns[id.index()].span,
        };
        let mut names: Vec<String> = chain.iter().map(name).collect();
        names.push(names[0].clone());
        if names.len() > MOST_NAMED {
            let last = names.len() - MOST_NAMED / 2;
            names.splice(MOST_NAMED / 2..last, ["…".to_string()]);
        }
        let what = match chain[0] {
            Need::Const(_) => format!("the constant {}", names[0]),
            Need::Fn(_) => names[0].clone(),
        };
        let mut message = Diagnostic::error("E0318", format!("{what} needs itself"))
            .at(span(&chain[0]), names.join(" → "));
        for other in chain[1..].iter().take(MOST_NAMED) {
            message = message.also(span(other), "by way of this");
        }
        self.report(message.help("one of them must be given without the others"));
    }
}

/// Constants and functions that a body names, each once.
fn needed(body: &Body) -> Vec<Need> {
    let mut out: Vec<Need> = Vec::new();
    visit_all(&body.value, &mut |expr| {
        let need = match &expr.kind {
            ExprKind::Const(id) => Need::Const(*id),
            ExprKind::Call(function, _) | ExprKind::FnValue(function) => Need::Fn(function.id),
            _ => return,
        };
        out.push(need);
    });
    out.sort();
    out.dedup();
    out
}

/// All that can be reached from itself: what is in a strongly connected part of more than one, or needs itself at once.
/// (Tarjan, without recursion: a chain of needs can be as long as the program.)
fn in_cycles(needs: &BTreeMap<Need, Vec<Need>>) -> Vec<Need> {
    let none = Vec::new();
    let mut number: BTreeMap<Need, usize> = BTreeMap::new();
    let mut lowest: BTreeMap<Need, usize> = BTreeMap::new();
    let mut open: Vec<Need> = Vec::new();
    let mut is_open: BTreeSet<Need> = BTreeSet::new();
    let mut out = Vec::new();
    for start in needs.keys() {
        if number.contains_key(start) {
            continue;
        }
        // What is being visited, and how many of its needs were followed.
        let mut path: Vec<(Need, usize)> = vec![(*start, 0)];
        while let Some((at, followed)) = path.last_mut() {
            let at = *at;
            if *followed == 0 {
                number.insert(at, number.len());
                lowest.insert(at, number[&at]);
                open.push(at);
                is_open.insert(at);
            }
            let next = needs.get(&at).unwrap_or(&none).get(*followed).copied();
            *followed += 1;
            match next {
                Some(next) if !number.contains_key(&next) => path.push((next, 0)),
                Some(next) => {
                    if is_open.contains(&next) {
                        let low = lowest[&at].min(number[&next]);
                        lowest.insert(at, low);
                    }
                }
                None => {
                    path.pop();
                    if let Some((above, _)) = path.last() {
                        let low = lowest[above].min(lowest[&at]);
                        lowest.insert(*above, low);
                    }
                    if lowest[&at] == number[&at] {
                        let from = open.iter().rposition(|other| *other == at).unwrap_or(0);
                        let part = open.split_off(from);
                        part.iter().for_each(|member| {
                            is_open.remove(member);
                        });
                        let itself = needs.get(&at).is_some_and(|needs| needs.contains(&at));
                        if part.len() > 1 || itself {
                            out.extend(part);
                        }
                    }
                }
            }
        }
    }
    out.sort();
    out
}

/// The shortest way from something to itself.
fn chain_to_itself(start: Need, needs: &BTreeMap<Need, Vec<Need>>) -> Option<Vec<Need>> {
    let mut from: BTreeMap<Need, Need> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in needs.get(&at).into_iter().flatten() {
            if *next == start {
                let mut chain = vec![at];
                let mut back = at;
                while back != start {
                    back = from[&back];
                    chain.push(back);
                }
                chain.reverse();
                return Some(chain);
            }
            if !from.contains_key(next) {
                from.insert(*next, at);
                queue.push_back(*next);
            }
        }
    }
    None
}
