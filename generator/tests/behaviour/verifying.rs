use std::ops::Range;

use domain::Evidence;
use generator::{Draft, DraftSentence, ExtractiveConfig, Mark, Rejected, Support, draft, verify};

use crate::fixture::*;

fn drafted(evidence: &Evidence) -> Draft {
    let question = question("¿Cuál es la dosis inicial de bisoprolol?");
    draft(
        &question,
        evidence,
        &analyzer(),
        &ExtractiveConfig::default(),
    )
    .expect("the dose is there")
}

/// What verification says of a draft after `change`.
fn check(change: impl FnOnce(&mut DraftSentence), expected: Rejected) {
    let evidence = evidence([dose_table()]);
    let mut draft = drafted(&evidence);
    change(&mut draft.sentences[0]);
    assert_eq!(verify(draft, &evidence), Err(expected));
}

#[test]
fn a_draft_as_it_was_picked_becomes_an_answer() {
    let evidence = evidence([dose_table()]);
    assert!(verify(drafted(&evidence), &evidence).is_ok());
}

#[test]
fn a_draft_with_an_altered_word_is_never_an_answer() {
    for (from, to) in [
        ("1,25", "12,5"),
        ("mg", "mcg"),
        ("Bisoprolol", "Carvedilol"),
        ("24 h", "12 h"),
        ("mg/24 h", "mg/24 h "),
    ] {
        check(
            |sentence| sentence.text = sentence.text.replacen(from, to, 1),
            Rejected::NotVerbatim { sentence: 0 },
        );
    }
}

#[test]
fn a_passage_that_was_not_offered_cannot_be_cited() {
    let other = evidence([dose_table()]).passages[0].passage.id;
    check(
        |sentence| sentence.marks[0].passage_id = other,
        Rejected::NotOffered { sentence: 0 },
    );
}

#[test]
fn a_sentence_without_a_mark_is_no_answer() {
    check(
        |sentence| sentence.marks.clear(),
        Rejected::NoMark { sentence: 0 },
    );
}

#[test]
fn part_of_a_row_cannot_be_quoted() {
    check(
        |sentence| {
            let Mark { range, .. } = &mut sentence.marks[0];
            let cut = "Fármaco: Bisoprolol; ".len();
            range.start += cut;
            sentence.text.drain(..cut);
        },
        Rejected::NoQuote { sentence: 0 },
    );
}

#[test]
fn words_beyond_the_passage_cannot_be_quoted() {
    for range in [
        5..5,
        0..1_000_000,
        Range { start: 9, end: 8 },
        0..usize::MAX,
    ] {
        check(
            |sentence| sentence.marks[0].range = range,
            Rejected::NoQuote { sentence: 0 },
        );
    }
}

#[test]
fn an_empty_draft_is_no_answer() {
    assert_eq!(
        verify(Draft::default(), &evidence([dose_table()])),
        Err(Rejected::Empty)
    );
}

#[test]
fn one_bad_sentence_rejects_the_whole_draft() {
    let evidence = evidence([dose_table()]);
    let mut draft = drafted(&evidence);
    let mut bad = draft.sentences[0].clone();
    bad.text.push('0');
    draft.sentences.push(bad);
    let place = draft.sentences.len() - 1;
    assert_eq!(
        verify(draft, &evidence),
        Err(Rejected::NotVerbatim { sentence: place })
    );
}

#[test]
fn a_row_whose_quote_says_something_else_is_not_shown() {
    let mut evidence = evidence([dose_table()]);
    evidence.passages[0].passage.segments[1].quote = Some("Bisoprolol 5 mg/24 h".to_owned());
    declined("¿Cuál es la dosis inicial de bisoprolol?", &evidence);
}

#[test]
fn a_sentence_over_a_page_break_is_cited_on_both_pages() {
    let text = "La dosis inicial de bisoprolol es de 1,25 mg al día y se dobla cada dos semanas.";
    let evidence = evidence([document("Protocolo")
        .line(Paragraph, text)
        .page_break("al día", 5)]);
    let answer = answered("¿Cuál es la dosis inicial de bisoprolol?", &evidence);
    let sentence = &answer.sentences()[0];
    assert_eq!(sentence.text(), text);
    assert_eq!(sentence.support(), Support::Quoted);
    let cited: Vec<(Option<u32>, &str)> = sentence
        .citations()
        .iter()
        .map(|citation| (citation.page, citation.quote.as_str()))
        .collect();
    assert_eq!(
        cited,
        [
            (Some(4), "La dosis inicial de bisoprolol es de 1,25 mg"),
            (Some(5), "al día y se dobla cada dos semanas."),
        ]
    );
    assert!(answer.text().ends_with("[1] [2]"));
}

#[test]
fn debug_output_holds_no_words_of_the_documents() {
    let evidence = evidence([dose_table()]);
    let draft = drafted(&evidence);
    let shown = format!("{draft:?} {:?}", verify(draft.clone(), &evidence));
    assert!(!shown.contains("Bisoprolol"), "{shown}");
}
