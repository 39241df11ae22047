//! Making a found case small.

/// Bytes no longer than `found` for which `fails` holds, as it does for `found`; at most `tries` others are tried.
///
/// Pieces are left out, from large to small, then bytes are made smaller. What the bytes mean is not known here: a program
/// that is made of fewer or smaller bytes is smaller.
pub fn shrink(found: &[u8], tries: usize, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = found.to_vec();
    let mut left = tries;
    let mut attempt = |best: &mut Vec<u8>, candidate: Vec<u8>| {
        if left == 0 || candidate == *best {
            return false;
        }
        left -= 1;
        let better = fails(&candidate);
        if better {
            *best = candidate;
        }
        better
    };
    loop {
        let before = best.clone();
        // The end first: what is not given is 0.
        let mut keep = best.len() / 2;
        while keep < best.len() {
            let candidate = best[..keep].to_vec();
            if !attempt(&mut best, candidate) {
                keep += (best.len() - keep).div_ceil(2);
            } else {
                keep = best.len() / 2;
            }
        }
        let mut size = (best.len() / 2).max(1);
        while size > 0 && !best.is_empty() {
            let mut at = 0;
            while at < best.len() {
                let end = (at + size).min(best.len());
                let mut shorter = best[..at].to_vec();
                shorter.extend_from_slice(&best[end..]);
                let mut zeroed = best.clone();
                zeroed[at..end].fill(0);
                if !attempt(&mut best, shorter) {
                    attempt(&mut best, zeroed);
                    at += size;
                }
            }
            size /= 2;
        }
        for at in 0..best.len() {
            for smaller in [
                best.get(at).map(|b| b / 2),
                best.get(at).map(|b| b.saturating_sub(1)),
            ] {
                if let (Some(smaller), true) = (smaller, at < best.len()) {
                    let mut candidate = best.clone();
                    candidate[at] = smaller;
                    attempt(&mut best, candidate);
                }
            }
        }
        if best == before {
            return best;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shrink;

    #[test]
    fn leaves_what_matters() {
        let found: Vec<u8> = (0..=255).collect();
        let fails = |bytes: &[u8]| bytes.iter().any(|b| *b > 99) && bytes.contains(&7);
        assert_eq!(shrink(&found, 10_000, fails), [7, 100]);
    }

    #[test]
    fn tries_no_more_than_it_may() {
        let mut tried = 0;
        let found = vec![1; 1000];
        let small = shrink(&found, 10, |_| {
            tried += 1;
            true
        });
        assert_eq!(tried, 10);
        assert!(small.len() < found.len());
    }
}
