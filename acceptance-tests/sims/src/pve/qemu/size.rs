//! Sizes as a VM configuration writes them: `1049K`, `1536M`, `3G`.

const KIB: u64 = 1 << 10;

/// Writes a number of bytes with the largest unit that divides it, as `size=` of a drive has it.
pub fn format_size(bytes: u64) -> String {
    let mut value = bytes;
    let mut unit = "";
    for next in ["K", "M", "G", "T"] {
        if value == 0 || !value.is_multiple_of(KIB) {
            break;
        }
        value /= KIB;
        unit = next;
    }
    format!("{value}{unit}")
}

/// Reads `64M`, `1G`, `1.5G` or plain bytes. `None` for anything else.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, factor) = match text.char_indices().next_back()? {
        (at, 'K' | 'k') => (&text[..at], KIB),
        (at, 'M' | 'm') => (&text[..at], KIB.pow(2)),
        (at, 'G' | 'g') => (&text[..at], KIB.pow(3)),
        (at, 'T' | 't') => (&text[..at], KIB.pow(4)),
        _ => (text, 1),
    };
    scaled(number, factor)
}

/// Bytes of a size in GiB, possibly with a fraction. Volumes are allocated in whole KiB, rounded up
/// (upstream: `PVE::Tools::convert_size`).
pub fn gib_to_bytes(text: &str) -> Option<u64> {
    let bytes = scaled(text, KIB.pow(3))?;
    Some(bytes.div_ceil(KIB) * KIB)
}

/// `number` (digits, at most one point) times `factor`, rounded up to whole bytes.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    // More digits than this cannot matter for a size in bytes.
    let digits = &fraction[..fraction.len().min(12)];
    if digits.is_empty() {
        return Some(whole);
    }
    let numerator = u128::from(digits.parse::<u64>().ok()?) * u128::from(factor);
    let part = numerator.div_ceil(10u128.pow(u32::try_from(digits.len()).ok()?));
    whole.checked_add(u64::try_from(part).ok()?)
}

/// A size for people, as progress lines of a task have it: `64.0 MiB`.
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut divisor = 1u64;
    while unit + 1 < UNITS.len() && bytes / divisor >= KIB {
        divisor *= KIB;
        unit += 1;
    }
    let tenths = u128::from(bytes) * 10 / u128::from(divisor);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_in_the_largest_unit_that_divides_them() {
        for (bytes, text) in [
            (1_074_176, "1049K"),
            (1_610_612_736, "1536M"),
            (3 << 30, "3G"),
            (268_435_456, "256M"),
            (540_672, "528K"),
            (4 << 20, "4M"),
            (65_536, "64K"),
            (1 << 40, "1T"),
            (196_616, "196616"),
        ] {
            assert_eq!(format_size(bytes), text);
            assert_eq!(parse_size(text), Some(bytes));
        }
    }

    #[test]
    fn fractions_of_a_gib_are_rounded_up_to_whole_kib() {
        for (gib, bytes) in [
            ("0.001", 1_074_176),
            ("0.0625", 67_108_864),
            ("0.125", 134_217_728),
            ("0.25", 268_435_456),
            ("1", 1 << 30),
        ] {
            assert_eq!(gib_to_bytes(gib), Some(bytes), "{gib}");
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in ["", "G", "abc", "1GG", "-1", "1..2", "1 G"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }

    #[test]
    fn progress_lines_show_one_decimal() {
        assert_eq!(human_size(1_074_176), "1.0 MiB");
        assert_eq!(human_size(3 << 30), "3.0 GiB");
        assert_eq!(human_size(67_108_864), "64.0 MiB");
        assert_eq!(human_size(0), "0.0 B");
        assert_eq!(human_size(540_672), "528.0 KiB");
    }
}
