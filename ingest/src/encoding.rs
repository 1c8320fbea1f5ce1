//! From bytes to letters: byte order mark, then what the file declares, then UTF-8, then a guess.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

use crate::ExtractError;

/// The text of `bytes`. `declared` is what the file itself says, and only believed where it fits.
pub(crate) fn decode(
    bytes: &[u8],
    declared: Option<&'static Encoding>,
) -> Result<String, ExtractError> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(&bytes[length..]);
        return readable(text.into_owned(), broken);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return readable(text.to_owned(), false);
    }
    if let Some(encoding) = declared.filter(|encoding| *encoding != encoding_rs::UTF_8) {
        let (text, broken) = encoding.decode_without_bom_handling(bytes);
        if !broken {
            return readable(text.into_owned(), false);
        }
    }
    // A stray byte in UTF-8 is that, and not a reason to take all its letters for others.
    let (text, _) = encoding_rs::UTF_8.decode_without_bom_handling(bytes);
    let strays = text.chars().filter(|c| *c == '\u{fffd}').count();
    let foreign = text
        .chars()
        .filter(|c| !c.is_ascii() && *c != '\u{fffd}')
        .count();
    if strays * 50 < foreign {
        return readable(text.into_owned(), false);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let guess = detector.guess(Some(b"es"), Utf8Detection::Deny);
    let (text, broken) = guess.decode_without_bom_handling(bytes);
    readable(text.into_owned(), broken)
}

/// Refuses what came out as control characters: bytes that are no text in any encoding.
fn readable(text: String, broken: bool) -> Result<String, ExtractError> {
    let all = text.chars().count();
    let odd = text
        .chars()
        .filter(|c| {
            (c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{85}'))
                || *c == '\u{fffd}'
        })
        .count();
    if (broken && odd * 100 > all) || odd * 20 > all {
        return Err(ExtractError::UnreadableEncoding);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Result<&str, &str>) {
        let found = decode(bytes, None);
        let found = found.as_deref().map_err(|error| error.code());
        assert_eq!(found, expected);
    }

    #[test]
    fn spanish_text_is_read_in_the_encodings_hospitals_use() {
        let text =
            "Titulación del betabloqueante: no suba la dosis si FC < 50 lpm. Año 2025, ±2 µg.";
        let (latin, ..) = encoding_rs::WINDOWS_1252.encode(text);
        let utf16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect();
        check(text.as_bytes(), Ok(text));
        check(&latin, Ok(text));
        check(&utf16, Ok(text));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let noise: Vec<u8> = (0..2000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 | 1)
            .collect();
        check(&noise, Err("unreadable_encoding"));
    }
}
