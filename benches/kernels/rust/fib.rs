mod common;
fn fib(n: i64) -> i64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}
fn main() {
    let n = common::size(40);
    common::report("fib", || fib(n).to_string());
}
