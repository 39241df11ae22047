//! Lists that are short most of the time: operands of instructions.
//!
//! Most instructions have one or two operands. Few of them lie in the instruction itself, so that making, moving and
//! dropping it needs no memory of its own, and an instruction is half as large as with vectors:
//!
//! ```text
//!   Few<Value, 3>   here: length, 3 values      16 bytes; more than three lie in a vector elsewhere
//!   Few<Step, 1>    here: length, 1 step        16 bytes
//!   Types           a reference, or nothing      8 bytes; most regions have no results
//! ```

use crate::instr::{Step, Value, ValueType};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// Operands.
pub type Values = Few<Value, 3>;
/// Where something lies in a value.
pub type Path = Few<Step, 1>;

/// A list that holds up to `N` items itself.
#[derive(Clone)]
pub struct Few<T, const N: usize>(Held<T, N>);

#[derive(Clone)]
#[allow(clippy::box_collection)] // A vector is three times as large as a reference, in every instruction.
enum Held<T, const N: usize> {
    /// So many of them.
    Here(u8, [T; N]),
    There(Box<Vec<T>>),
}

/// What can be an item: something to fill unused places with.
pub trait Item: Copy {
    /// Stands where nothing is.
    const NOTHING: Self;
}

impl Item for Value {
    const NOTHING: Value = Value(0);
}

impl Item for Step {
    const NOTHING: Step = Step::Field(0);
}

impl<T: Item, const N: usize> Few<T, N> {
    /// No items.
    pub const fn new() -> Self {
        Few(Held::Here(0, [T::NOTHING; N]))
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        match &mut self.0 {
            Held::Here(count, items) => match items.get_mut(usize::from(*count)) {
                Some(place) => {
                    *place = item;
                    *count += 1;
                }
                None => {
                    let mut all = Vec::with_capacity(2 * N + 1);
                    all.extend_from_slice(items);
                    all.push(item);
                    self.0 = Held::There(Box::new(all));
                }
            },
            Held::There(items) => items.push(item),
        }
    }

    /// Takes the last item off.
    pub fn pop(&mut self) -> Option<T> {
        match &mut self.0 {
            Held::Here(count, items) => {
                *count = count.checked_sub(1)?;
                items.get(usize::from(*count)).copied()
            }
            Held::There(items) => items.pop(),
        }
    }

    /// Puts an item in before that position.
    pub fn insert(&mut self, at: usize, item: T) {
        let mut all = self.to_vec();
        all.insert(at, item);
        *self = all.into();
    }

    /// Takes the item at that position out.
    pub fn remove(&mut self, at: usize) -> T {
        let mut all = self.to_vec();
        let item = all.remove(at);
        *self = all.into();
        item
    }

    /// Takes all items out.
    pub fn clear(&mut self) {
        *self = Few::new();
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match &self.0 {
            Held::Here(count, items) => items.get(..usize::from(*count)).unwrap_or(items),
            Held::There(items) => items,
        }
    }
}

impl<T, const N: usize> DerefMut for Few<T, N> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            Held::Here(count, items) => {
                let count = usize::from(*count).min(N);
                &mut items[..count]
            }
            Held::There(items) => items,
        }
    }
}

impl<T: Item, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Few::new()
    }
}

impl<T: Item, const N: usize> From<&[T]> for Few<T, N> {
    #[inline]
    fn from(items: &[T]) -> Self {
        if items.len() > N {
            return Few(Held::There(Box::new(items.to_vec())));
        }
        let mut here = [T::NOTHING; N];
        here.iter_mut().zip(items).for_each(|(h, i)| *h = *i);
        Few(Held::Here(items.len() as u8, here))
    }
}

impl<T: Item, const N: usize, const M: usize> From<[T; M]> for Few<T, N> {
    #[inline]
    fn from(items: [T; M]) -> Self {
        Few::from(&items[..])
    }
}

impl<T: Item, const N: usize> From<Vec<T>> for Few<T, N> {
    fn from(items: Vec<T>) -> Self {
        match items.len() <= N {
            true => Few::from(&items[..]),
            false => Few(Held::There(Box::new(items))),
        }
    }
}

impl<T: Item, const N: usize> FromIterator<T> for Few<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut all = Few::new();
        all.extend(items);
        all
    }
}

impl<T: Item, const N: usize> Extend<T> for Few<T, N> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<'a, T: Item + 'a, const N: usize> Extend<&'a T> for Few<T, N> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(*item));
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a Few<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a mut Few<T, N> {
    type Item = &'a mut T;
    type IntoIter = std::slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for Few<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Few<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Types and ownership of a region's parameters or results.
#[derive(Clone, PartialEq, Eq, Default)]
#[allow(clippy::box_collection)] // As above; most regions have none.
pub struct Types(Option<Box<Vec<ValueType>>>);

impl Types {
    /// None.
    pub const fn new() -> Types {
        Types(None)
    }

    /// Adds one at the end.
    pub fn push(&mut self, ty: ValueType) {
        self.0.get_or_insert_default().push(ty);
    }
}

impl Deref for Types {
    type Target = [ValueType];

    #[inline]
    fn deref(&self) -> &[ValueType] {
        match &self.0 {
            Some(types) => types,
            None => &[],
        }
    }
}

impl DerefMut for Types {
    #[inline]
    fn deref_mut(&mut self) -> &mut [ValueType] {
        match &mut self.0 {
            Some(types) => types,
            None => &mut [],
        }
    }
}

impl From<Vec<ValueType>> for Types {
    fn from(types: Vec<ValueType>) -> Types {
        Types((!types.is_empty()).then(|| Box::new(types)))
    }
}

impl<const M: usize> From<[ValueType; M]> for Types {
    fn from(types: [ValueType; M]) -> Types {
        types.to_vec().into()
    }
}

impl FromIterator<ValueType> for Types {
    fn from_iter<I: IntoIterator<Item = ValueType>>(types: I) -> Types {
        types.into_iter().collect::<Vec<_>>().into()
    }
}

impl Extend<ValueType> for Types {
    fn extend<I: IntoIterator<Item = ValueType>>(&mut self, types: I) {
        types.into_iter().for_each(|ty| self.push(ty));
    }
}

impl<'a> IntoIterator for &'a Types {
    type Item = &'a ValueType;
    type IntoIter = std::slice::Iter<'a, ValueType>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Types {
    type Item = &'a mut ValueType;
    type IntoIter = std::slice::IterMut<'a, ValueType>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Instr;

    #[test]
    fn few_hold_any_number() {
        for count in 0..9 {
            let all: Vec<Value> = (0..count).map(Value).collect();
            let mut few: Values = all.iter().copied().collect();
            assert_eq!(*few, *all);
            assert_eq!(few, Values::from(all.clone()));
            assert_eq!(format!("{few:?}"), format!("{all:?}"));
            few.insert(0, Value(9));
            assert_eq!(few.remove(0), Value(9));
            assert_eq!(*few, *all);
            assert_eq!(few.pop(), all.last().copied());
            assert_eq!(few.len(), all.len().saturating_sub(1));
        }
    }

    #[test]
    fn instructions_are_small() {
        assert_eq!(size_of::<Values>(), 16);
        assert_eq!(size_of::<Path>(), 16);
        assert_eq!(size_of::<Types>(), 8);
        assert_eq!(size_of::<Instr>(), 40);
    }
}
