//! `clock`: the time, fine or coarse. All three are cut from the one instant at which the run began.

use crate::codec::Writer;
use crate::host::HostCall;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The answer of one of the three questions.
pub fn answer(call: HostCall, now_ms: i64) -> Vec<u8> {
    let number = match call {
        HostCall::ClockMinute => now_ms.div_euclid(MINUTE_MS),
        HostCall::ClockToday => now_ms.div_euclid(DAY_MS),
        _ => now_ms,
    };
    let mut writer = Writer::new();
    writer.int(number);
    writer.finish()
}

/// Milliseconds since 1970 by the system's clock.
pub fn system_now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_times_are_cut_from_the_fine_one() {
        let check = |now_ms: i64, minute: i64, day: i64| {
            assert_eq!(answer(HostCall::ClockNow, now_ms), now_ms.to_le_bytes());
            assert_eq!(answer(HostCall::ClockMinute, now_ms), minute.to_le_bytes());
            assert_eq!(answer(HostCall::ClockToday, now_ms), day.to_le_bytes());
        };
        check(0, 0, 0);
        check(59_999, 0, 0);
        check(86_400_000, 1_440, 1);
        check(-1, -1, -1);
    }
}
