mod common;
fn primes(n: i64) -> i64 {
    let mut composite = vec![false; n as usize + 1];
    let mut i = 2;
    while i * i <= n {
        if !composite[i as usize] {
            let mut j = i * i;
            while j <= n {
                composite[j as usize] = true;
                j += i;
            }
        }
        i += 1;
    }
    let mut count = 0;
    let mut sum = 0;
    let mut k = 2;
    while k <= n {
        if !composite[k as usize] {
            count += 1;
            sum = (sum + k) % common::MOD;
        }
        k += 1;
    }
    count * 1000 + sum % 1000
}
fn main() {
    let n = common::size(4_000_000);
    common::report("sieve", || {
        let mut h = 0;
        for round in 0..16 {
            h = common::mix(h, primes(n - round));
        }
        h.to_string()
    });
}
