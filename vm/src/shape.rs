//! Layouts as the machine wants them: rows of [`Piece`]s that say how a value moves between slots and memory
//! and where its references are.

use cop_bytecode::layout::{Body, Layout, LayoutError, Layouts, Part, TABLE_HEADER};
use cop_bytecode::{Function, Type, TypeId};

/// Index into [`Shapes::all`]; the same number as the [`TypeId`].
pub type ShapeId = u32;

/// Type words of closures have this bit; the rest is the function's index.
pub const CLOSURE: u32 = 1 << 31;

/// What a slot of a value is in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PieceKind {
    /// 8 bytes.
    I64,
    /// 8 bytes, compared as a float.
    F64,
    /// 1 byte.
    Bool,
    /// 4 bytes: a character, or a host handle.
    Word,
    /// 4 bytes: a reference, or 0.
    Ref,
    /// An inline sum: tag and payload, several slots.
    Sum(ShapeId),
}

/// A slot, or an inline sum, of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// First slot, counted from the value's first.
    pub slot: u32,
    /// Offset in memory, from the value's beginning, or from that of its cell.
    pub offset: u32,
    /// What it is.
    pub kind: PieceKind,
}

/// The parts of a product, of a variant, or of a closure's captures.
#[derive(Clone, Default, Debug)]
pub struct Row {
    /// All slots.
    pub pieces: Vec<Piece>,
    /// Those that hold references, in the same order.
    pub refs: Vec<Piece>,
    /// The parts themselves.
    pub parts: Vec<Part>,
    /// Size of the cell, if the type is boxed.
    pub cell_size: u32,
}

/// Entries of a map or set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Table {
    /// Key.
    pub key: ShapeId,
    /// Value; none for a set.
    pub value: Option<ShapeId>,
    /// Where the key lies in an entry.
    pub key_offset: u32,
    /// Where the value lies in an entry.
    pub value_offset: u32,
    /// Where the hash lies in an entry: 31 bits, the top bit says that the entry is dead.
    pub hash_offset: u32,
    /// Size of an entry.
    pub stride: u32,
}

/// What kind of type it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A scalar, or `()`.
    Scalar,
    /// Text.
    String,
    /// Bytes.
    Bytes,
    /// A list of elements of this shape and stride.
    List(ShapeId, u32),
    /// A map or set.
    Table(Table),
    /// A closure.
    Closure,
    /// A product, inline or boxed.
    Product,
    /// A sum, inline or boxed, with that many bytes of tag.
    Sum(u32),
    /// An option of one slot.
    OptionRef,
}

/// A type, as the machine wants it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Kind.
    pub kind: Kind,
    /// How many slots a value has.
    pub slots: u32,
    /// Size in memory.
    pub size: u32,
    /// Whether there is no reference in it.
    pub copy: bool,
    /// Whether its value is a reference to a cell of its own.
    pub boxed: bool,
    /// The value's own slots: a boxed type has one reference.
    pub pieces: Vec<Piece>,
    /// Those of them that hold references.
    pub refs: Vec<Piece>,
    /// Parts: one row for a product, one per variant for a sum, the payload for an option of one slot. Offsets
    /// count from the cell if the type is boxed; slots from the first part's then, else from the value's.
    pub rows: Vec<Row>,
}

/// All types of a program.
#[derive(Debug, Default)]
pub struct Shapes {
    all: Vec<Option<Shape>>,
}

impl Shapes {
    /// The shape of a type, if it was laid out.
    #[inline]
    pub fn get(&self, id: ShapeId) -> Option<&Shape> {
        self.all.get(id as usize)?.as_ref()
    }

    /// Makes the shapes of all types that are laid out.
    ///
    /// # Errors
    /// When a part of a type that is laid out is not.
    pub fn new(layouts: &Layouts) -> Result<Shapes, LayoutError> {
        let mut shapes = Shapes {
            all: (0..layouts.len()).map(|_| None).collect(),
        };
        for id in 0..layouts.len() as u32 {
            if let Some(layout) = layouts.ready(TypeId(id)) {
                shapes.all[id as usize] = Some(shape(layouts, TypeId(id), layout)?);
            }
        }
        Ok(shapes)
    }
}

fn shape(layouts: &Layouts, id: TypeId, layout: &Layout) -> Result<Shape, LayoutError> {
    let ty = layouts.get(id).ok_or(LayoutError::Unknown)?;
    let pieces = pieces(layouts, id, 0, 0)?;
    let kind = match ty {
        Type::String => Kind::String,
        Type::Bytes => Kind::Bytes,
        Type::List(item) => match layouts.ready(*item) {
            Some(item_layout) => Kind::List(item.0, item_layout.size),
            // No cell of this type can be made; see `need`.
            None => Kind::Closure,
        },
        Type::Map(key, value) => {
            table(layouts, *key, Some(*value)).map_or(Kind::Closure, Kind::Table)
        }
        Type::Set(item) => table(layouts, *item, None).map_or(Kind::Closure, Kind::Table),
        Type::Fn { .. } => Kind::Closure,
        _ => match &layout.body {
            Body::Product(_) => Kind::Product,
            Body::Sum { tag_width, .. } => Kind::Sum(*tag_width),
            Body::OptionRef(_) => Kind::OptionRef,
            Body::Scalar | Body::Reference => Kind::Scalar,
        },
    };
    let rows = match &layout.body {
        Body::Product(parts) => vec![parts.clone()],
        Body::Sum { variants, .. } => variants.clone(),
        Body::OptionRef(part) => vec![vec![], vec![*part]],
        Body::Scalar | Body::Reference => vec![],
    };
    let rows = rows.into_iter().enumerate().map(|(i, parts)| {
        let cell_size = layout.cell_sizes.get(i).copied().unwrap_or(0);
        row(layouts, parts, cell_size)
    });
    Ok(Shape {
        kind,
        slots: layout.slots.len() as u32,
        size: layout.size,
        copy: layout.copy,
        boxed: layout.boxed,
        refs: references(layouts, &pieces),
        pieces,
        rows: rows.collect::<Result<_, _>>()?,
    })
}

/// Lays parts out as pieces.
pub fn row(layouts: &Layouts, parts: Vec<Part>, cell_size: u32) -> Result<Row, LayoutError> {
    let mut all = Vec::new();
    for part in &parts {
        all.extend(pieces(layouts, part.ty, part.slot, part.offset)?);
    }
    Ok(Row {
        refs: references(layouts, &all),
        pieces: all,
        parts,
        cell_size,
    })
}

/// The row of a function's captures.
///
/// # Errors
/// When a capture has no layout.
pub fn captures(layouts: &mut Layouts, function: &Function) -> Result<Row, LayoutError> {
    let types: Vec<TypeId> = function
        .params
        .iter()
        .take(function.captures as usize)
        .map(|p| p.ty)
        .collect();
    let (parts, size) = layouts.closure(&types)?;
    row(layouts, parts, size)
}

/// The pieces of a value of a type whose first slot and byte are given.
///
/// # Errors
/// When the type or a part has no layout, or there are more parts inside parts than any sensible type has.
pub fn pieces(
    layouts: &Layouts,
    id: TypeId,
    slot: u32,
    offset: u32,
) -> Result<Vec<Piece>, LayoutError> {
    const PARTS: usize = 1024;
    let mut all = Vec::new();
    let mut stack = vec![(id, slot, offset)];
    let mut visited = 0;
    while let Some((id, slot, offset)) = stack.pop() {
        visited += 1;
        if visited > PARTS {
            return Err(LayoutError::TooMany);
        }
        let layout = layouts.ready(id).ok_or(LayoutError::Unknown)?;
        let kind = match &layout.body {
            _ if layout.boxed => PieceKind::Ref,
            Body::Reference | Body::OptionRef(_) => PieceKind::Ref,
            Body::Sum { .. } => PieceKind::Sum(id.0),
            Body::Scalar => match layouts.get(id).ok_or(LayoutError::Unknown)? {
                Type::I64 => PieceKind::I64,
                Type::F64 => PieceKind::F64,
                Type::Bool => PieceKind::Bool,
                Type::Char | Type::Host(_) => PieceKind::Word,
                _ => continue,
            },
            Body::Product(parts) => {
                stack.extend(
                    parts
                        .iter()
                        .rev()
                        .map(|p| (p.ty, slot + p.slot, offset + p.offset)),
                );
                continue;
            }
        };
        all.push(Piece { slot, offset, kind });
    }
    Ok(all)
}

fn references(layouts: &Layouts, pieces: &[Piece]) -> Vec<Piece> {
    let holds = |piece: &&Piece| match piece.kind {
        PieceKind::Ref => true,
        PieceKind::Sum(id) => layouts.ready(TypeId(id)).is_some_and(|l| !l.copy),
        _ => false,
    };
    pieces.iter().filter(holds).copied().collect()
}

/// Entries of a table: key, value and hash, sorted by size like the parts of a product.
pub fn table(layouts: &Layouts, key: TypeId, value: Option<TypeId>) -> Option<Table> {
    let of = |id| layouts.ready(id).map(|l| (l.size, l.align));
    let parts = [of(key)?, value.map_or(Some((0, 1)), of)?, (4, 4)];
    let mut order = [0, 1, 2];
    order.sort_by_key(|i| std::cmp::Reverse(parts[*i as usize].0));
    let (mut offsets, mut end, mut align) = ([0; 3], 0u32, 1);
    for i in order {
        let (size, part_align) = parts[i as usize];
        offsets[i as usize] = end.next_multiple_of(part_align);
        end = offsets[i as usize] + size;
        align = align.max(part_align);
    }
    debug_assert!(TABLE_HEADER.is_multiple_of(8));
    Some(Table {
        key: key.0,
        value: value.map(|v| v.0),
        key_offset: offsets[0],
        value_offset: offsets[1],
        hash_offset: offsets[2],
        stride: end.next_multiple_of(align),
    })
}

/// Lays out what values of a type need at run time: the type, and the elements of its cells.
///
/// # Errors
/// When something has no layout.
pub fn need(layouts: &mut Layouts, id: TypeId) -> Result<(), LayoutError> {
    layouts.layout(id)?;
    match layouts.get(id).ok_or(LayoutError::Unknown)?.clone() {
        Type::List(item) | Type::Set(item) => layouts.layout(item).map(drop),
        Type::Map(key, value) => {
            layouts.layout(key)?;
            layouts.layout(value).map(drop)
        }
        _ => Ok(()),
    }
}
