mod common;
use common::{mix, Rng};
fn word(rng: &mut Rng, n: i64) -> String {
    let mut s = String::new();
    for _ in 0..n {
        s.push((97 + rng.below(6)) as u8 as char);
    }
    s
}
fn distance(a: &[u8], b: &[u8], table: &mut Vec<Vec<i64>>) -> i64 {
    for i in 0..=a.len() {
        table[i][0] = i as i64;
    }
    for j in 0..=b.len() {
        table[0][j] = j as i64;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let cost = if a[i - 1] == b[j - 1] { 0 } else { 1 };
            let mut best = table[i - 1][j - 1] + cost;
            let del = table[i - 1][j] + 1;
            if del < best {
                best = del;
            }
            let ins = table[i][j - 1] + 1;
            if ins < best {
                best = ins;
            }
            table[i][j] = best;
        }
    }
    table[a.len()][b.len()]
}
fn main() {
    let rounds = common::size(100);
    common::report("levenshtein", || {
        let mut rng = Rng(5);
        let mut table = Vec::new();
        for _ in 0..=1000 {
            table.push(vec![0i64; 1001]);
        }
        let mut h = 0;
        for r in 0..rounds {
            let a = word(&mut rng, 1000 - r % 7);
            let b = word(&mut rng, 1000 - r % 11);
            h = mix(h, distance(a.as_bytes(), b.as_bytes(), &mut table));
        }
        h.to_string()
    });
}
