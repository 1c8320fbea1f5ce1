//! What a page paints: glyphs with their places, rules, fills. The one module that knows hayro.

mod type3;

use std::collections::HashMap;

use hayro_cmap::BfString;
use hayro_interpret::font::{Glyph as HayroGlyph, GlyphRun};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps,
    InterpreterCache, InterpreterSettings, Paint, SoftMask, TransformExt, interpret_page,
};
use hayro_syntax::{DecryptionError, LoadPdfError, Pdf};
use kurbo::{Affine, BezPath, PathEl, Point, Rect, Shape};

use crate::ExtractError;
use crate::scripts::{subscript, superscript};

/// One glyph, in points from the page's top left corner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glyph {
    /// Bytes of [`PagePaint::letters`]; empty where the font does not tell.
    pub(super) letters: (u32, u32),
    /// Where it stands on its baseline.
    pub(super) origin: (f32, f32),
    /// From here to the next glyph, along the baseline.
    pub(super) advance: (f32, f32),
    /// Font size.
    pub(super) size: f32,
    /// Area of its outline in square ems: tells heavy type from light. 0 where unknown.
    pub(super) ink: f32,
    /// Whether a reader of the page sees it.
    pub(super) visible: bool,
    /// Invisible by render mode: how scans carry their recognised text.
    pub(super) invisible_mode: bool,
}

/// A straight horizontal or vertical line, drawn as a stroke, a thin box or the edge of a box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    /// Along y for a vertical one, along x for a horizontal one.
    pub(super) vertical: bool,
    /// Its x if vertical, else its y.
    pub(super) at: f32,
    /// Where it begins along its direction.
    pub(super) from: f32,
    /// Where it ends.
    pub(super) to: f32,
}

/// An area painted with one colour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill {
    pub(super) rect: Rect,
    color: Option<[f32; 3]>,
    /// How many glyphs were painted before it.
    after: u32,
    opaque: bool,
}

/// Everything a page paints that matters for its text.
#[derive(Debug, Default)]
pub(super) struct PagePaint {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) letters: String,
    pub(super) glyphs: Vec<Glyph>,
    pub(super) rules: Vec<Rule>,
    pub(super) fills: Vec<Fill>,
    /// Glyphs whose letters the font does not tell.
    pub(super) unmapped: u32,
    /// Share of the page that pictures cover, 0 to 1.
    pub(super) image_share: f32,
    /// Whether anything else than text is painted.
    pub(super) has_pictures: bool,
    /// Whether there were more glyphs than the limit.
    pub(super) overflow: bool,
}

impl PagePaint {
    pub(super) fn letters(&self, glyph: &Glyph) -> &str {
        self.letters
            .get(glyph.letters.0 as usize..glyph.letters.1 as usize)
            .unwrap_or_default()
    }
}

/// Opens the file for painting.
pub(super) fn open(bytes: Vec<u8>) -> Result<Pdf, ExtractError> {
    Pdf::new(bytes).map_err(|error| match error {
        LoadPdfError::Decryption(DecryptionError::PasswordProtected) => ExtractError::Encrypted,
        LoadPdfError::Decryption(_) => ExtractError::Encrypted,
        LoadPdfError::Invalid => ExtractError::Damaged,
    })
}

/// Paints the pages one by one and hands each to `each`.
pub(super) fn paint_pages<E>(
    pdf: &Pdf,
    max_glyphs: u32,
    mut each: impl FnMut(usize, PagePaint) -> Result<(), E>,
) -> Result<(), E> {
    let cache = InterpreterCache::new();
    let mut looks = HashMap::new();
    for (index, page) in pdf.pages().iter().enumerate() {
        let (width, height) = page.render_dimensions();
        let mut recorder = Recorder::new(width, height, max_glyphs, std::mem::take(&mut looks));
        let mut context = Context::new(
            page.initial_transform(true).to_kurbo(),
            Rect::new(0.0, 0.0, f64::from(width), f64::from(height)),
            &cache,
            pdf.xref(),
            InterpreterSettings::default(),
        );
        interpret_page(page, &mut context, &mut recorder);
        let (paint, used) = recorder.finish();
        looks = used;
        each(index, paint)?;
    }
    Ok(())
}

/// Glyph size below which nobody reads.
const UNREADABLE_SIZE: f32 = 1.5;
/// Colour difference (largest of the three channels, 0 to 1) below which text does not show.
const UNSEEN_CONTRAST: f32 = 0.06;
/// Fills kept for a page; beyond it colours are no longer compared.
const MAX_FILLS: usize = 4_000;
/// Rules kept for a page; a drawing has more, a table fewer.
const MAX_RULES: usize = 20_000;

struct Recorder {
    paint: PagePaint,
    max_glyphs: u32,
    clips: Vec<Rect>,
    opacities: Vec<f32>,
    colors: Vec<(u32, Option<[f32; 3]>)>,
    looks: HashMap<u128, Look>,
}

/// What the outline of a glyph tells.
#[derive(Debug, Clone, Copy, Default)]
struct Look {
    ink: f32,
    /// Lowest and highest point over the baseline, in ems.
    bottom: f32,
    top: f32,
}

impl Recorder {
    fn new(width: f32, height: f32, max_glyphs: u32, looks: HashMap<u128, Look>) -> Self {
        Self {
            paint: PagePaint {
                width,
                height,
                ..PagePaint::default()
            },
            max_glyphs,
            clips: vec![Rect::new(0.0, 0.0, f64::from(width), f64::from(height))],
            opacities: vec![1.0],
            colors: Vec::new(),
            looks,
        }
    }

    fn clip(&self) -> Rect {
        self.clips.last().copied().unwrap_or(Rect::ZERO)
    }

    fn opacity(&self) -> f32 {
        self.opacities.last().copied().unwrap_or(1.0)
    }

    fn push_clip(&mut self, rect: Rect) {
        let clip = self.clip().intersect(rect);
        self.clips.push(clip);
    }

    fn finish(mut self) -> (PagePaint, HashMap<u128, Look>) {
        self.hide_unseen();
        (self.paint, self.looks)
    }

    /// Marks the glyphs that have the colour of what lies under them, or lie under something.
    fn hide_unseen(&mut self) {
        let paint = &mut self.paint;
        if paint.fills.len() >= MAX_FILLS {
            return;
        }
        let mut colors = self.colors.iter().peekable();
        let mut color = None;
        for (index, glyph) in paint.glyphs.iter_mut().enumerate() {
            while let Some((from, next)) = colors.peek()
                && *from as usize <= index
            {
                color = *next;
                colors.next();
            }
            if !glyph.visible {
                continue;
            }
            let middle = Point::new(
                f64::from(glyph.origin.0 + 0.5 * glyph.advance.0 + 0.3 * glyph.advance.1),
                f64::from(glyph.origin.1 + 0.5 * glyph.advance.1 - 0.3 * glyph.size),
            );
            let mut background = Some([1.0; 3]);
            for fill in &paint.fills {
                if !fill.rect.contains(middle) {
                    continue;
                }
                if fill.after as usize <= index {
                    background = if fill.opaque { fill.color } else { None };
                } else if fill.opaque && fill.rect.area() > f64::from(glyph.size * glyph.size) {
                    glyph.visible = false;
                }
            }
            if let (Some(ink), Some(paper)) = (color, background) {
                let contrast = ink
                    .iter()
                    .zip(paper)
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0_f32, f32::max);
                if contrast < UNSEEN_CONTRAST {
                    glyph.visible = false;
                }
            }
        }
    }

    fn look(&mut self, glyph: &HayroGlyph<'_>) -> Look {
        let HayroGlyph::Outline(outline) = glyph else {
            return Look::default();
        };
        let key = outline.identifier().cache_key();
        *self.looks.entry(key).or_insert_with(|| {
            let path = outline.outline();
            let bounds = path.bounding_box();
            Look {
                ink: (path.area().abs() / 1e6) as f32,
                bottom: (bounds.y0 / 1e3) as f32,
                top: (bounds.y1 / 1e3) as f32,
            }
        })
    }

    fn add_rule(&mut self, a: Point, b: Point, thickness: f64) {
        if self.paint.rules.len() >= MAX_RULES || thickness > 4.0 {
            return;
        }
        let clip = self.clip().inflate(1.0, 1.0);
        let (dx, dy) = ((a.x - b.x).abs(), (a.y - b.y).abs());
        let rule = if dx < 0.6 && dy > 3.0 {
            let (from, to) = (a.y.min(b.y).max(clip.y0), a.y.max(b.y).min(clip.y1));
            let at = 0.5 * (a.x + b.x);
            (at >= clip.x0 && at <= clip.x1).then_some((true, at, from, to))
        } else if dy < 0.6 && dx > 3.0 {
            let (from, to) = (a.x.min(b.x).max(clip.x0), a.x.max(b.x).min(clip.x1));
            let at = 0.5 * (a.y + b.y);
            (at >= clip.y0 && at <= clip.y1).then_some((false, at, from, to))
        } else {
            None
        };
        if let Some((vertical, at, from, to)) = rule
            && to - from > 3.0
        {
            self.paint.rules.push(Rule {
                vertical,
                at: at as f32,
                from: from as f32,
                to: to as f32,
            });
        }
    }

    fn stroke(&mut self, path: &BezPath, transform: Affine, width: f64) {
        let mut start = Point::ZERO;
        let mut last = Point::ZERO;
        for element in path.elements() {
            match *element {
                PathEl::MoveTo(point) => {
                    start = transform * point;
                    last = start;
                }
                PathEl::LineTo(point) => {
                    let point = transform * point;
                    self.add_rule(last, point, width);
                    last = point;
                }
                PathEl::QuadTo(_, point) | PathEl::CurveTo(_, _, point) => last = transform * point,
                PathEl::ClosePath => {
                    self.add_rule(last, start, width);
                    last = start;
                }
            }
        }
    }

    fn fill_rect(&mut self, rect: Rect, color: Option<[f32; 4]>, blended: bool) {
        let rect = rect.abs();
        if rect.height() <= 2.5 && rect.width() > 3.0 {
            let y = rect.center().y;
            self.add_rule(
                Point::new(rect.x0, y),
                Point::new(rect.x1, y),
                rect.height(),
            );
            return;
        }
        if rect.width() <= 2.5 && rect.height() > 3.0 {
            let x = rect.center().x;
            self.add_rule(Point::new(x, rect.y0), Point::new(x, rect.y1), rect.width());
            return;
        }
        let rect = rect.intersect(self.clip());
        if rect.area() < 4.0 || self.paint.fills.len() >= MAX_FILLS {
            return;
        }
        let alpha = color.map_or(1.0, |c| c[3]) * self.opacity();
        if alpha < 0.05 {
            return;
        }
        self.paint.fills.push(Fill {
            rect,
            color: color.map(|[r, g, b, _]| [r, g, b]),
            after: self.paint.glyphs.len() as u32,
            opaque: alpha > 0.95 && !blended && color.is_some(),
        });
    }
}

fn color(paint: &Paint<'_>) -> Option<[f32; 4]> {
    match paint {
        Paint::Color(color) => Some(color.to_rgba().components()),
        Paint::Pattern(_) => None,
    }
}

impl<'a> Device<'a> for Recorder {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, mode: &DrawMode) {
        if let DrawMode::Stroke(stroke) | DrawMode::FillAndStroke(_, stroke) = mode {
            let scale = props.transform.determinant().abs().sqrt();
            self.stroke(path, props.transform, f64::from(stroke.line_width) * scale);
        }
        if let DrawMode::Fill(_) | DrawMode::FillAndStroke(..) = mode {
            let bounds = (props.transform * path).bounding_box();
            let boxy = path.elements().len() <= 6
                && (path.area().abs() * props.transform.determinant().abs()) > 0.95 * bounds.area();
            if boxy {
                let blended = props.soft_mask.is_some() || props.blend_mode != BlendMode::Normal;
                self.fill_rect(bounds, color(&props.paint), blended);
            } else if bounds.area() > 100.0 {
                self.paint.has_pictures = true;
            }
        }
    }

    fn draw_rect(&mut self, rect: &Rect, props: DrawProps<'a>, mode: &DrawMode) {
        if let DrawMode::Stroke(stroke) | DrawMode::FillAndStroke(_, stroke) = mode {
            let scale = props.transform.determinant().abs().sqrt();
            let width = f64::from(stroke.line_width) * scale;
            self.stroke(&rect.to_path(0.1), props.transform, width);
        }
        if let DrawMode::Fill(_) | DrawMode::FillAndStroke(..) = mode {
            let bounds = props.transform.transform_rect_bbox(*rect);
            let blended = props.soft_mask.is_some() || props.blend_mode != BlendMode::Normal;
            self.fill_rect(bounds, color(&props.paint), blended);
        }
    }

    fn push_clip_path(&mut self, clip: &ClipPath) {
        self.push_clip(clip.path.bounding_box());
    }

    fn push_clip_rect(&mut self, rect: &Rect) {
        self.push_clip(rect.abs());
    }

    fn pop_clip(&mut self) {
        if self.clips.len() > 1 {
            self.clips.pop();
        }
    }

    fn push_transparency_group(
        &mut self,
        opacity: f32,
        _mask: Option<SoftMask<'a>>,
        _blend_mode: BlendMode,
    ) {
        self.opacities.push(self.opacity() * opacity);
    }

    fn pop_transparency_group(&mut self) {
        if self.opacities.len() > 1 {
            self.opacities.pop();
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let size = Rect::new(
            0.0,
            0.0,
            f64::from(image.width()),
            f64::from(image.height()),
        );
        let rect = props
            .transform
            .transform_rect_bbox(size)
            .intersect(self.clip());
        let page = f64::from(self.paint.width * self.paint.height).max(1.0);
        self.paint.image_share += (rect.area() / page) as f32;
        self.paint.has_pictures = true;
        if self.paint.fills.len() < MAX_FILLS && rect.area() > 4.0 {
            let after = self.paint.glyphs.len() as u32;
            self.paint.fills.push(Fill {
                rect,
                color: None,
                after,
                opaque: false,
            });
        }
    }

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        let rgba = color(&props.paint);
        let seen = rgba.map_or(1.0, |c| c[3]) * self.opacity() >= 0.05;
        let invisible_mode = matches!(mode, DrawMode::Invisible);
        self.colors.push((
            self.paint.glyphs.len() as u32,
            rgba.map(|[r, g, b, _]| [r, g, b]),
        ));
        let first = self.paint.glyphs.len();
        for glyph in run.glyphs() {
            if self.paint.glyphs.len() >= self.max_glyphs as usize {
                self.paint.overflow = true;
                return;
            }
            let total = props.transform * glyph.transform();
            let [a, b, c, d, e, f] = total.as_coeffs();
            if ![a, b, c, d, e, f].iter().all(|value| value.is_finite()) {
                continue;
            }
            let mut size = (c.hypot(d) * 1000.0) as f32;
            let along = a.hypot(b);
            let mut advance = match &**glyph {
                HayroGlyph::Outline(outline) => outline.advance_width().map(f64::from),
                HayroGlyph::Type3(type3) => {
                    let bounds = type3::bounds(type3, props.transform, glyph.transform());
                    if !(4.0..=80.0).contains(&size)
                        && let Some(height) = bounds.map(|bounds| bounds.height())
                    {
                        size = (height / 0.7).max(4.0) as f32;
                    }
                    bounds
                        .filter(|_| along > 0.0)
                        .map(|bounds| bounds.width() / along)
                }
            };
            if advance.is_none_or(|advance| !advance.is_finite() || advance <= 0.0) {
                advance = (along > 0.0).then(|| 0.5 * f64::from(size) / along);
            }
            let advance = advance.unwrap_or_default();
            let start = self.paint.letters.len() as u32;
            let look = self.look(glyph);
            match glyph.as_unicode() {
                Some(BfString::Char(letter)) => self.paint.letters.push(shaped(letter, look)),
                Some(BfString::String(letters)) => self.paint.letters.push_str(&letters),
                None => {
                    self.paint.unmapped += 1;
                    self.paint.letters.push('\u{fffd}');
                }
            }
            let origin = (e as f32, f as f32);
            let vector = ((a * advance) as f32, (b * advance) as f32);
            let middle = Point::new(
                f64::from(origin.0 + 0.5 * vector.0),
                f64::from(origin.1 + 0.5 * vector.1) + 0.3 * d * 1000.0,
            );
            let inside = self.clip().inflate(1.0, 1.0).contains(middle);
            self.paint.glyphs.push(Glyph {
                letters: (start, self.paint.letters.len() as u32),
                origin,
                advance: vector,
                size,
                ink: look.ink,
                visible: seen && !invisible_mode && inside && size >= UNREADABLE_SIZE,
                invisible_mode,
            });
        }
        clip_advances(&mut self.paint.glyphs[first..]);
    }
}

/// Some fonts have small raised and lowered digits of their own, and tell them as plain ones.
/// Plain digits stand on the baseline or hang below it, and are taller.
fn shaped(letter: char, look: Look) -> char {
    if !letter.is_ascii_digit() || look.top <= look.bottom {
        return letter;
    }
    let small = look.top - look.bottom < 0.56;
    let form = if small && look.bottom > 0.18 {
        superscript(letter.encode_utf8(&mut [0; 4]))
    } else if small && look.bottom < -0.03 && look.top < 0.42 {
        subscript(letter.encode_utf8(&mut [0; 4]))
    } else {
        return letter;
    };
    form.chars().next().unwrap_or(letter)
}

/// No glyph of a run reaches over the origin of the next: a stretched substitute font would.
fn clip_advances(run: &mut [Glyph]) {
    for index in 1..run.len() {
        let next = run[index].origin;
        let glyph = &mut run[index - 1];
        let length = glyph.advance.0.hypot(glyph.advance.1);
        let step = (next.0 - glyph.origin.0, next.1 - glyph.origin.1);
        let along = (step.0 * glyph.advance.0 + step.1 * glyph.advance.1) / length.max(1e-6);
        if along > 0.3 * length && along < length {
            let scale = along / length;
            glyph.advance = (glyph.advance.0 * scale, glyph.advance.1 * scale);
        }
    }
}
