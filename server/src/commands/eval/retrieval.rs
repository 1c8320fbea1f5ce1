//! `sistole eval retrieval`: whether the passage that answers is among the first.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use serde_json::{Value, json};

use super::Indexed;
use super::measures::{Latency, RankingMeasures};
use super::set::EvalSet;
use crate::answering::{self, MAX_SEARCH_LIMIT, View};
use crate::app::App;
use crate::error::Failure;
use crate::output::Output;

pub(super) async fn run(
    app: &App,
    set: &EvalSet,
    indexed: &Indexed,
    output: Output,
) -> Result<(), Failure> {
    let mut all = RankingMeasures::default();
    let mut by_language: BTreeMap<String, RankingMeasures> = BTreeMap::new();
    let mut times = Vec::new();
    for asked in set
        .questions
        .iter()
        .filter(|asked| !asked.passage_ids.is_empty())
    {
        let language = asked.language.as_deref().and_then(|code| code.parse().ok());
        let Ok(question) = domain::Question::parse(&asked.question, language) else {
            continue;
        };
        let started = Instant::now();
        let found = answering::search(app, &question, &View::default(), MAX_SEARCH_LIMIT).await?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        let mut seen = HashSet::new();
        let ranked: Vec<&str> = found
            .passages
            .iter()
            .filter_map(|passage| indexed.set_id(passage.document_id()))
            .filter(|id| seen.insert(*id))
            .collect();
        all.add(&ranked, &asked.gold());
        by_language
            .entry(question.language().code().to_owned())
            .or_default()
            .add(&ranked, &asked.gold());
    }
    let figures = all.json();
    let by_language: serde_json::Map<String, Value> = by_language
        .into_iter()
        .map(|(code, measures)| (code, json!(measures.json())))
        .collect();
    let report = json!({
        "questions": figures.questions,
        "recall_at": figures.recall_at,
        "mrr_at_10": figures.mrr_at_10,
        "ndcg_at_10": figures.ndcg_at_10,
        "by_language": by_language,
        "latency_ms": Latency::of(times),
    });
    output.result(&report, || {
        serde_json::to_string_pretty(&report).unwrap_or_default()
    });
    Ok(())
}
