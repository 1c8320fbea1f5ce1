//! What a DOCX unpacks to, measured before anything reads it: bombs and depths end here.

use std::io::Read;

use zip::ZipArchive;

use crate::{ExtractError, ExtractLimits};

/// More parts than any document has.
const MAX_PARTS: usize = 10_000;
/// How many times its size a part may unpack to, once it is larger than [`SMALL`].
const MAX_RATIO: u64 = 100;
const SMALL: u64 = 1024 * 1024;

/// Unpacks every part and counts what really comes out, and how deep its XML nests.
pub(super) fn check(bytes: &[u8], limits: &ExtractLimits) -> Result<(), ExtractError> {
    let mut archive =
        ZipArchive::new(std::io::Cursor::new(bytes)).map_err(|_| ExtractError::Truncated)?;
    if archive.len() > MAX_PARTS {
        return Err(ExtractError::Bomb);
    }
    let mut total = 0_u64;
    let mut buffer = vec![0_u8; 64 * 1024];
    for index in 0..archive.len() {
        let mut part = archive.by_index(index).map_err(|error| match error {
            zip::result::ZipError::UnsupportedArchive(_) => ExtractError::Encrypted,
            _ => ExtractError::Damaged,
        })?;
        let name = part
            .name()
            .map(|name| name.to_lowercase())
            .unwrap_or_default();
        let xml = name.ends_with(".xml") || name.ends_with(".rels");
        let packed = part.compressed_size().max(1);
        let mut size = 0_u64;
        let mut depth = XmlDepth::default();
        loop {
            let read = part.read(&mut buffer).map_err(|_| ExtractError::Damaged)?;
            if read == 0 {
                break;
            }
            size += read as u64;
            total += read as u64;
            let ratio = size > SMALL && size / packed > MAX_RATIO;
            // Pictures are not unpacked by the reader into anything larger.
            if size > limits.max_part_bytes
                || total > limits.max_total_bytes.min(2 * limits.max_part_bytes)
                || ratio
            {
                return Err(ExtractError::Bomb);
            }
            if xml && depth.feed(&buffer[..read]) > limits.max_depth {
                return Err(ExtractError::TooDeep {
                    limit: limits.max_depth,
                });
            }
        }
    }
    Ok(())
}

/// Counts open elements in a stream of XML, piece by piece.
#[derive(Default)]
struct XmlDepth {
    depth: u32,
    deepest: u32,
    state: State,
    last: u8,
    quote: u8,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum State {
    #[default]
    Text,
    /// Behind `<`.
    Start,
    Tag,
    ClosingTag,
    /// `<!…>` or `<?…>`; comments may hold `>`, and then count wrong only upwards.
    Other,
}

impl XmlDepth {
    /// Takes the next piece; gives the greatest depth so far.
    fn feed(&mut self, bytes: &[u8]) -> u32 {
        for byte in bytes {
            match (self.state, byte) {
                (State::Text, b'<') => self.state = State::Start,
                (State::Start, b'/') => self.state = State::ClosingTag,
                (State::Start, b'!' | b'?') => self.state = State::Other,
                (State::Start, _) => {
                    self.state = State::Tag;
                    self.depth += 1;
                    self.deepest = self.deepest.max(self.depth);
                }
                (State::Tag, b'"' | b'\'') if self.quote == 0 => self.quote = *byte,
                (State::Tag, quote) if self.quote == *quote => self.quote = 0,
                (State::Tag, b'>') if self.quote == 0 => {
                    if self.last == b'/' {
                        self.depth = self.depth.saturating_sub(1);
                    }
                    self.state = State::Text;
                }
                (State::ClosingTag, b'>') => {
                    self.depth = self.depth.saturating_sub(1);
                    self.state = State::Text;
                }
                (State::Other, b'>') => self.state = State::Text,
                _ => {}
            }
            self.last = *byte;
        }
        self.deepest
    }
}
