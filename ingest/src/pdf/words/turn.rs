//! Text at an angle, turned so that it runs to the right, and back.

use domain::BoundingBox;

use crate::pdf::glyphs::Rule;

/// A turn by an angle, clockwise, about the page's top left corner.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) degrees: i32,
    cos: f32,
    sin: f32,
}

impl Turn {
    pub(super) fn new(degrees: i32) -> Self {
        let (sin, cos) = (degrees as f32).to_radians().sin_cos();
        // Quarter turns are exact.
        let exact = |value: f32| if value.abs() < 1e-5 { 0.0 } else { value };
        Self {
            degrees,
            cos: exact(cos),
            sin: exact(sin),
        }
    }

    pub(super) fn apply(self, (x, y): (f32, f32)) -> (f32, f32) {
        (self.cos * x + self.sin * y, self.cos * y - self.sin * x)
    }

    fn inverse(self, (x, y): (f32, f32)) -> (f32, f32) {
        (self.cos * x - self.sin * y, self.sin * x + self.cos * y)
    }

    fn bounds(corners: [(f32, f32); 4]) -> BoundingBox {
        let [first, rest @ ..] = corners;
        let point = |(x, y): (f32, f32)| BoundingBox {
            x0: x,
            y0: y,
            x1: x,
            y1: y,
        };
        rest.into_iter()
            .fold(point(first), |bbox, corner| bbox.union(point(corner)))
    }

    fn corners(bbox: BoundingBox) -> [(f32, f32); 4] {
        [
            (bbox.x0, bbox.y0),
            (bbox.x1, bbox.y0),
            (bbox.x0, bbox.y1),
            (bbox.x1, bbox.y1),
        ]
    }

    pub(super) fn there(self, bbox: BoundingBox) -> BoundingBox {
        if self.degrees == 0 {
            return bbox;
        }
        Self::bounds(Self::corners(bbox).map(|corner| self.apply(corner)))
    }

    pub(super) fn back(self, bbox: BoundingBox) -> BoundingBox {
        if self.degrees == 0 {
            return bbox;
        }
        Self::bounds(Self::corners(bbox).map(|corner| self.inverse(corner)))
    }

    pub(super) fn rule(self, rule: &Rule) -> Option<Rule> {
        if self.degrees % 90 != 0 {
            return None;
        }
        let ends = if rule.vertical {
            [(rule.at, rule.from), (rule.at, rule.to)]
        } else {
            [(rule.from, rule.at), (rule.to, rule.at)]
        };
        let [a, b] = ends.map(|end| self.apply(end));
        let vertical = (a.0 - b.0).abs() < (a.1 - b.1).abs();
        let (at, from, to) = if vertical {
            (a.0, a.1, b.1)
        } else {
            (a.1, a.0, b.0)
        };
        Some(Rule {
            vertical,
            at,
            from: from.min(to),
            to: from.max(to),
        })
    }
}
