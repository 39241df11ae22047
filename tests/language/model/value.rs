//! Values of the model: trees that are copied whenever they go anywhere, which is what cop promises.

use std::fmt;

/// The types of the random programs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    Int,
    /// `List[Int]`
    List,
    /// `List[List[Int]]`
    Grid,
    /// `Map[Int, List[Int]]`
    Map,
    /// `List[Int]?`
    Maybe,
    /// `(Int, List[Int])`
    Pair,
    /// A struct of all of these.
    Record,
    /// An enum that mentions itself.
    Shape,
}

impl Type {
    pub const ALL: [Type; 8] = [
        Type::Int,
        Type::List,
        Type::Grid,
        Type::Map,
        Type::Maybe,
        Type::Pair,
        Type::Record,
        Type::Shape,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Type::Int => "Int",
            Type::List => "List[Int]",
            Type::Grid => "List[List[Int]]",
            Type::Map => "Map[Int, List[Int]]",
            Type::Maybe => "List[Int]?",
            Type::Pair => "(Int, List[Int])",
            Type::Record => "Record",
            Type::Shape => "Shape",
        }
    }
}

/// A value. It shows itself as `print` does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    Int(i64),
    List(Vec<Value>),
    Map(Vec<(i64, Value)>),
    Maybe(Option<Box<Value>>),
    /// A pair, the record, or the struct inside `Shape.Deep`.
    Parts(&'static [&'static str], Vec<Value>),
    /// A variant of `Shape`: its name, the names of its parts, the parts.
    Variant(&'static str, &'static [&'static str], Vec<Value>),
}

pub const PAIR: &[&str] = &[];
pub const RECORD: &[&str] = &["Record", "a", "xs", "o", "t"];
pub const NODE: &[&str] = &["Node", "inner", "n"];

/// A step into a value.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Part of a pair or struct.
    Part(usize),
    /// Element of a list.
    Index(usize),
    /// Value under a key.
    Key(i64),
}

impl Value {
    pub fn int(&self) -> i64 {
        match self {
            Value::Int(number) => *number,
            other => panic!("{other} is no Int"),
        }
    }

    pub fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            other => panic!("{other} is no list"),
        }
    }

    pub fn items_mut(&mut self) -> &mut Vec<Value> {
        match self {
            Value::List(items) => items,
            other => panic!("{other} is no list"),
        }
    }

    pub fn put(&mut self, key: i64, value: Value) {
        let Value::Map(entries) = self else {
            panic!("{self} is no map")
        };
        match entries.iter_mut().find(|(known, _)| *known == key) {
            Some(entry) => entry.1 = value,
            None => entries.push((key, value)),
        }
    }

    /// What lies at the end of a path, if it is there.
    pub fn at(&self, path: &[Step]) -> Option<&Value> {
        path.iter()
            .try_fold(self, |value, step| match (value, step) {
                (Value::Parts(_, parts), Step::Part(part)) => parts.get(*part),
                (Value::List(items), Step::Index(index)) => items.get(*index),
                (Value::Map(entries), Step::Key(key)) => {
                    Some(&entries.iter().find(|(known, _)| known == key)?.1)
                }
                _ => None,
            })
    }

    /// The same, to be changed.
    pub fn at_mut(&mut self, path: &[Step]) -> Option<&mut Value> {
        path.iter()
            .try_fold(self, |value, step| match (value, step) {
                (Value::Parts(_, parts), Step::Part(part)) => parts.get_mut(*part),
                (Value::List(items), Step::Index(index)) => items.get_mut(*index),
                (Value::Map(entries), Step::Key(key)) => {
                    Some(&mut entries.iter_mut().find(|(known, _)| known == key)?.1)
                }
                _ => None,
            })
    }
}

fn joined<T>(
    out: &mut fmt::Formatter<'_>,
    items: &[T],
    mut show: impl FnMut(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        show(out, item)?;
    }
    Ok(())
}

impl fmt::Display for Value {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(number) => write!(out, "{number}"),
            Value::List(items) => {
                out.write_str("[")?;
                joined(out, items, |out, item| write!(out, "{item}"))?;
                out.write_str("]")
            }
            Value::Map(entries) if entries.is_empty() => out.write_str("[:]"),
            Value::Map(entries) => {
                out.write_str("[")?;
                joined(out, entries, |out, (key, value)| {
                    write!(out, "{key}: {value}")
                })?;
                out.write_str("]")
            }
            Value::Maybe(None) => out.write_str("None"),
            Value::Maybe(Some(value)) => write!(out, "Some({value})"),
            Value::Parts(names, parts) => {
                let (name, names) = names.split_first().unwrap_or((&"", &[]));
                named(out, name, names, parts)
            }
            Value::Variant(name, _, parts) if parts.is_empty() => out.write_str(name),
            Value::Variant(name, names, parts) => named(out, name, names, parts),
        }
    }
}

fn named(out: &mut fmt::Formatter<'_>, name: &str, names: &[&str], parts: &[Value]) -> fmt::Result {
    write!(out, "{name}(")?;
    let indexed: Vec<(usize, &Value)> = parts.iter().enumerate().collect();
    joined(out, &indexed, |out, (index, part)| {
        match names.get(*index) {
            Some(name) => write!(out, "{name}: {part}"),
            None => write!(out, "{part}"),
        }
    })?;
    out.write_str(")")
}
