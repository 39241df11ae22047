//! The types of generated programs.

use super::Writer;

/// A type, as source text names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ty {
    Unit,
    Int,
    Float,
    Bool,
    Char,
    String,
    Bytes,
    List(Box<Ty>),
    Map(Box<Ty>, Box<Ty>),
    Set(Box<Ty>),
    Option(Box<Ty>),
    Result(Box<Ty>),
    Tuple(Vec<Ty>),
    /// By number.
    Struct(usize),
    /// By number.
    Enum(usize),
    /// Of one parameter.
    Fn(Box<Ty>, Box<Ty>),
}

impl Ty {
    pub fn list(of: Ty) -> Ty {
        Ty::List(Box::new(of))
    }

    pub fn option(of: Ty) -> Ty {
        Ty::Option(Box::new(of))
    }

    /// Whether its values have `==` and a text: all but what holds functions.
    pub fn is_plain(&self) -> bool {
        match self {
            Ty::Fn(..) => false,
            Ty::List(of) | Ty::Set(of) | Ty::Option(of) | Ty::Result(of) => of.is_plain(),
            Ty::Map(key, value) => key.is_plain() && value.is_plain(),
            Ty::Tuple(parts) => parts.iter().all(Ty::is_plain),
            // Fields of generated types are.
            _ => true,
        }
    }

    /// Whether its values can be ordered, for sure.
    pub fn is_ordered(&self) -> bool {
        match self {
            Ty::Int | Ty::Float | Ty::Bool | Ty::Char | Ty::String | Ty::Bytes => true,
            Ty::List(of) | Ty::Option(of) => of.is_ordered(),
            Ty::Tuple(parts) => parts.iter().all(Ty::is_ordered),
            _ => false,
        }
    }

    /// Whether a literal tells its type by itself.
    pub fn is_told(&self) -> bool {
        matches!(
            self,
            Ty::Int | Ty::Float | Ty::Bool | Ty::Char | Ty::String | Ty::Bytes | Ty::Struct(_)
        )
    }
}

impl std::fmt::Display for Ty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ty::Unit => f.write_str("()"),
            Ty::Int => f.write_str("Int"),
            Ty::Float => f.write_str("Float"),
            Ty::Bool => f.write_str("Bool"),
            Ty::Char => f.write_str("Char"),
            Ty::String => f.write_str("String"),
            Ty::Bytes => f.write_str("Bytes"),
            Ty::List(of) => write!(f, "List[{of}]"),
            Ty::Map(key, value) => write!(f, "Map[{key}, {value}]"),
            Ty::Set(of) => write!(f, "Set[{of}]"),
            Ty::Option(of) => match **of {
                Ty::Option(_) | Ty::Fn(..) => write!(f, "({of})?"),
                _ => write!(f, "{of}?"),
            },
            Ty::Result(of) => write!(f, "Result[{of}, String]"),
            Ty::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(Ty::to_string).collect();
                write!(f, "({})", parts.join(", "))
            }
            Ty::Struct(number) => write!(f, "S{number}"),
            Ty::Enum(number) => write!(f, "E{number}"),
            Ty::Fn(of, to) => write!(f, "fn({of}) -> {to}"),
        }
    }
}

impl Writer<'_> {
    /// A type for a variable, parameter or field. The first is the simplest.
    pub fn some_type(&mut self, depth: usize) -> Ty {
        let nested = if depth == 0 { 0 } else { 1 };
        let nominal = |count: usize| u32::from(count > 0) * 3;
        let weights = [
            10,
            3,
            2,
            1,
            4,
            1,
            6 * nested,
            3 * nested,
            nested,
            3 * nested,
            nested,
            2 * nested,
            nominal(self.structs.len()),
            nominal(self.enums.len()),
        ];
        let inner = depth.saturating_sub(1);
        match self.choices.weighted(&weights) {
            0 => Ty::Int,
            1 => Ty::Float,
            2 => Ty::Bool,
            3 => Ty::Char,
            4 => Ty::String,
            5 => Ty::Bytes,
            6 => Ty::list(self.some_type(inner)),
            7 => Ty::Map(Box::new(self.key_type()), Box::new(self.some_type(inner))),
            8 => Ty::Set(Box::new(self.key_type())),
            9 => Ty::option(self.some_type(inner)),
            10 => Ty::Result(Box::new(self.some_type(inner))),
            11 => {
                let count = 2 + self.choices.below(3);
                Ty::Tuple((0..count).map(|_| self.some_type(inner)).collect())
            }
            12 => Ty::Struct(self.choices.below(self.structs.len())),
            _ => Ty::Enum(self.choices.below(self.enums.len())),
        }
    }

    /// A type whose values are keys.
    pub fn key_type(&mut self) -> Ty {
        match self.choices.below(6) {
            0 | 1 => Ty::Int,
            2 | 3 => Ty::String,
            4 => Ty::Char,
            _ => Ty::Tuple(vec![Ty::Int, Ty::String]),
        }
    }

    /// Declares some structs and enums; a few contain themselves.
    pub fn declare_types(&mut self) {
        for number in 0..self.choices.below(4) {
            let count = match self.choices.once_in(6) {
                // Beyond 16 slots it has a cell of its own.
                true => 6 + self.choices.below(14),
                false => 1 + self.choices.below(4),
            };
            let mut fields: Vec<Ty> = (0..count).map(|_| self.some_type(2)).collect();
            if self.choices.once_in(3) {
                let own = Ty::Struct(number);
                fields.push(match self.choices.below(2) {
                    0 => Ty::option(own),
                    _ => Ty::list(own),
                });
            }
            self.structs.push(fields);
            let count = 1 + self.choices.below(4);
            let mut variants = vec![];
            for variant in 0..count {
                let count = self.choices.below(4);
                let mut parts: Vec<Ty> = (0..count).map(|_| self.some_type(1)).collect();
                if variant > 0 && self.choices.once_in(3) {
                    parts.push(Ty::Enum(number));
                }
                variants.push(parts);
            }
            self.enums.push(variants);
        }
        for number in 0..self.structs.len() {
            let fields = self.structs[number].clone();
            self.line(&format!("struct S{number} {{"));
            for (i, ty) in fields.iter().enumerate() {
                self.line(&format!("    f{i}: {ty}"));
            }
            self.line("}");
            let variants = self.enums[number].clone();
            self.line(&format!("enum E{number} {{"));
            for (i, parts) in variants.iter().enumerate() {
                let parts: Vec<String> = parts.iter().map(Ty::to_string).collect();
                match parts.is_empty() {
                    true => self.line(&format!("    E{number}V{i}")),
                    false => self.line(&format!("    E{number}V{i}({})", parts.join(", "))),
                }
            }
            self.line("}");
        }
    }
}
