//! Did you mean …?
//!
//! Comparing names is slow, and a program may have many names and many that are not known. So the comparisons of one
//! thread have a bound, which a compilation fills up when it begins: beyond it nothing is proposed any more. That is
//! the same on every machine, as a compilation is done by one thread in one order.

use std::cell::Cell;

/// Pairs of letters that one compilation compares at most; each name that is looked at counts as one more.
const LETTER_PAIRS: usize = 10_000_000;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(LETTER_PAIRS) };
}

/// A compilation begins.
pub(crate) fn refill() {
    LEFT.set(LETTER_PAIRS);
}

/// The name among `known` nearest to `wrong`, if one is near enough; of equally near ones the first.
pub(crate) fn nearest<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    // Of few letters each changes the word: `me` is not `m`, and `max` not `map`.
    let limit = match wrong.chars().filter(|letter| *letter != '_').count() {
        0 | 1 => 0,
        count => ((count + 2) / 4).clamp(1, 4),
    };
    let alike = |name: &str| {
        limit > 1 || {
            let (a, b) = (plain(wrong), plain(name));
            a.len() > 3
                || a == b
                || is_swapped(&a, &b)
                || a.len() == 3 && b.len() == 4 && a[..2] == b[..2]
        }
    };
    known
        .into_iter()
        .take_while(|_| afford(1))
        .filter(|name| *name != wrong && name.len().abs_diff(wrong.len()) <= limit + 2)
        .take_while(|name| afford(name.len().min(MOST_LETTERS) * wrong.len().min(MOST_LETTERS)))
        .map(|name| (distance(wrong, name, limit), name))
        .filter(|(distance, name)| *distance <= limit && alike(name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters to add, drop, change or swap, ignoring case; anything beyond `limit` may be given as more than it is.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let a: Vec<char> = plain(a);
    let b: Vec<char> = plain(b);
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

/// Whether the letters are the same in another order.
fn is_swapped(a: &[char], b: &[char]) -> bool {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    a.sort_unstable();
    b.sort_unstable();
    a == b
}

/// Letters of a name that are compared; the rest is not looked at.
const MOST_LETTERS: usize = 64;

/// Whether so many pairs of letters may still be compared; they are then counted as compared.
fn afford(pairs: usize) -> bool {
    let left = LEFT.get().checked_sub(pairs);
    LEFT.set(left.unwrap_or(0));
    left.is_some()
}

/// Small letters without `_`, so that `startsWith` is near `starts_with`.
fn plain(name: &str) -> Vec<char> {
    let letters = name.chars().filter(|letter| *letter != '_');
    letters
        .map(|letter| letter.to_ascii_lowercase())
        .take(MOST_LETTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        assert_eq!(nearest("lenght", ["length", "left"]), Some("length"));
        assert_eq!(nearest("startsWith", ["starts_with"]), Some("starts_with"));
        assert_eq!(nearest("pritn", ["print", "panic"]), Some("print"));
        assert_eq!(nearest("x", ["completely"]), None);
        assert_eq!(nearest("x", ["n", "y"]), None);
        assert_eq!(nearest("N", ["n"]), Some("n"));
        assert_eq!(nearest("tatal", ["total"]), Some("total"));
        assert_eq!(nearest("lne", ["len"]), Some("len"));
        assert_eq!(nearest("nam", ["name"]), Some("name"));
        assert_eq!(nearest("recieved_at", ["received_at"]), Some("received_at"));
    }

    #[test]
    fn far_names_are_not() {
        assert_eq!(nearest("me", ["m", "we", "met"]), None);
        assert_eq!(nearest("max", ["map", "min", "mix"]), None);
        assert_eq!(nearest("foo", ["for", "fold"]), None);
        assert_eq!(nearest("width", ["depth", "with_"]), Some("with_"));
        assert_eq!(nearest("handle", ["hash", "header"]), None);
    }

    #[test]
    fn comparing_has_an_end() {
        refill();
        let names: Vec<String> = (0..2_000)
            .map(|at| format!("{}{at}", "a".repeat(90)))
            .collect();
        let wrong = format!("{}b", "a".repeat(90));
        let found = || nearest(&wrong, names.iter().map(String::as_str)).is_some();
        assert!(found());
        assert_eq!((0..10).filter(|_| found()).count(), 1);
        refill();
        assert!(found());
    }
}
