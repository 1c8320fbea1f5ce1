//! Server-sent events from bytes that arrive in pieces of any size.
//!
//! After "Server-sent events" of the HTML standard, section "Interpreting an event stream", with
//! limits, and with the one stray of llama.cpp's server that matters: older versions report an
//! error in a field named `error` that the standard would have clients ignore.

use std::collections::VecDeque;

use super::error::{Malformed, Oversized, RemoteError};

/// The longest line and the largest event, bytes. A server sends one event for each token or few.
pub(super) const MAX_EVENT_BYTES: usize = 256 * 1024;

/// One event: its data lines joined by line feeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SseEvent {
    pub(super) data: String,
    /// The event is named `error`, or came in a field of that name.
    pub(super) is_error: bool,
}

/// Cuts a stream into events. After an error it is of no further use.
#[derive(Debug, Default)]
pub(super) struct SseParser {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    is_error: bool,
    /// The last byte was a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    /// The first line is past: a byte order mark can stand only before it.
    begun: bool,
}

impl SseParser {
    /// Reads the next bytes and adds the events that they complete. The result does not depend on
    /// where the stream was cut: events before an error are added, the same ones in every case.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        events: &mut VecDeque<SseEvent>,
    ) -> Result<(), RemoteError> {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + part.len() > MAX_EVENT_BYTES {
                return Err(RemoteError::TooLarge(Oversized::Event));
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            self.end_line(events)?;
        }
        Ok(())
    }

    fn end_line(&mut self, events: &mut VecDeque<SseEvent>) -> Result<(), RemoteError> {
        let mut line = std::mem::take(&mut self.line);
        let read = self.read_line(&line, events);
        // The room is kept for the next line.
        line.clear();
        self.line = line;
        read
    }

    fn read_line(
        &mut self,
        mut line: &[u8],
        events: &mut VecDeque<SseEvent>,
    ) -> Result<(), RemoteError> {
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_event(events);
        }
        let colon = line.iter().position(|&byte| byte == b':');
        let (name, value) = match colon {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => self.add_data(value)?,
            b"error" => {
                self.is_error = true;
                self.add_data(value)?;
            }
            b"event" => self.is_error = value == b"error",
            // Comments (an empty name), `id`, `retry` and what is not known.
            _ => {}
        }
        Ok(())
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), RemoteError> {
        if self.data.len() + value.len() > MAX_EVENT_BYTES {
            return Err(RemoteError::TooLarge(Oversized::Event));
        }
        if std::mem::replace(&mut self.has_data, true) {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        Ok(())
    }

    fn end_event(&mut self, events: &mut VecDeque<SseEvent>) -> Result<(), RemoteError> {
        let is_error = std::mem::take(&mut self.is_error);
        if !std::mem::take(&mut self.has_data) {
            return Ok(());
        }
        let data = String::from_utf8(std::mem::take(&mut self.data))
            .map_err(|_| RemoteError::Malformed(Malformed::Utf8))?;
        events.push_back(SseEvent { data, is_error });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes of a stream that arrives in these pieces: the events, and the code of the error.
    fn read(pieces: &[&[u8]]) -> (Vec<SseEvent>, Option<&'static str>) {
        let mut parser = SseParser::default();
        let mut events = VecDeque::new();
        for piece in pieces {
            if let Err(error) = parser.push(piece, &mut events) {
                return (events.into(), Some(error.code()));
            }
        }
        (events.into(), None)
    }

    fn check(stream: &str, expected: &[&str]) {
        let (events, error) = read(&[stream.as_bytes()]);
        let data: Vec<_> = events.iter().map(|event| event.data.as_str()).collect();
        assert_eq!((data.as_slice(), error), (expected, None), "{stream:?}");
    }

    #[test]
    fn lines_end_in_any_of_three_ways() {
        for end in ["\n", "\r\n", "\r"] {
            // A lone carriage return at the very end still ends the line.
            check(&format!("data: a{end}{end}data:b{end}{end}"), &["a", "b"]);
        }
        check("data: a\r\n\ndata: b\n\r\n", &["a", "b"]);
    }

    #[test]
    fn data_lines_of_one_event_are_joined() {
        check("data: a\ndata\ndata:  b\n\n", &["a\n\n b"]);
        check("data\n\n", &[""]);
    }

    #[test]
    fn comments_and_other_fields_say_nothing() {
        check(
            ": ping\n\nid: 7\nretry: 3\nnever: x\n\ndata: a\n: more\n\n",
            &["a"],
        );
    }

    #[test]
    fn a_byte_order_mark_may_open_the_stream_only() {
        check("\u{feff}data: a\n\n\u{feff}data: b\n\n", &["a"]);
    }

    #[test]
    fn an_event_that_was_not_ended_is_not_read() {
        check("data: a\n\ndata: b\n", &["a"]);
        check("data: a", &[]);
    }

    #[test]
    fn an_error_is_known_by_its_field_or_by_its_name() {
        for stream in ["error: {}\n\n", "event: error\ndata: {}\n\n"] {
            let (events, _) = read(&[stream.as_bytes()]);
            assert!(events[0].is_error, "{stream:?}");
        }
        let (events, _) = read(&[b"event: error\n\ndata: {}\n\n"]);
        assert!(!events[0].is_error, "a name without data names nothing");
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_after_the_events_before_them() {
        let (events, error) = read(&[b"data: a\n\ndata: \xC3\n\n"]);
        assert_eq!((events.len(), error), (1, Some("remote_malformed_utf8")));
    }

    #[test]
    fn a_line_or_an_event_without_end_is_an_error() {
        let line = vec![b'x'; MAX_EVENT_BYTES + 1];
        assert_eq!(read(&[&line]).1, Some("remote_event_too_large"));
        let half = [
            b"data:".to_vec(),
            vec![b'x'; MAX_EVENT_BYTES / 2],
            b"\n".to_vec(),
        ]
        .concat();
        let pieces = [half.as_slice(), &half, &half];
        assert_eq!(read(&pieces).1, Some("remote_event_too_large"));
    }

    /// Cuts `stream` where `cuts` say.
    fn pieces<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
        let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        places.push(0);
        places.push(stream.len());
        places.sort_unstable();
        places
            .windows(2)
            .map(|two| &stream[two[0]..two[1]])
            .collect()
    }

    /// Bytes of which a stream is likely to be made, so that random ones meet every branch.
    fn stream_bytes() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            Just(b"data: ".to_vec()),
            Just(b"data".to_vec()),
            Just(b"event: error".to_vec()),
            Just(b"error:".to_vec()),
            Just(b"\n".to_vec()),
            Just(b"\r".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b":".to_vec()),
            Just("ñ·😀".as_bytes().to_vec()),
            Just(b"\xEF\xBB\xBF".to_vec()),
            prop::collection::vec(any::<u8>(), 0..3),
        ];
        prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn where_the_stream_is_cut_changes_nothing(
            stream in stream_bytes(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let whole = read(&[&stream]);
            prop_assert_eq!(&read(&pieces(&stream, &cuts)), &whole);
            let bytes: Vec<_> = stream.chunks(1).collect();
            prop_assert_eq!(&read(&bytes), &whole);
        }

        #[test]
        fn what_was_written_is_what_is_read(
            written in prop::collection::vec(prop::collection::vec("[^\r\n]{0,12}", 1..4), 0..6),
            ends in prop::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r"]), 64),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut stream = String::new();
            let mut ends = ends.iter().cycle();
            for event in &written {
                stream.push_str(": a comment");
                stream.push_str(ends.next().unwrap());
                for line in event {
                    stream.push_str("data: ");
                    stream.push_str(line);
                    stream.push_str(ends.next().unwrap());
                }
                // A carriage return and this line feed would be one end of line.
                stream.push_str("\r\n\r\n");
            }
            let (events, error) = read(&pieces(stream.as_bytes(), &cuts));
            prop_assert_eq!(error, None);
            let read: Vec<_> = events.into_iter().map(|event| event.data).collect();
            let written: Vec<_> = written.iter().map(|lines| lines.join("\n")).collect();
            prop_assert_eq!(read, written);
        }
    }
}
