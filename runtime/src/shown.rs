//! Stored values for people: the shape that stands in the store says how the bytes are to be read (`docs/formats.md`).
//!
//! Values are written as source writes them, save that the names of types are not known: `{id: 1, title: "milk"}`, `[1, 2]`,
//! `["a": 1]`, `Some(3)`, `Circle(radius: 1.5)`.

use std::fmt::Write;

use crate::codec::{CodecError, Reader};
use crate::store::state::Fingerprint;

/// Types and values that lie deeper are shown as `…`.
const DEPTH_MAX: usize = 64;
/// A longer text is cut; so is each string in it.
const SHOWN_MAX: usize = 64 << 10;

/// A type in a shape. Others are named by their place in the list of all.
#[derive(Clone, Debug)]
enum Node {
    Int,
    Float,
    Bool,
    Char,
    String,
    Bytes,
    Range,
    Many(usize),
    Pairs(usize, usize),
    Maybe(usize),
    Parts(Vec<usize>),
    Record(Vec<(String, usize)>),
    Choice(Vec<(String, Vec<(String, usize)>)>),
}

/// A stored value, fingerprint and leaves, whose shape has this text; its bytes where they are not of that shape.
pub fn shown(stored: &[u8], shape: Option<&str>) -> String {
    let leaves = stored.get(size_of::<Fingerprint>()..).unwrap_or_default();
    let value = shape.and_then(|shape| {
        let mut shape = Shape {
            rest: shape,
            nodes: Vec::new(),
            outer: Vec::new(),
        };
        let root = shape.read(0).filter(|_| shape.rest.is_empty())?;
        let mut value = Value {
            nodes: &shape.nodes,
            reader: Reader::new(leaves),
            text: String::new(),
        };
        let read = value.write(root, 0);
        match read.and_then(|()| Ok(value.reader.end()?)) {
            Ok(()) => Some(value.text),
            Err(Stop::Cut) => Some(value.text + "…"),
            Err(Stop::Damaged) => None,
        }
    });
    value.unwrap_or_else(|| {
        let bytes = stored.iter().take(SHOWN_MAX / 2);
        bytes.fold("0x".to_owned(), |mut hex, byte| {
            // Writing to a String does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    })
}

/// Reads the text of a shape. Each function gives `None` for what is none.
struct Shape<'a> {
    rest: &'a str,
    nodes: Vec<Node>,
    /// The structs and enums around.
    outer: Vec<usize>,
}

impl Shape<'_> {
    fn eat(&mut self, word: &str) -> bool {
        let rest = self.rest.strip_prefix(word);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn must(&mut self, word: &str) -> Option<()> {
        self.eat(word).then_some(())
    }

    fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn read(&mut self, depth: usize) -> Option<usize> {
        let mut node = self.read_plain(depth)?;
        while self.eat("?") {
            node = self.add(Node::Maybe(node));
        }
        Some(node)
    }

    fn read_plain(&mut self, depth: usize) -> Option<usize> {
        if depth > DEPTH_MAX {
            return None;
        }
        let depth = depth + 1;
        if self.eat("^") {
            let digits = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = self.rest.split_at(digits);
            self.rest = rest;
            let up: usize = number.parse().ok()?;
            return self.outer.iter().rev().nth(up.checked_sub(1)?).copied();
        }
        if self.eat("struct{") {
            let own = self.begin();
            let mut fields = Vec::new();
            while !self.eat("}") {
                fields.push(self.read_field(depth)?);
            }
            return Some(self.end(own, Node::Record(fields)));
        }
        if self.eat("enum{") {
            let own = self.begin();
            let mut variants = Vec::new();
            while !self.eat("}") {
                let name = self.read_name("(")?;
                let mut parts = Vec::new();
                while !self.eat(")") {
                    parts.push(self.read_field(depth)?);
                }
                variants.push((name, parts));
            }
            return Some(self.end(own, Node::Choice(variants)));
        }
        if self.eat("(") {
            let mut parts = Vec::new();
            while !self.eat(")") {
                if !parts.is_empty() {
                    self.must(",")?;
                }
                parts.push(self.read(depth)?);
            }
            return Some(self.add(Node::Parts(parts)));
        }
        if self.eat("Map[") {
            let key = self.read(depth)?;
            self.must(",")?;
            let value = self.read(depth)?;
            self.must("]")?;
            return Some(self.add(Node::Pairs(key, value)));
        }
        if self.eat("List[") || self.eat("Set[") {
            let of = self.read(depth)?;
            self.must("]")?;
            return Some(self.add(Node::Many(of)));
        }
        let leaves = [
            ("Int", Node::Int),
            ("Float", Node::Float),
            ("Bool", Node::Bool),
            ("Char", Node::Char),
            ("String", Node::String),
            ("Bytes", Node::Bytes),
            ("Range", Node::Range),
        ];
        let (_, leaf) = leaves.into_iter().find(|(name, _)| self.eat(name))?;
        Some(self.add(leaf))
    }

    /// Begins a struct or enum, so that what is inside can name it.
    fn begin(&mut self) -> usize {
        let own = self.add(Node::Parts(Vec::new()));
        self.outer.push(own);
        own
    }

    fn end(&mut self, own: usize, node: Node) -> usize {
        self.outer.pop();
        self.nodes[own] = node;
        own
    }

    fn read_field(&mut self, depth: usize) -> Option<(String, usize)> {
        let name = self.read_name(":")?;
        let node = self.read(depth)?;
        self.must(";")?;
        Some((name, node))
    }

    /// A name up to this sign; `\` stands before signs in it.
    fn read_name(&mut self, end: &str) -> Option<String> {
        let mut name = String::new();
        while !self.eat(end) {
            self.eat("\\");
            let c = self.rest.chars().next()?;
            self.rest = &self.rest[c.len_utf8()..];
            name.push(c);
        }
        Some(name)
    }
}

/// Why a value is not written to its end.
enum Stop {
    /// It is too long or too deep.
    Cut,
    /// The leaves are not of its shape.
    Damaged,
}

impl From<CodecError> for Stop {
    fn from(_: CodecError) -> Stop {
        Stop::Damaged
    }
}

/// Writes a value while its leaves are read.
struct Value<'a> {
    nodes: &'a [Node],
    reader: Reader<'a>,
    text: String,
}

impl Value<'_> {
    fn write(&mut self, node: usize, depth: usize) -> Result<(), Stop> {
        if self.text.len() > SHOWN_MAX || depth > DEPTH_MAX {
            return Err(Stop::Cut);
        }
        let depth = depth + 1;
        match &self.nodes[node] {
            Node::Int => {
                let number = self.reader.int()?;
                self.push(&number.to_string());
            }
            Node::Float => {
                let number = f64::from_bits(self.reader.int()? as u64);
                self.push(&format!("{number:?}"));
            }
            Node::Bool => {
                let flag = self.reader.flag()?;
                self.push(&flag.to_string());
            }
            Node::Char => {
                let number = u32::from_le_bytes(self.reader.array()?);
                let c = char::from_u32(number).ok_or(Stop::Damaged)?;
                self.push(&format!("{c:?}"));
            }
            Node::String => {
                let text = self.reader.text()?;
                let cut: String = text.chars().take(SHOWN_MAX).collect();
                self.push(&format!("{cut:?}"));
            }
            Node::Bytes => {
                let bytes = self.reader.bytes()?;
                let cut = &bytes[..bytes.len().min(SHOWN_MAX)];
                self.push(&format!("b\"{}\"", cut.escape_ascii()));
            }
            Node::Range => {
                let (start, end) = (self.reader.int()?, self.reader.int()?);
                self.push(&format!("{start}..{end}"));
            }
            Node::Maybe(of) => match self.reader.flag()? {
                false => self.push("None"),
                true => {
                    self.push("Some(");
                    self.write(*of, depth)?;
                    self.push(")");
                }
            },
            Node::Many(of) => {
                self.push("[");
                for at in 0..self.reader.count()? {
                    self.comma(at > 0);
                    self.write(*of, depth)?;
                }
                self.push("]");
            }
            Node::Pairs(key, value) => {
                let count = self.reader.count()?;
                self.push(if count == 0 { "[:" } else { "[" });
                for at in 0..count {
                    self.comma(at > 0);
                    self.write(*key, depth)?;
                    self.push(": ");
                    self.write(*value, depth)?;
                }
                self.push("]");
            }
            Node::Parts(parts) => {
                self.push("(");
                for (at, part) in parts.iter().enumerate() {
                    self.comma(at > 0);
                    self.write(*part, depth)?;
                }
                self.push(")");
            }
            Node::Record(fields) => {
                self.push("{");
                self.fields(fields, depth)?;
                self.push("}");
            }
            Node::Choice(variants) => {
                let number = match variants.len() {
                    0..=256 => usize::from(self.reader.byte()?),
                    _ => usize::from(u16::from_le_bytes(self.reader.array()?)),
                };
                let variant = variants.get(number);
                let (name, parts) = variant.ok_or(Stop::Damaged)?;
                self.push(name);
                if !parts.is_empty() {
                    self.push("(");
                    self.fields(parts, depth)?;
                    self.push(")");
                }
            }
        }
        Ok(())
    }

    /// Fields with their names; those of parts without names are numbers, and left out.
    fn fields(&mut self, fields: &[(String, usize)], depth: usize) -> Result<(), Stop> {
        for (at, (name, node)) in fields.iter().enumerate() {
            self.comma(at > 0);
            if name.parse::<usize>().is_err() {
                self.push(name);
                self.push(": ");
            }
            self.write(*node, depth)?;
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn comma(&mut self, is_between: bool) {
        if is_between {
            self.push(", ");
        }
    }
}

/// Most characters of an answer that are shown.
const ANSWER_SHOWN: usize = 200;

/// An answer for people: its texts as source has them, a number, else the bytes.
pub fn shown_answer(answer: &[u8]) -> String {
    // An optional answer begins with whether it is there.
    if answer == [0] {
        return "None".to_owned();
    }
    let optional = answer.strip_prefix(&[1]).and_then(texts);
    if let Some(texts) = texts(answer).or(optional) {
        return texts.chars().take(ANSWER_SHOWN).collect();
    }
    if let Ok(number) = <[u8; 8]>::try_from(answer) {
        return i64::from_le_bytes(number).to_string();
    }
    let bytes = answer.iter().take(ANSWER_SHOWN / 2);
    let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
    match answer.len() * 2 > ANSWER_SHOWN {
        true => format!("{hex}… ({} bytes)", answer.len()),
        false => hex,
    }
}

/// The texts that an answer is made of, if it is made of such alone.
fn texts(answer: &[u8]) -> Option<String> {
    let mut reader = Reader::new(answer);
    let mut texts = Vec::new();
    while reader.remaining() > 0 {
        let text = reader.text().ok()?;
        if text
            .chars()
            .any(|c| c.is_control() && !c.is_ascii_whitespace())
        {
            return None;
        }
        texts.push(format!("{text:?}"));
    }
    (!texts.is_empty()).then(|| texts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Writer;

    fn check(shape: &str, leaves: impl FnOnce(&mut Writer) -> &mut Writer, expected: &str) {
        let mut writer = Writer::new();
        writer.raw(&[0; 8]);
        leaves(&mut writer);
        assert_eq!(shown(&writer.finish(), Some(shape)), expected, "{shape}");
    }

    #[test]
    fn values_are_written_as_source_writes_them() {
        check("Int", |w| w.int(-3), "-3");
        check(
            "(Bool,Float,())",
            |w| w.flag(true).int(0x3ff8 << 48),
            "(true, 1.5, ())",
        );
        check(
            "List[Int?]",
            |w| w.count(2).flag(false).flag(true).int(1),
            "[None, Some(1)]",
        );
        check(
            "Map[String,Int]",
            |w| w.count(1).text("a").int(1),
            "[\"a\": 1]",
        );
        check("Map[String,Int]", |w| w.count(0), "[:]");
        let todo = "struct{id:Int;title:String;}";
        check(todo, |w| w.int(1).text("m\""), "{id: 1, title: \"m\\\"\"}");
        let shape = "enum{Dot()Circle(radius:Float;)Line(0:Int;1:Int;)}";
        check(shape, |w| w.byte(0), "Dot");
        check(shape, |w| w.byte(1).int(0), "Circle(radius: 0.0)");
        check(shape, |w| w.byte(2).int(1).int(2), "Line(1, 2)");
        let tree = "struct{key:Int;left:^1?;}";
        check(
            tree,
            |w| w.int(1).flag(true).int(2).flag(false),
            "{key: 1, left: Some({key: 2, left: None})}",
        );
        check("struct{a\\:b:Int;}", |w| w.int(1), "{a:b: 1}");
    }

    #[test]
    fn what_is_not_of_the_shape_is_shown_as_bytes() {
        let stored = [0, 1, 2, 3, 4, 5, 6, 7, 255];
        for shape in [
            None,
            Some("Int"),
            Some("Nothing"),
            Some("^1"),
            Some("enum{A()}"),
        ] {
            assert_eq!(shown(&stored, shape), "0x0001020304050607ff");
        }
        let deep = "List[".repeat(10_000) + "Int" + &"]".repeat(10_000);
        assert_eq!(shown(&stored, Some(&deep)), "0x0001020304050607ff");
    }

    #[test]
    fn what_is_long_or_deep_is_cut() {
        let mut deep = Writer::new();
        deep.raw(&[0; 8]);
        for _ in 0..100_000 {
            deep.int(1).flag(true);
        }
        let text = shown(&deep.finish(), Some("struct{key:Int;left:^1?;}"));
        assert!(text.starts_with("{key: 1, left: Some({key: 1") && text.ends_with('…'));
        let mut long = Writer::new();
        long.raw(&[0; 8]).text(&"x".repeat(1 << 20));
        assert_eq!(shown(&long.finish(), Some("String")).len(), SHOWN_MAX + 2);
        let mut many = Writer::new();
        many.raw(&[0; 8]).count(1 << 20);
        many.raw(&[0; 8 << 20]);
        let text = shown(&many.finish(), Some("List[Int]"));
        assert!(text.len() < SHOWN_MAX + 100 && text.ends_with('…'));
    }
}
