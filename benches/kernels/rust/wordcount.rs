mod common;
use common::{mix, Rng};
use std::collections::HashMap;
fn main() {
    let n = common::size(4_000_000);
    common::report("wordcount", || {
        let mut rng = Rng(7);
        let mut vocab: Vec<String> = Vec::new();
        for _ in 0..5000 {
            let len = 3 + rng.below(7);
            let mut w = String::new();
            for _ in 0..len {
                w.push((97 + rng.below(26)) as u8 as char);
            }
            vocab.push(w);
        }
        let mut text = String::new();
        for i in 0..n {
            // Skewed choice: the product of two draws favours low indexes.
            let a = rng.below(5000);
            let b = rng.below(5000);
            text.push_str(&vocab[(a * b / 5000) as usize]);
            text.push(if i % 16 == 15 { '\n' } else { ' ' });
        }
        let bytes = text.as_bytes();
        let mut counts: HashMap<String, i64> = HashMap::new();
        let mut start = 0;
        for i in 0..bytes.len() {
            if bytes[i] == 32 || bytes[i] == 10 {
                if i > start {
                    let w = &text[start..i];
                    match counts.get_mut(w) {
                        Some(c) => *c += 1,
                        None => {
                            counts.insert(w.to_string(), 1);
                        }
                    }
                }
                start = i + 1;
            }
        }
        let mut all: Vec<(String, i64)> = counts.into_iter().collect();
        all.sort_by(|x, y| if x.1 != y.1 { y.1.cmp(&x.1) } else { x.0.cmp(&y.0) });
        let mut h = all.len() as i64;
        for i in 0..200 {
            h = mix(h, all[i].1);
            h = mix(h, all[i].0.as_bytes()[0] as i64);
            h = mix(h, all[i].0.len() as i64);
        }
        format!("{}:{}:{}", bytes.len(), all.len(), h)
    });
}
