//! The size of glyphs that are small drawings: their font does not tell it.

use hayro_interpret::font::{GlyphRun, Type3Glyph};
use hayro_interpret::{
    BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, Paint, SoftMask,
};
use kurbo::{Affine, BezPath, Rect, Shape};

/// The smallest rectangle around what the glyph paints.
pub(super) fn bounds(glyph: &Type3Glyph<'_>, transform: Affine, placed: Affine) -> Option<Rect> {
    let mut bounds = Bounds(None);
    glyph.interpret(
        &mut bounds,
        transform,
        placed,
        &Paint::Color(hayro_interpret::color::Color::from_rgba(
            hayro_interpret::color::AlphaColor::BLACK,
        )),
    );
    bounds
        .0
        .filter(|rect| rect.width().is_finite() && rect.height().is_finite())
}

/// The smallest rectangle around what is painted.
struct Bounds(Option<Rect>);

impl Bounds {
    fn add(&mut self, rect: Rect) {
        self.0 = Some(self.0.map_or(rect, |bounds| bounds.union(rect)));
    }
}

impl<'a> Device<'a> for Bounds {
    fn draw_path(&mut self, path: &BezPath, props: DrawProps<'a>, _: &DrawMode) {
        self.add((props.transform * path).bounding_box());
    }
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_glyph_run(&mut self, _: &GlyphRun<'_, 'a>, _: DrawProps<'a>, _: &DrawMode) {}
    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let size = Rect::new(
            0.0,
            0.0,
            f64::from(image.width()),
            f64::from(image.height()),
        );
        self.add(props.transform.transform_rect_bbox(size));
    }
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
