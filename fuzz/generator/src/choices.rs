//! Where decisions come from: a stream of bytes.

/// Decisions, read from bytes one after the other.
///
/// All that is decided can be had again from [`Choices::taken`]. When given bytes are used up, each decision is 0; whoever asks
/// makes that the choice that ends soonest.
#[derive(Clone, Debug)]
pub struct Choices {
    origin: Origin,
    taken: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Origin {
    /// The state of a generator of numbers.
    Seed(u64),
    Bytes(std::vec::IntoIter<u8>),
}

impl Choices {
    /// Decisions without end; the same for the same seed.
    pub fn of_seed(seed: u64) -> Choices {
        Choices {
            origin: Origin::Seed(seed),
            taken: Vec::new(),
        }
    }

    /// Decisions that these bytes say.
    pub fn of_bytes(bytes: &[u8]) -> Choices {
        Choices {
            origin: Origin::Bytes(Vec::from(bytes).into_iter()),
            taken: Vec::new(),
        }
    }

    /// The bytes of all decisions so far.
    pub fn taken(&self) -> &[u8] {
        &self.taken
    }

    /// Whether given bytes are used up.
    pub fn is_done(&self) -> bool {
        match &self.origin {
            Origin::Seed(_) => false,
            Origin::Bytes(rest) => rest.len() == 0,
        }
    }

    fn byte(&mut self) -> u8 {
        let byte = match &mut self.origin {
            Origin::Seed(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                (z ^ (z >> 31)) as u8
            }
            Origin::Bytes(rest) => rest.next().unwrap_or(0),
        };
        self.taken.push(byte);
        byte
    }

    /// A number below `bound`, which is at least 1 and at most 65,536. Takes one byte, two above 256; none where there is nothing
    /// to decide.
    pub fn below(&mut self, bound: usize) -> usize {
        match bound {
            0 | 1 => 0,
            2..=256 => usize::from(self.byte()) * bound / 256,
            _ => (usize::from(self.byte()) << 8 | usize::from(self.byte())) * bound / 65_536,
        }
    }

    /// A number from 0 to `most`.
    pub fn up_to(&mut self, most: u64) -> u64 {
        let mut number = 0u64;
        let mut left = most;
        while left > 0 {
            number = number << 8 | u64::from(self.byte());
            left >>= 8;
        }
        match most {
            u64::MAX => number,
            _ => number % (most + 1),
        }
    }

    /// True once in so many times; false when the bytes are used up.
    pub fn once_in(&mut self, times: usize) -> bool {
        times > 0 && self.below(times) == times - 1
    }

    /// One of these; the first when the bytes are used up.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let at = self.below(from.len());
        from.get(at).copied()
    }

    /// One of these by weight: its index. The first when the bytes are used up.
    pub fn weighted(&mut self, weights: &[u32]) -> usize {
        let total: u32 = weights.iter().sum();
        let mut at = self.below(total as usize) as u32;
        for (index, weight) in weights.iter().enumerate() {
            if at < *weight {
                return index;
            }
            at -= weight;
        }
        0
    }
}
