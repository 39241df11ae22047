mod common;
use common::{mix, Rng};
// Bottom-up merge sort over a caller's comparator, written out by hand so that
// every language runs the same comparisons.
fn merge_sort(a: &mut Vec<i64>, cmp: impl Fn(i64, i64) -> i64) {
    let n = a.len();
    let mut src = a.clone();
    let mut dst = vec![0i64; n];
    let mut width = 1;
    while width < n {
        let mut lo = 0;
        while lo < n {
            let mid = if lo + width < n { lo + width } else { n };
            let hi = if lo + 2 * width < n { lo + 2 * width } else { n };
            let (mut i, mut j, mut k) = (lo, mid, lo);
            while k < hi {
                if i < mid && (j >= hi || cmp(src[i], src[j]) <= 0) {
                    dst[k] = src[i];
                    i += 1;
                } else {
                    dst[k] = src[j];
                    j += 1;
                }
                k += 1;
            }
            lo += 2 * width;
        }
        std::mem::swap(&mut src, &mut dst);
        width *= 2;
    }
    *a = src;
}
fn main() {
    let n = common::size(1_000_000);
    common::report("sort", || {
        let mut rng = Rng(99);
        let mut v: Vec<i64> = Vec::new();
        for _ in 0..n {
            v.push(rng.next());
        }
        // The modulus is captured: the comparator is a real closure.
        let m = 1000 + n % 10 + 9;
        merge_sort(&mut v, |a, b| {
            let x = a % m;
            let y = b % m;
            if x != y { y - x } else { a - b }
        });
        let mut h = 0;
        let mut i = 0;
        while i < v.len() {
            h = mix(h, v[i]);
            i += 1000;
        }
        h.to_string()
    });
}
