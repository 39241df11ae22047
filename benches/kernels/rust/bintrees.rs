mod common;
struct Tree {
    left: Option<Box<Tree>>,
    right: Option<Box<Tree>>,
}
fn build(depth: i64) -> Box<Tree> {
    if depth == 0 {
        Box::new(Tree { left: None, right: None })
    } else {
        Box::new(Tree { left: Some(build(depth - 1)), right: Some(build(depth - 1)) })
    }
}
fn count(t: &Tree) -> i64 {
    match (&t.left, &t.right) {
        (Some(l), Some(r)) => 1 + count(l) + count(r),
        _ => 1,
    }
}
fn main() {
    let max = common::size(16);
    common::report("bintrees", || {
        let mut h = count(&build(max + 1));
        let long_lived = build(max);
        let mut d = 4;
        while d <= max {
            let rounds = 1i64 << (max - d + 4);
            let mut total = 0;
            for _ in 0..rounds {
                total += count(&build(d));
            }
            h = common::mix(h, total);
            d += 2;
        }
        common::mix(h, count(&long_lived)).to_string()
    });
}
