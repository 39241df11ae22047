//! Types of values in bytecode.

/// Index into [`crate::Package::types`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TypeId(pub u32);

/// Index into [`crate::Package::defs`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct DefId(pub u32);

/// A type. Parts are earlier entries of the package's table, so that a table cannot be circular; a type
/// that mentions itself does so through a [`TypeDef`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// 64-bit integer.
    I64,
    /// IEEE binary64.
    F64,
    /// Truth value.
    Bool,
    /// Unicode scalar value.
    Char,
    /// The one value `()`; no slot.
    Unit,
    /// UTF-8 text.
    String,
    /// Byte sequence; elements are read and written as `I64` in `0..=255`.
    Bytes,
    /// Two integers, `start` (field 0) and `end` (field 1).
    Range,
    /// Contiguous sequence.
    List(TypeId),
    /// Insertion-ordered map.
    Map(TypeId, TypeId),
    /// Insertion-ordered set.
    Set(TypeId),
    /// A sum of the core: variant 0 `None`, variant 1 `Some(T)`.
    Option(TypeId),
    /// A product without a name; at least two parts.
    Tuple(Vec<TypeId>),
    /// A product or sum of [`crate::Package::defs`] with its type arguments.
    Nominal(DefId, Vec<TypeId>),
    /// A closure.
    Fn {
        /// Parameters.
        params: Vec<FnParam>,
        /// Result.
        result: TypeId,
    },
    /// A capability, or the copyable handle `request`, by interface name.
    Host(String),
    /// The n-th parameter of the definition at hand; only inside [`TypeDef`]s.
    Param(u32),
}

/// A parameter of a function type: `borrow`, or `inout` if `mutable`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FnParam {
    /// Type.
    pub ty: TypeId,
    /// `inout`.
    pub mutable: bool,
}

/// A nominal product or sum.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TypeDef {
    /// Name in the source, for `Show`-like output and debugging; part of the identity.
    pub name: String,
    /// How many type parameters it has.
    pub params: u32,
    /// Product or sum.
    pub shape: Shape,
}

/// The shape of a definition.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Shape {
    /// A struct.
    Product(Vec<Field>),
    /// An enum; at least one variant.
    Sum(Vec<Variant>),
}

/// A variant of a sum.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Variant {
    /// Name.
    pub name: String,
    /// Payload.
    pub fields: Vec<Field>,
}

/// A field of a product or of a variant.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// Name; `0`, `1`, … where the source has none.
    pub name: String,
    /// Type; may mention [`Type::Param`].
    pub ty: TypeId,
}
