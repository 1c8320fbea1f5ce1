//! `sistole eval answers`: whether answers cite and contain what they should, and whether what
//! the documents do not say is declined.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use serde::Serialize;
use serde_json::json;

use super::Indexed;
use super::measures::Latency;
use super::set::{EvalSet, SetQuestion};
use crate::answering::{self, View};
use crate::app::App;
use crate::error::Failure;
use crate::output::Output;
use crate::wire::AskJson;

/// Counts over questions.
#[derive(Debug, Default, Serialize)]
struct Counts {
    questions: usize,
    answerable: Answerable,
    unanswerable: Unanswerable,
    sentences: usize,
    sentences_without_citation: usize,
    quotes_not_found_in_document: usize,
}

#[derive(Debug, Default, Serialize)]
struct Answerable {
    count: usize,
    answered: usize,
    cited_gold_passage: usize,
    contains_gold_answer: usize,
}

#[derive(Debug, Default, Serialize)]
struct Unanswerable {
    count: usize,
    declined: usize,
}

pub(super) async fn run(
    app: &App,
    set: &EvalSet,
    indexed: &Indexed,
    output: Output,
) -> Result<(), Failure> {
    app.load_writer(output).await?;
    // What a quotation must stand in: the passage as the set has it, white space apart.
    let texts: HashMap<&str, String> = set
        .passages
        .iter()
        .map(|passage| {
            (
                passage.id.as_str(),
                domain::collapse_whitespace(&domain::printable(&passage.text)),
            )
        })
        .collect();
    let mut all = Counts::default();
    let mut by_language: BTreeMap<String, Counts> = BTreeMap::new();
    let mut times = Vec::new();
    for asked in &set.questions {
        let language = asked.language.as_deref().and_then(|code| code.parse().ok());
        let Ok(question) = domain::Question::parse(&asked.question, language) else {
            continue;
        };
        let started = Instant::now();
        let answer = answering::ask(app, &question, &View::default(), None).await?;
        times.push(started.elapsed().as_secs_f64() * 1_000.0);
        let code = question.language().code().to_owned();
        for counts in [&mut all, by_language.entry(code).or_default()] {
            counts.add(asked, &answer, indexed, &texts);
        }
    }
    let mut report = json!(all);
    if let Some(fields) = report.as_object_mut() {
        fields.insert("by_language".to_owned(), json!(by_language));
        fields.insert("latency_ms".to_owned(), json!(Latency::of(times)));
    }
    output.result(&report, || {
        serde_json::to_string_pretty(&report).unwrap_or_default()
    });
    Ok(())
}

impl Counts {
    fn add(
        &mut self,
        asked: &SetQuestion,
        answer: &AskJson,
        indexed: &Indexed,
        texts: &HashMap<&str, String>,
    ) {
        self.questions += 1;
        let answered = answer.is_answered();
        if asked.answerable {
            self.answerable.count += 1;
            self.answerable.answered += usize::from(answered);
            let cites_gold = answer.citations().any(|citation| {
                indexed
                    .set_id(citation.document_id())
                    .is_some_and(|id| asked.passage_ids.iter().any(|gold| gold == id))
            });
            self.answerable.cited_gold_passage += usize::from(cites_gold);
            let said = comparable(answer.text());
            let contains = asked.answers.iter().any(|gold| {
                let gold = comparable(gold);
                !gold.is_empty() && said.contains(&gold)
            });
            self.answerable.contains_gold_answer += usize::from(answered && contains);
        } else {
            self.unanswerable.count += 1;
            self.unanswerable.declined += usize::from(!answered);
        }
        for sentence in answer.sentences() {
            self.sentences += 1;
            self.sentences_without_citation += usize::from(sentence.citations().is_empty());
        }
        for citation in answer.citations() {
            let quote = domain::collapse_whitespace(citation.quote());
            let stands = indexed
                .set_id(citation.document_id())
                .and_then(|id| texts.get(id))
                .is_some_and(|text| text.contains(&quote));
            self.quotes_not_found_in_document += usize::from(!stands);
        }
    }
}

/// Folded, punctuation left out, between spaces, so that `5` is not found in `15`.
fn comparable(text: &str) -> String {
    let folded = domain::fold(text);
    let words: Vec<&str> = folded
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '%' | '≤' | '≥' | '<' | '>')))
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(" {} ", words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_found_inside_another() {
        assert!(comparable("Son 15 mg.").contains(&comparable("15 mg")));
        assert!(!comparable("Son 15 mg.").contains(&comparable("5 mg")));
    }
}
