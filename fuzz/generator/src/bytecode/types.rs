//! The types of generated packages.

use cop_bytecode::layout::Layouts;
use cop_bytecode::{Field, FnParam, Shape, Type, TypeDef, TypeId, Variant};

use crate::Choices;

/// Types that values have, by what they are made of.
pub struct Types {
    pub int: TypeId,
    pub float: TypeId,
    pub bool: TypeId,
    pub char: TypeId,
    pub unit: TypeId,
    pub string: TypeId,
    pub bytes: TypeId,
    pub int_to_int: TypeId,
    pub change_ints: TypeId,
    /// Lists of integers: what loops are about.
    pub ints: TypeId,
    /// All that parameters and results can be.
    all: Vec<TypeId>,
    pub lists: Vec<TypeId>,
    pub maps: Vec<TypeId>,
    pub sets: Vec<TypeId>,
}

fn fields(types: &[TypeId]) -> Vec<Field> {
    let field = |(i, ty): (usize, &TypeId)| Field {
        name: format!("f{i}"),
        ty: *ty,
    };
    types.iter().enumerate().map(field).collect()
}

impl Types {
    pub fn new(table: &mut Layouts) -> Types {
        let int = table.intern(Type::I64);
        let float = table.intern(Type::F64);
        let bool = table.intern(Type::Bool);
        let char = table.intern(Type::Char);
        let unit = table.intern(Type::Unit);
        let string = table.intern(Type::String);
        let bytes = table.intern(Type::Bytes);
        let range = table.intern(Type::Range);
        let ints = table.intern(Type::List(int));
        let product = |table: &mut Layouts, name: &str, types: &[TypeId]| {
            let def = table.define(TypeDef {
                name: name.into(),
                params: 0,
                shape: Shape::Product(fields(types)),
            });
            table.intern(Type::Nominal(def, vec![]))
        };
        let point = product(table, "Point", &[int, float]);
        let named = product(table, "Named", &[string, ints, bool]);
        let wide = product(
            table,
            "Wide",
            &[string, int, int, int, int, int, int, char, ints],
        );
        let big: Vec<TypeId> = (0..18)
            .map(|i| if i % 3 == 0 { float } else { int })
            .collect();
        let big = product(table, "Big", &[&big[..], &[string]].concat());
        let pair = table.intern(Type::Tuple(vec![int, string]));
        let nest = table.intern(Type::Tuple(vec![int, pair, ints]));
        let sum = |table: &mut Layouts, name: &str| {
            let def = table.define(TypeDef {
                name: name.into(),
                params: 0,
                shape: Shape::Product(vec![]),
            });
            (def, table.intern(Type::Nominal(def, vec![])))
        };
        let variants = |rows: &[&[TypeId]]| {
            let row = |(i, types): (usize, &&[TypeId])| Variant {
                name: format!("V{i}"),
                fields: fields(types),
            };
            Shape::Sum(rows.iter().enumerate().map(row).collect())
        };
        let (def, shape) = sum(table, "Shape");
        table.set_shape(
            def,
            variants(&[&[], &[string], &[int, ints], &[float, bool]]),
        );
        let (def, expr) = sum(table, "Expr");
        table.set_shape(def, variants(&[&[], &[int], &[expr, expr], &[string]]));
        let (def, color) = sum(table, "Color");
        table.set_shape(def, variants(&[&[], &[], &[], &[int]]));
        // A product that contains itself behind an option: a cell.
        let (def, tree) = sum(table, "Tree");
        let link = table.intern(Type::Option(tree));
        table.set_shape(def, Shape::Product(fields(&[int, link, string])));
        let param = |ty, mutable| FnParam { ty, mutable };
        let int_to_int = table.intern(Type::Fn {
            params: vec![param(int, false)],
            result: int,
        });
        let change_ints = table.intern(Type::Fn {
            params: vec![param(int, false), param(ints, true)],
            result: unit,
        });
        let elements = [
            int, float, bool, char, string, ints, pair, shape, named, color, tree, big, wide, point,
        ];
        let lists: Vec<TypeId> = elements.map(|of| table.intern(Type::List(of))).to_vec();
        let rows = [
            (string, ints),
            (int, shape),
            (int, int),
            (char, string),
            (pair, float),
        ];
        let maps: Vec<TypeId> = rows.map(|(k, v)| table.intern(Type::Map(k, v))).to_vec();
        let sets: Vec<TypeId> = [int, string, pair, color]
            .map(|of| table.intern(Type::Set(of)))
            .to_vec();
        let options = [int, string, ints, wide, float, char, pair];
        let options = options.map(|of| table.intern(Type::Option(of)));
        let mut all = vec![
            int, ints, string, float, bool, char, unit, bytes, range, point, named,
        ];
        all.extend([wide, big, pair, nest, shape, expr, color, tree, link]);
        all.extend([int_to_int, change_ints]);
        all.extend(options);
        all.extend(&lists);
        all.extend(&maps);
        all.extend(&sets);
        for ty in &all {
            // Every type here is closed and small.
            let _ = table.layout(*ty);
        }
        Types {
            int,
            float,
            bool,
            char,
            unit,
            string,
            bytes,
            int_to_int,
            change_ints,
            ints,
            all,
            lists,
            maps,
            sets,
        }
    }

    /// Any of them; integers and lists of these more often.
    pub fn any(&self, choices: &mut Choices) -> TypeId {
        match choices.below(4) {
            0 => self.all[choices.below(3)],
            _ => self.all[choices.below(self.all.len())],
        }
    }
}
