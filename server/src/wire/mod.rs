//! JSON as the outward contract writes it: the counterparts of the types inside, converted by hand
//! so that a change inside never changes what hospitals' systems read.

mod ask;
mod documents;
mod extract;
mod ingest;
mod notice;
mod search;

use domain::{BoundingBox, PageBox};
use serde::{Deserialize, Serialize};

pub(crate) use ask::{AskBody, AskJson, AskTimingsJson, Made, SentenceJson};
pub(crate) use documents::{DocumentJson, DocumentsJson, JobJson, JobsJson};
pub(crate) use extract::ExtractJson;
pub(crate) use ingest::{AcceptedJson, IngestJson, RejectedJson, TotalJson, UnchangedJson};
pub(crate) use notice::Notice;
pub(crate) use search::{PassageJson, SearchBody, SearchJson, SearchTimingsJson};

/// `[x0, y0, x1, y1]` in points from the page's top left corner, to a tenth of a point.
pub(crate) type BoxJson = [f32; 4];

fn box_json(bbox: BoundingBox) -> BoxJson {
    [bbox.x0, bbox.y0, bbox.x1, bbox.y1].map(|points| (points * 10.0).round() / 10.0)
}

/// A rectangle on a page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PageBoxJson {
    /// Page number, from 1.
    pub(crate) page: u32,
    /// Where on it.
    pub(crate) bbox: BoxJson,
}

impl From<&PageBox> for PageBoxJson {
    fn from(place: &PageBox) -> Self {
        Self {
            page: place.page,
            bbox: box_json(place.bbox),
        }
    }
}

fn boxes_json(boxes: &[PageBox]) -> Vec<PageBoxJson> {
    boxes.iter().map(PageBoxJson::from).collect()
}

/// Something a person should know about a document or an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WarningJson {
    /// Its name for programs.
    pub(crate) code: String,
    /// The page it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<u32>,
    /// One sentence.
    pub(crate) detail: String,
}

/// The body of `POST /api/v1/feedback`.
#[derive(Debug, Deserialize)]
pub(crate) struct FeedbackBody {
    /// The answer it is about.
    pub(crate) request_id: String,
    /// `helpful`, `wrong`, `incomplete` or `unsafe`.
    pub(crate) verdict: String,
    /// In the reader's words.
    #[serde(default)]
    pub(crate) comment: Option<String>,
}

/// Milliseconds since `start`, to a hundredth.
#[must_use]
pub(crate) fn milliseconds(start: std::time::Instant) -> f64 {
    round_ms(start.elapsed().as_secs_f64() * 1_000.0)
}

/// Milliseconds to a hundredth.
#[must_use]
pub(crate) fn round_ms(milliseconds: f64) -> f64 {
    (milliseconds * 100.0).round() / 100.0
}
