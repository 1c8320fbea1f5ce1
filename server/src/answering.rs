//! From a question to what is shown: retrieve, read the evidence in one snapshot, draft, verify.

use std::sync::Arc;
use std::time::Instant;

use domain::{Evidence, Question, RequestId, Scope};
use generator::{Outcome, VerifiedSentence, WriteError};
use jiff::ZonedDateTime;
use jiff::civil::Date;
use tokio::sync::mpsc::UnboundedSender;

use crate::app::App;
use crate::error::{Failure, FailureClass};
use crate::failures::{catalog_failure, retrieve_failure};
use crate::wire::{
    AskJson, AskTimingsJson, Made, Notice, PassageJson, SearchJson, SearchTimingsJson,
    SentenceJson, milliseconds, round_ms,
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

/// What is told while an answer is made.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The question's language, and the passages found.
    Retrieved(&'static str, Vec<PassageJson>),
    /// A sentence that passed every gate.
    Sentence(SentenceJson),
}

/// Where an answer's progress goes; a listener who has left is no failure.
pub(crate) type Listener = UnboundedSender<Progress>;

/// The answer to a question, or why there is none. Dropping the future ends the work.
///
/// Where a model is set, it answers in its own words and each sentence is checked before it is
/// told; where it is busy, away, too slow or finds nothing that passes, the answer made of
/// quotations stands in and says so.
///
/// # Errors
/// The index or the catalogue failed. Declining is not an error.
pub(crate) async fn ask(
    app: &App,
    question: &Question,
    view: &View,
    listener: Option<&Listener>,
) -> Result<AskJson, Failure> {
    let started = Instant::now();
    let tell = |progress: Progress| {
        if let Some(listener) = listener {
            let _ = listener.send(progress);
        }
    };
    let found = retrieve(app, question, view, app.settings().retriever.candidates).await?;
    let evidence = Arc::new(found.evidence);
    let mut timings = AskTimingsJson {
        retrieve: milliseconds(started),
        ..AskTimingsJson::default()
    };
    if listener.is_some() {
        let passages = evidence.passages.iter().map(PassageJson::from).collect();
        tell(Progress::Retrieved(question.language().code(), passages));
    }

    let drafting = Instant::now();
    let mut first_sentence = None;
    let mut made = Made::default();
    let mut outcome = None;
    if let Some(writer) = app.writer() {
        let mut show = |sentence: &VerifiedSentence| {
            first_sentence.get_or_insert_with(|| milliseconds(started));
            tell(Progress::Sentence(SentenceJson::from(sentence)));
        };
        match writer.write(question, &evidence, today(), &mut show).await {
            Ok(written) => {
                timings.verify = written.verifying.as_secs_f64() * 1_000.0;
                app.metrics().count_draft(&written.tally);
                made = Made::by(writer, &written);
                outcome = Some(written.outcome);
            }
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    cause = crate::error::chain(&error),
                    "quotations stand in for the model"
                );
                if let WriteError::NotVerified(tally) = &error {
                    app.metrics().count_draft(tally);
                }
                app.metrics().count_stand_in();
                made.notices.push(Notice::from(&error));
            }
        }
    } else if app.writer_failed() {
        made.notices.push(Notice::Unavailable);
    }
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => {
            let outcome = quote(app, question, &evidence).await?;
            if let Outcome::Answered(answer) = &outcome {
                first_sentence.get_or_insert_with(|| milliseconds(started));
                for sentence in answer.sentences() {
                    tell(Progress::Sentence(SentenceJson::from(sentence)));
                }
            }
            outcome
        }
    };
    app.metrics()
        .count_outcome(matches!(outcome, Outcome::Answered(_)));
    timings.generate = round_ms((milliseconds(drafting) - timings.verify).max(0.0));
    timings.verify = round_ms(timings.verify);
    timings.total = milliseconds(started);
    timings.first_sentence = first_sentence.unwrap_or(timings.total);
    Ok(AskJson::new(
        RequestId::generate(),
        question,
        &outcome,
        &evidence.passages,
        made,
        timings,
    ))
}

/// The answer made of quotations.
async fn quote(
    app: &App,
    question: &Question,
    evidence: &Arc<Evidence>,
) -> Result<Outcome, Failure> {
    let asked = question.clone();
    let evidence = Arc::clone(evidence);
    let analyzer = app.analyzer().clone();
    let config = app.settings().generator.extractive.clone();
    tokio::task::spawn_blocking(move || generator::answer(&asked, &evidence, &analyzer, &config))
        .await
        .map_err(|_| {
            // What a panic says may quote the question: it is not read.
            let message = "no se ha podido componer la respuesta: vuelva a intentarlo";
            Failure::new(FailureClass::Failed, "answer_failed", message)
        })
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
