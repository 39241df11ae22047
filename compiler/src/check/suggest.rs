//! Did you mean …?

/// The name among `known` nearest to `wrong`, if one is near enough; of equally near ones the first.
pub(crate) fn nearest<'n>(
    wrong: &str,
    known: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let limit = wrong.chars().count().max(3) / 3;
    known
        .into_iter()
        .filter(|name| *name != wrong && name.len().abs_diff(wrong.len()) <= limit + 2)
        .map(|name| (distance(wrong, name, limit), name))
        .filter(|(distance, _)| *distance <= limit)
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

/// Small letters without `_`, so that `startsWith` is near `starts_with`.
fn plain(name: &str) -> Vec<char> {
    let letters = name.chars().filter(|letter| *letter != '_');
    letters
        .map(|letter| letter.to_ascii_lowercase())
        .take(64)
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
    }
}
