//! Times for people, in UTC, by the civil calendar.

/// A day as `2026-11-20`, from milliseconds since 1970 (by the civil calendar, in UTC).
pub fn day(time_ms: u64) -> String {
    // Howard Hinnant's algorithm: years begin in March, so that the leap day is the last one; 719,468 days lead from there to 1970.
    let days = time_ms / 86_400_000 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A minute as `2026-11-20 16:32`, from milliseconds since 1970.
pub fn minute(time_ms: u64) -> String {
    let minutes = time_ms / 60_000 % 1440;
    format!("{} {:02}:{:02}", day(time_ms), minutes / 60, minutes % 60)
}

/// A second as `2026-11-20T16:32:05Z` (RFC 3339), from milliseconds since 1970.
pub fn second(time_ms: u64) -> String {
    let seconds = time_ms / 1000 % 86_400;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", day(time_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        for (time_ms, expected) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (1_735_689_599_999, "2024-12-31"),
            (1_795_132_800_000, "2026-11-20"),
        ] {
            assert_eq!(day(time_ms), expected);
        }
        assert_eq!(second(1_795_192_379_999), "2026-11-20T16:32:59Z");
        assert_eq!(minute(1_795_192_379_999), "2026-11-20 16:32");
    }
}
