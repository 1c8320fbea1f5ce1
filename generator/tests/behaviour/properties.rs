//! What holds for every question and every passage.

use domain::{Evidence, Language, Question, SegmentKind};
use generator::{Draft, DraftSentence, ExtractiveConfig, Mark, Outcome, answer, draft, verify};
use proptest::prelude::*;

use crate::fixture::{Fixture, analyzer, document, evidence};

const WORDS: &[&str] = &[
    "bisoprolol",
    "carvedilol",
    "dosis",
    "inicial",
    "mg",
    "1,25",
    "10",
    "≤ 35 %",
    "no",
    "salvo",
    "Este",
    "No obstante,",
    "potasio",
    "peso:",
    "¿cuándo",
    "control?",
    "edema.",
    "NT-proBNP",
    "24/26 mg",
    "día.",
    "ñandú",
    "µg",
    "…",
    "½",
    "«cita»",
    "e\u{301}",
    "🫀",
    "*",
];

fn phrase(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(WORDS), 1..most).prop_map(|words| words.join(" "))
}

fn kind() -> impl Strategy<Value = SegmentKind> {
    prop::sample::select(vec![
        SegmentKind::Heading,
        SegmentKind::Paragraph,
        SegmentKind::ListItem,
        SegmentKind::TableRow,
        SegmentKind::Caption,
        SegmentKind::Footnote,
        SegmentKind::FormField,
    ])
}

fn passage() -> impl Strategy<Value = Fixture> {
    let lines = prop::collection::vec((kind(), phrase(14), phrase(4), any::<bool>()), 0..8);
    (phrase(4), lines).prop_map(|(title, lines)| {
        lines
            .into_iter()
            .fold(document(&title), |fixture, (kind, text, cell, quoted)| {
                if kind == SegmentKind::TableRow && quoted {
                    fixture.row(&["Fármaco", "Dosis"], &[&cell, &text])
                } else {
                    fixture.line(kind, &text)
                }
            })
    })
}

fn some_evidence() -> impl Strategy<Value = Evidence> {
    prop::collection::vec(passage(), 0..5).prop_map(evidence)
}

/// Evidence with a damaged row in the catalogue: bytes that name no characters.
fn damaged() -> impl Strategy<Value = Evidence> {
    (some_evidence(), any::<u32>(), any::<u32>(), 0..6_usize).prop_map(
        |(mut evidence, a, b, which)| {
            for offered in &mut evidence.passages {
                if let Some(segment) = offered.passage.segments.get_mut(which) {
                    (segment.start, segment.end) = (a % 90, b % 90);
                }
                offered.score = f32::NAN;
            }
            evidence
        },
    )
}

fn config() -> impl Strategy<Value = ExtractiveConfig> {
    (
        0..5_usize,
        0..4_usize,
        0.0..1.0_f32,
        0.0..1.0_f32,
        0..4_usize,
    )
        .prop_map(
            |(max_sentences, max_list_items, min_coverage, min_share_of_best, max_nearest)| {
                ExtractiveConfig {
                    max_sentences,
                    max_list_items,
                    min_coverage,
                    min_share_of_best,
                    max_nearest,
                }
            },
        )
}

fn ask(text: &str, evidence: &Evidence, config: &ExtractiveConfig) -> Option<Outcome> {
    let question = Question::parse(text, None).ok()?;
    Some(answer(&question, evidence, &analyzer(), config))
}

proptest! {
    #[test]
    fn every_citation_names_an_offered_passage_and_quotes_words_that_stand_in_it(
        text in phrase(8), evidence in some_evidence(), config in config(),
    ) {
        if let Some(Outcome::Answered(answer)) = ask(&text, &evidence, &config) {
            prop_assert!(!answer.sentences().is_empty());
            for sentence in answer.sentences() {
                prop_assert!(!sentence.citations().is_empty());
                for citation in sentence.citations() {
                    let offered = evidence.find(citation.passage_id).unwrap();
                    prop_assert_eq!(&citation.source, &offered.source);
                    let passage = &offered.passage;
                    prop_assert!(passage.text.contains(sentence.text()));
                    let of_a_row = passage.segments.iter().any(|segment| {
                        segment.quote.as_ref() == Some(&citation.quote)
                            && passage.text[segment.range()].contains(sentence.text())
                    });
                    prop_assert!(of_a_row || sentence.text().contains(&citation.quote));
                }
            }
        }
    }

    #[test]
    fn no_number_is_shown_that_the_cited_passage_does_not_hold(
        text in phrase(8), evidence in some_evidence(),
    ) {
        let config = ExtractiveConfig { min_coverage: 0.0, ..ExtractiveConfig::default() };
        if let Some(Outcome::Answered(answer)) = ask(&text, &evidence, &config) {
            for sentence in answer.sentences() {
                let passage = &evidence.find(sentence.citations()[0].passage_id).unwrap().passage;
                let held: Vec<&str> = passage.text.split_whitespace().collect();
                for word in sentence.text().split_whitespace().filter(|word| word.contains(char::is_numeric)) {
                    prop_assert!(held.contains(&word), "{} is not there", word);
                }
            }
        }
    }

    #[test]
    fn no_question_and_no_passage_panics(
        text in ".{0,80}", evidence in damaged(), config in config(), language in 0..5_usize,
    ) {
        let _ = ask(&text, &evidence, &config);
        if let Ok(question) = Question::parse(&text, Some(Language::ALL[language])) {
            let _ = answer(&question, &evidence, &analyzer(), &config);
        }
    }

    #[test]
    fn a_draft_with_any_letter_changed_is_never_an_answer(
        evidence in some_evidence(), which in any::<prop::sample::Index>(), letter in "[a-z0-9,]",
    ) {
        let config = ExtractiveConfig { min_coverage: 0.0, ..ExtractiveConfig::default() };
        let question = Question::parse("dosis inicial de bisoprolol", None).unwrap();
        if let Ok(mut draft) = draft(&question, &evidence, &analyzer(), &config)
            && !draft.sentences.is_empty()
        {
            let sentence = which.get(&draft.sentences).clone();
            let at = which.index(sentence.text.chars().count());
            let changed: String = sentence
                .text
                .chars()
                .enumerate()
                .map(|(place, c)| if place == at { letter.chars().next().unwrap() } else { c })
                .collect();
            let place = which.index(draft.sentences.len());
            let is_other = changed != sentence.text;
            draft.sentences[place].text = changed;
            prop_assert_eq!(verify(draft, &evidence).is_err(), is_other);
        }
    }

    #[test]
    fn an_invented_draft_is_an_answer_only_where_its_words_stand(
        evidence in some_evidence(), text in phrase(5), start in 0..60_usize, length in 0..60_usize,
    ) {
        for offered in &evidence.passages {
            let sentence = DraftSentence {
                text: text.clone(),
                marks: vec![Mark { passage_id: offered.passage.id, range: start..start + length }],
            };
            let draft = Draft { sentences: vec![sentence], items_left_out: 0 };
            if verify(draft, &evidence).is_ok() {
                prop_assert_eq!(offered.passage.text.get(start..start + length), Some(text.as_str()));
            }
        }
    }
}
