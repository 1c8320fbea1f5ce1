//! From glyphs to words in rows: gaps, accents, raised and lowered text, text drawn at an angle.

mod turn;

use std::collections::HashMap;

use domain::{BoundingBox, printable};

use super::glyphs::{Glyph, PagePaint, Rule};
use super::symbols::{combining, is_space, push_normal};
use crate::scripts::{subscript, superscript};
use turn::Turn;

/// A gap of this share of the type size, over what is usual between the letters of its line,
/// parts two words. Lines set tight have spaces of 0.12 and more; pairs are kerned by less.
const WORD_GAP: f32 = 0.1;
/// Text on another scale than its neighbour from here on is raised or lowered, not larger type.
const SCRIPT_SIZE: f32 = 0.9;
/// A row of smaller type than this, in points, is not meant to be read.
const MIN_SIZE: f32 = 4.0;
/// No raised or lowered text is longer, in characters.
const SCRIPT_CHARS: u32 = 8;

/// A word, in the coordinates of its frame.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) bbox: BoundingBox,
    pub(super) baseline: f32,
    pub(super) size: f32,
    /// Sum of the ink of its letters; see [`Glyph::ink`].
    pub(super) ink: f32,
}

/// The words that share a baseline, from left to right, over the whole width.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) words: Vec<Word>,
    pub(super) baseline: f32,
    /// The size of most of its letters.
    pub(super) size: f32,
    pub(super) bbox: BoundingBox,
}

impl Row {
    /// A row of words that are sorted from left to right.
    pub(super) fn new(words: Vec<Word>) -> Option<Self> {
        let first = words.first()?;
        let bbox = words[1..]
            .iter()
            .fold(first.bbox, |bbox, word| bbox.union(word.bbox));
        let longest = words.iter().max_by_key(|word| word.text.len())?;
        let (baseline, size) = (longest.baseline, longest.size);
        Some(Self {
            words,
            baseline,
            size,
            bbox,
        })
    }

    pub(super) fn text(&self) -> String {
        let words: Vec<&str> = self.words.iter().map(|word| word.text.as_str()).collect();
        words.join(" ")
    }
}

/// The text of a page that runs in one direction, turned so that it runs to the right.
#[derive(Debug)]
pub(super) struct Frame {
    turn: Turn,
    pub(super) rows: Vec<Row>,
    pub(super) rules: Vec<Rule>,
    /// Left, top, right and bottom edge of the page as the frame sees it.
    pub(super) page: BoundingBox,
    pub(super) letters: usize,
    /// Letters in rows too small to read, which were left out.
    pub(super) tiny_letters: usize,
}

impl Frame {
    /// A rectangle of the frame as it stands on the page.
    pub(super) fn on_page(&self, bbox: BoundingBox) -> BoundingBox {
        self.turn.back(bbox)
    }

    /// Whether the text is upright on the page.
    pub(super) fn is_upright(&self) -> bool {
        self.turn.degrees == 0
    }
}

/// The page's text, one frame for each direction it runs in, the one with most text first.
pub(super) fn frames(paint: &PagePaint) -> Vec<Frame> {
    let mut groups: Vec<(i32, Vec<&Glyph>)> = Vec::new();
    for glyph in paint.glyphs.iter().filter(|glyph| glyph.visible) {
        let degrees =
            (glyph.advance.1.atan2(glyph.advance.0).to_degrees().round() as i32).rem_euclid(360);
        match groups.iter().position(|(angle, _)| *angle == degrees) {
            Some(group) => groups[group].1.push(glyph),
            None if groups.len() < 64 => groups.push((degrees, vec![glyph])),
            None => {}
        }
    }
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    let page = BoundingBox {
        x0: 0.0,
        y0: 0.0,
        x1: paint.width,
        y1: paint.height,
    };
    groups
        .into_iter()
        .enumerate()
        .map(|(index, (degrees, glyphs))| {
            let turn = Turn::new(degrees);
            let rules = if index == 0 {
                paint
                    .rules
                    .iter()
                    .filter_map(|rule| turn.rule(rule))
                    .collect()
            } else {
                Vec::new()
            };
            let letters = glyphs.len();
            let mut rows = rows(fragments(paint, &glyphs, turn), &rules);
            let mut tiny_letters = 0;
            rows.retain(|row| {
                let tiny = row.words.iter().all(|word| word.size < MIN_SIZE);
                if tiny {
                    tiny_letters += row
                        .words
                        .iter()
                        .map(|word| word.text.chars().count())
                        .sum::<usize>();
                }
                !tiny
            });
            Frame {
                turn,
                rows,
                rules,
                page: turn.there(page),
                letters,
                tiny_letters,
            }
        })
        .collect()
}

/// Letters that follow one another without a gap.
#[derive(Debug, Clone)]
struct Fragment {
    text: String,
    x0: f32,
    x1: f32,
    baseline: f32,
    /// Top and bottom, before the baseline was moved to that of a neighbour.
    y0: f32,
    y1: f32,
    size: f32,
    ink: f32,
    chars: u32,
    space_before: bool,
    space_after: bool,
    script: bool,
    /// The gap that parts it from a next word, as a share of the type size.
    word_gap: f32,
}

/// The usual gap between letters, as a share of the type size, for each height on the page:
/// letters that are spaced out are still one word.
struct Spacing(HashMap<i32, f32>);

impl Spacing {
    fn measure(paint: &PagePaint, glyphs: &[&Glyph], turn: Turn) -> Self {
        let mut gaps: HashMap<i32, Vec<f32>> = HashMap::new();
        let mut last: Option<(f32, f32)> = None;
        for glyph in glyphs {
            let (x0, y) = turn.apply(glyph.origin);
            // Dots that lead to a page number are spaced in their own way.
            if !paint.letters(glyph).chars().all(char::is_alphanumeric) {
                last = None;
                continue;
            }
            if let Some((x1, baseline)) = last
                && (y - baseline).abs() < 0.1 * glyph.size
            {
                let gap = (x0 - x1) / glyph.size;
                if (-0.3..1.5).contains(&gap) {
                    gaps.entry(Self::key(y)).or_default().push(gap);
                }
            }
            last = Some((x0 + glyph.advance.0.hypot(glyph.advance.1), y));
        }
        Self(
            gaps.into_iter()
                .filter(|(_, gaps)| gaps.len() >= 6)
                .map(|(key, mut gaps)| {
                    let middle = gaps.len() / 2;
                    let (_, median, _) = gaps.select_nth_unstable_by(middle, f32::total_cmp);
                    (key, median.clamp(0.0, 0.6))
                })
                .collect(),
        )
    }

    fn key(y: f32) -> i32 {
        (y * 2.0).round() as i32
    }

    /// The gap from which on letters belong to two words, as a share of the type size.
    fn word_gap(&self, y: f32) -> f32 {
        WORD_GAP + self.0.get(&Self::key(y)).copied().unwrap_or(0.0)
    }
}

fn fragments(paint: &PagePaint, glyphs: &[&Glyph], turn: Turn) -> Vec<Fragment> {
    let spacing = Spacing::measure(paint, glyphs, turn);
    let mut found: Vec<Fragment> = Vec::new();
    let mut open = false;
    let mut space = false;
    // An accent drawn before its letter: the sign, and where it stands.
    let mut accent: Option<(char, f32, f32)> = None;
    for glyph in glyphs {
        let letters = paint.letters(glyph);
        let (x0, baseline) = turn.apply(glyph.origin);
        let x1 = x0 + glyph.advance.0.hypot(glyph.advance.1);
        if letters.is_empty() {
            continue;
        }
        if letters.chars().all(is_space) {
            if open && let Some(last) = found.last_mut() {
                last.space_after = true;
            }
            (open, space) = (false, true);
            continue;
        }
        let size = glyph.size;
        let word_gap = spacing.word_gap(baseline);
        if let Some(sign) = combining(letters) {
            let over_last = open
                && found.last().is_some_and(|last| {
                    x0 < last.x1 - 0.12 * size && (last.baseline - baseline).abs() < 0.5 * size
                });
            if over_last && let Some(last) = found.last_mut() {
                if last.text.ends_with('ı') {
                    last.text.pop();
                    last.text.push('i');
                }
                last.text.push(sign);
                continue;
            }
            // A sign of another script, or a letter's accent that comes first.
            if !letters.starts_with(|c| matches!(c, '\u{300}'..='\u{36f}')) || accent.is_none() {
                accent = Some((sign, x0, x1));
                continue;
            }
        }
        let joins = open
            && !space
            && found.last().is_some_and(|last| {
                let gap = x0 - last.x1;
                (last.baseline - baseline).abs() < 0.03 * size + 0.1
                    && (last.size - size).abs() < 0.04 * size
                    && gap > -0.3 * size
                    && gap < word_gap * size
            });
        if !joins {
            found.push(Fragment {
                text: String::new(),
                x0,
                x1,
                baseline,
                y0: baseline - 0.76 * size,
                y1: baseline + 0.24 * size,
                size,
                ink: 0.0,
                chars: 0,
                space_before: space,
                space_after: false,
                script: false,
                word_gap,
            });
        }
        (open, space) = (true, false);
        if let Some(last) = found.last_mut() {
            let on_letter = accent.take().filter(|(_, from, to)| {
                0.5 * (from + to) > x0 - 0.1 * size && 0.5 * (from + to) < x1 + 0.1 * size
            });
            match on_letter {
                Some((sign, ..)) => {
                    last.text
                        .push_str(if letters == "ı" { "i" } else { letters });
                    last.text.push(sign);
                }
                None => push_normal(&mut last.text, letters),
            }
            last.x1 = last.x1.max(x1);
            last.ink += glyph.ink;
            last.chars += 1;
        }
    }
    for fragment in &mut found {
        if !fragment.text.is_ascii() {
            fragment.text = printable(&fragment.text);
        }
    }
    found.retain(|fragment| !fragment.text.is_empty());
    found
}

/// Gives raised and lowered text the baseline of what it belongs to, and its Unicode form.
fn attach_scripts(fragments: &mut [Fragment]) {
    let mut by_baseline: Vec<usize> = (0..fragments.len()).collect();
    by_baseline.sort_by(|a, b| fragments[*a].baseline.total_cmp(&fragments[*b].baseline));
    let baselines: Vec<f32> = by_baseline.iter().map(|i| fragments[*i].baseline).collect();
    let largest = fragments
        .iter()
        .fold(0.0_f32, |size, f| size.max(f.size))
        .min(40.0);
    let mut left_to_right: Vec<usize> = (0..fragments.len()).collect();
    left_to_right.sort_by(|a, b| fragments[*a].x0.total_cmp(&fragments[*b].x0));
    // Where each raised or lowered fragment stood, for the ones that follow it.
    let mut moved: Vec<Option<(f32, bool)>> = vec![None; fragments.len()];
    for index in left_to_right {
        let this = &fragments[index];
        if this.chars > SCRIPT_CHARS {
            continue;
        }
        let from = baselines.partition_point(|y| *y < this.baseline - 0.5 * largest);
        let mut best: Option<(f32, f32, bool)> = None;
        for other in &by_baseline[from..] {
            let host = &fragments[*other];
            let drop = host.baseline - this.baseline;
            if *other == index {
                continue;
            }
            if baselines.get(from).is_some() && host.baseline > this.baseline + 0.85 * largest {
                break;
            }
            let after = this.x0 - host.x1;
            let before = host.x0 - this.x1;
            let reach = 0.3 * host.size.max(this.size);
            let near = if after > -0.5 * reach - 0.5 && after < reach && this.x0 > host.x0 {
                after.abs()
            } else if before > -0.5 * reach && before < reach && host.x0 > this.x0 {
                before.abs() + 0.5 * host.size
            } else {
                continue;
            };
            let (baseline, raised) = if let Some((stood, raised)) = moved[*other] {
                // Behind another raised piece: `10` `⁻` `³`.
                if (stood - this.baseline).abs() > 0.12 * this.size
                    || (host.size - this.size).abs() > 0.1 * this.size
                {
                    continue;
                }
                (host.baseline, raised)
            } else {
                if this.size > SCRIPT_SIZE * host.size {
                    continue;
                }
                let raised = drop > 0.1 * host.size && drop < 0.8 * host.size;
                let lowered = drop < -0.04 * host.size && drop > -0.45 * host.size;
                if !raised && !lowered {
                    continue;
                }
                (host.baseline, raised)
            };
            if best.is_none_or(|(distance, ..)| near < distance) {
                best = Some((near, baseline, raised));
            }
        }
        if let Some((_, baseline, raised)) = best {
            let this = &mut fragments[index];
            moved[index] = Some((this.baseline, raised));
            this.baseline = baseline;
            this.script = true;
            this.text = if raised {
                superscript(&this.text)
            } else {
                subscript(&this.text)
            };
        }
    }
}

/// Rows of words, from top to bottom.
fn rows(mut fragments: Vec<Fragment>, rules: &[Rule]) -> Vec<Row> {
    attach_scripts(&mut fragments);
    fragments.sort_by(|a, b| {
        a.baseline
            .total_cmp(&b.baseline)
            .then(a.x0.total_cmp(&b.x0))
    });
    let mut rows = Vec::new();
    let mut line: Vec<Fragment> = Vec::new();
    let mut first = 0.0_f32;
    for fragment in fragments {
        let apart = line.last().is_some_and(|last| {
            let tolerance = (0.12 * last.size.min(fragment.size)).max(0.6);
            fragment.baseline - first > 2.0 * tolerance
                || fragment.baseline - last.baseline > tolerance
        });
        if apart {
            rows.extend(row(std::mem::take(&mut line), rules));
        }
        if line.is_empty() {
            first = fragment.baseline;
        }
        line.push(fragment);
    }
    rows.extend(row(line, rules));
    rows
}

fn row(mut line: Vec<Fragment>, rules: &[Rule]) -> Option<Row> {
    line.sort_by(|a, b| a.x0.total_cmp(&b.x0));
    // Shadows and false bold draw the same letters twice, a hair apart.
    line.dedup_by(|next, kept| {
        next.text == kept.text
            && (next.x0 - kept.x0).abs() < 0.15 * kept.size
            && (next.x1 - kept.x1).abs() < 0.15 * kept.size
    });
    let mut words: Vec<Word> = Vec::new();
    let mut last: Option<Fragment> = None;
    for fragment in line {
        let joins = last.as_ref().is_some_and(|last| {
            let size = last.size.max(fragment.size);
            let gap = fragment.x0 - last.x1;
            let spaced = last.space_after || fragment.space_before;
            gap < last.word_gap.max(fragment.word_gap) * size
                && !(spaced && gap > 0.02 * size)
                && !crossed(rules, last.x1, fragment.x0, fragment.baseline - 0.3 * size)
        });
        let bbox = BoundingBox {
            x0: fragment.x0,
            y0: fragment.y0,
            x1: fragment.x1,
            y1: fragment.y1,
        };
        match words.last_mut().filter(|_| joins) {
            Some(word) => {
                word.text.push_str(&fragment.text);
                word.ink += fragment.ink;
                word.bbox = if fragment.script {
                    // Raised text does not make the line higher.
                    BoundingBox {
                        x1: word.bbox.x1.max(fragment.x1),
                        ..word.bbox
                    }
                } else {
                    word.size = word.size.max(fragment.size);
                    word.bbox.union(bbox)
                };
            }
            None => words.push(Word {
                text: fragment.text.clone(),
                bbox,
                baseline: fragment.baseline,
                size: fragment.size,
                ink: fragment.ink,
            }),
        }
        last = Some(fragment);
    }
    Row::new(words)
}

fn crossed(rules: &[Rule], from: f32, to: f32, y: f32) -> bool {
    let (from, to) = (from.min(to) - 0.5, from.max(to) + 0.5);
    rules.iter().any(|rule| {
        rule.vertical && rule.at >= from && rule.at <= to && rule.from <= y && rule.to >= y
    })
}
