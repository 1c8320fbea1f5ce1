//! Packs units into passages.

use domain::{DocumentId, Language, Passage, PassageId, Segment, SegmentKind, Span, VersionId};

use super::ChunkConfig;
use super::units::{Unit, UnitKind};
use crate::TokenCounter;

/// Builds the passages of one version, one after another.
pub(super) struct Packer<'a> {
    document_id: DocumentId,
    version_id: VersionId,
    language: Language,
    config: &'a ChunkConfig,
    counter: &'a dyn TokenCounter,
    /// Open headings, outermost first.
    section: Vec<(u8, String)>,
    /// The last heading, while nothing stands under it.
    bare_heading: Option<Unit>,
    /// Units of the passage that is being built.
    open: Vec<Unit>,
    notes: Vec<Unit>,
    /// The caption of the table that is open, and whether rows stand under it yet.
    caption: Option<(Unit, bool)>,
    in_table: bool,
    passages: Vec<Passage>,
}

impl<'a> Packer<'a> {
    pub(super) fn new(
        document_id: DocumentId,
        version_id: VersionId,
        language: Language,
        config: &'a ChunkConfig,
        counter: &'a dyn TokenCounter,
    ) -> Self {
        Self {
            document_id,
            version_id,
            language,
            config,
            counter,
            section: Vec::new(),
            bare_heading: None,
            open: Vec::new(),
            notes: Vec::new(),
            caption: None,
            in_table: false,
            passages: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, unit: Unit) {
        match unit.kind {
            UnitKind::Heading(level) => self.open_section(level, unit),
            UnitKind::Note => self.notes.push(unit),
            UnitKind::TableCaption => {
                self.flush();
                self.leave_table();
                self.caption = Some((unit, false));
                self.in_table = true;
            }
            UnitKind::Row(first) => {
                if first {
                    self.flush();
                    // A caption belongs to the table right below it, not to the next one.
                    self.caption.take_if(|(_, used)| *used);
                    self.in_table = true;
                }
                self.add(unit);
            }
            UnitKind::Flow(_) => {
                if self.in_table {
                    self.flush();
                    self.leave_table();
                }
                self.add(unit);
            }
        }
    }

    pub(super) fn finish(mut self) -> Vec<Passage> {
        self.end_section(0);
        self.passages
    }

    fn leave_table(&mut self) {
        // A caption whose table held nothing is read by itself.
        if let Some((caption, false)) = self.caption.take() {
            self.add(caption);
        }
        self.in_table = false;
    }

    fn open_section(&mut self, level: u8, heading: Unit) {
        self.end_section(level);
        while self.section.last().is_some_and(|(open, _)| *open >= level) {
            self.section.pop();
        }
        self.section.push((level, heading.text.clone()));
        self.bare_heading = Some(heading);
    }

    fn end_section(&mut self, next_level: u8) {
        self.flush();
        self.leave_table();
        for note in std::mem::take(&mut self.notes) {
            self.add(note);
        }
        self.flush();
        // A heading with nothing under it, not even deeper headings, would be found nowhere.
        let level = self.section.last().map_or(0, |(level, _)| *level);
        if let Some(heading) = self.bare_heading.take().filter(|_| next_level <= level) {
            self.section.pop();
            self.open.push(heading);
            self.flush();
        }
    }

    fn add(&mut self, unit: Unit) {
        self.bare_heading = None;
        let size: usize = self.open.iter().map(|unit| unit.tokens).sum();
        let joined = size + unit.tokens;
        let fits = joined <= self.config.target_tokens
            || (joined <= self.config.max_tokens && size * 3 < self.config.target_tokens);
        if !self.open.is_empty() && !fits {
            self.flush();
        }
        if self.open.is_empty()
            && matches!(unit.kind, UnitKind::Row(_))
            && let Some((caption, used)) = &mut self.caption
        {
            *used = true;
            let mut caption = caption.clone();
            caption.tokens = self
                .counter
                .count(&caption.text)
                .min(self.config.target_tokens / 2);
            self.open.push(caption);
        }
        self.open.push(unit);
    }

    fn flush(&mut self) {
        let units = std::mem::take(&mut self.open);
        if units.is_empty() {
            return;
        }
        let mut text = String::new();
        let mut segments = Vec::with_capacity(units.len());
        let mut spans: Vec<Span> = Vec::new();
        for unit in units {
            if !text.is_empty() {
                text.push('\n');
            }
            let start = text.len() as u32;
            text.push_str(&unit.text);
            segments.push(Segment {
                start,
                end: text.len() as u32,
                kind: segment_kind(unit.kind),
                quote: unit.quote,
            });
            spans.extend(unit.spans.into_iter().map(|span| Span {
                start: span.start + start,
                end: span.end + start,
                ..span
            }));
        }
        let ordinal = self.passages.len() as u32;
        self.passages.push(Passage {
            id: PassageId::of(self.version_id, ordinal, &text),
            document_id: self.document_id,
            version_id: self.version_id,
            ordinal,
            section: self
                .section
                .iter()
                .map(|(_, title)| title.clone())
                .collect(),
            text,
            language: self.language,
            segments,
            spans,
        });
    }
}

fn segment_kind(kind: UnitKind) -> SegmentKind {
    match kind {
        UnitKind::Heading(_) => SegmentKind::Heading,
        UnitKind::Flow(kind) => kind,
        UnitKind::TableCaption => SegmentKind::Caption,
        UnitKind::Row(_) => SegmentKind::TableRow,
        UnitKind::Note => SegmentKind::Footnote,
    }
}
