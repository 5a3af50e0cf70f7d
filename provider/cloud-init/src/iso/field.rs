//! The fields of ISO 9660: numbers in both byte orders, and texts of a fixed width.

/// A 16-bit number, little-endian and then big-endian.
pub(super) fn both16(number: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d]
}

/// A 32-bit number, little-endian and then big-endian.
pub(super) fn both32(number: u32) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (number.to_le_bytes(), number.to_be_bytes());
    [a, b, c, d, e, f, g, h]
}

/// `bytes`, filled up to `width`.
pub(super) fn padded(bytes: &[u8], width: usize, fill: u8) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(width, fill);
    padded
}

/// `text` in big-endian UTF-16, filled up to `width` bytes with blanks; an odd last byte is zero.
pub(super) fn padded_utf16(text: &str, width: usize) -> Vec<u8> {
    let mut bytes = utf16(text);
    while bytes.len() + 2 <= width {
        bytes.extend([0, b' ']);
    }
    padded(&bytes, width, 0)
}

/// `text` in big-endian UTF-16.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
