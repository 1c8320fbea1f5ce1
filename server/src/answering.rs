//! From a question to what is shown: retrieve, read the evidence in one snapshot, draft, verify.

use std::time::Instant;

use domain::{Evidence, Question, RequestId, Scope};
use generator::Outcome;
use jiff::ZonedDateTime;
use jiff::civil::Date;

use crate::app::App;
use crate::error::{Failure, FailureClass};
use crate::failures::{catalog_failure, retrieve_failure};
use crate::wire::{
    AskJson, AskTimingsJson, PassageJson, SearchJson, SearchTimingsJson, milliseconds, round_ms,
};

/// The most passages one search gives.
pub(crate) const MAX_SEARCH_LIMIT: usize = 100;

/// What a question may see, by who asks and what they asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// Only this collection.
    pub(crate) collection: Option<String>,
    /// Only documents open to everyone or to one of these groups; `None`: no restriction, as for
    /// whoever runs the command on the machine itself.
    pub(crate) groups: Option<Vec<String>>,
}

/// Passages found for a question, and where the time went.
struct Found {
    evidence: Evidence,
    embed_ms: f64,
    search_ms: f64,
}

/// The passages that fit a question best.
///
/// # Errors
/// The index or the catalogue failed.
pub(crate) async fn search(
    app: &App,
    question: &Question,
    view: &View,
    limit: usize,
) -> Result<SearchJson, Failure> {
    let started = Instant::now();
    let found = retrieve(app, question, view, limit.clamp(1, MAX_SEARCH_LIMIT)).await?;
    Ok(SearchJson {
        query: question.text().to_owned(),
        language: question.language().code(),
        passages: found
            .evidence
            .passages
            .iter()
            .map(PassageJson::from)
            .collect(),
        timings_ms: SearchTimingsJson {
            embed: round_ms(found.embed_ms),
            search: round_ms(found.search_ms),
            rerank: 0.0,
            total: milliseconds(started),
        },
    })
}

/// The answer to a question, or why there is none.
///
/// # Errors
/// The index or the catalogue failed. Declining is not an error.
pub(crate) async fn ask(app: &App, question: &Question, view: &View) -> Result<AskJson, Failure> {
    let started = Instant::now();
    let found = retrieve(app, question, view, app.settings().retriever.candidates).await?;
    let retrieve_ms = milliseconds(started);

    let drafting = Instant::now();
    let asked = question.clone();
    let analyzer = app.analyzer().clone();
    let config = app.settings().generator.clone();
    let (outcome, evidence) = tokio::task::spawn_blocking(move || {
        let outcome = generator::answer(&asked, &found.evidence, &analyzer, &config);
        (outcome, found.evidence)
    })
    .await
    .map_err(|error| {
        let message = "no se ha podido componer la respuesta: vuelva a intentarlo";
        Failure::new(FailureClass::Failed, "answer_failed", message).caused_by(error)
    })?;
    app.metrics()
        .count_outcome(matches!(outcome, Outcome::Answered(_)));
    let timings = AskTimingsJson {
        retrieve: retrieve_ms,
        generate: milliseconds(drafting),
        verify: 0.0,
        first_sentence: milliseconds(started),
        total: milliseconds(started),
    };
    Ok(AskJson::new(
        RequestId::generate(),
        question,
        &outcome,
        &evidence.passages,
        timings,
    ))
}

async fn retrieve(
    app: &App,
    question: &Question,
    view: &View,
    limit: usize,
) -> Result<Found, Failure> {
    let on = today();
    let scope = Scope {
        hidden_versions: app
            .catalog()
            .hidden_versions(on)
            .await
            .map_err(catalog_failure)?,
        collection: view.collection.clone(),
        groups: view.groups.clone(),
    };
    let retrieved = app
        .retriever()
        .retrieve(question, &scope, limit)
        .await
        .map_err(retrieve_failure)?;
    let reading = Instant::now();
    let evidence = app
        .catalog()
        .evidence(&retrieved.ranked, &scope, on)
        .await
        .map_err(catalog_failure)?;
    Ok(Found {
        evidence,
        embed_ms: retrieved.embed_ms,
        search_ms: retrieved.search_ms + reading.elapsed().as_secs_f64() * 1_000.0,
    })
}

/// The day by which documents are in force: the civil day of this machine.
#[must_use]
pub(crate) fn today() -> Date {
    ZonedDateTime::now().date()
}
