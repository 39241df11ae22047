mod common;
fn make(n: i64, seed: f64) -> Vec<Vec<f64>> {
    let mut m = Vec::new();
    let t = seed / n as f64 / n as f64;
    for i in 0..n {
        let mut row = Vec::new();
        for j in 0..n {
            row.push(t * (i - j) as f64 * (i + j) as f64);
        }
        m.push(row);
    }
    m
}
fn multiply(a: &Vec<Vec<f64>>, b: &Vec<Vec<f64>>, n: usize) -> Vec<Vec<f64>> {
    let mut bt = vec![vec![0.0; n]; n];
    for i in 0..n {
        for j in 0..n {
            bt[j][i] = b[i][j];
        }
    }
    let mut c = Vec::new();
    for i in 0..n {
        let ai = &a[i];
        let mut row = vec![0.0; n];
        for j in 0..n {
            let bj = &bt[j];
            let mut s = 0.0;
            for k in 0..n {
                s += ai[k] * bj[k];
            }
            row[j] = s;
        }
        c.push(row);
    }
    c
}
fn main() {
    let n = common::size(640);
    common::report("matmul", || {
        let a = make(n, 1.0);
        let b = make(n, 2.0);
        let c = multiply(&a, &b, n as usize);
        let mut trace = 0.0;
        for i in 0..n as usize {
            trace += c[i][i];
        }
        let mid = c[n as usize / 2][n as usize / 3];
        format!("{}:{}", (trace * 1e6).floor() as i64, (mid * 1e6).floor() as i64)
    });
}
