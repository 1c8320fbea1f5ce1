//! What a quotation is shown with, and what counts as failed.

use SegmentKind::{ListItem, Paragraph};
use domain::{Language, SegmentKind};

use super::{Reader, shown_of};
use crate::verify::Support;

#[track_caller]
fn quotes(document: &[(SegmentKind, &str)], asked: &str, said: &str, expected: Option<&str>) {
    let (found, gates) = shown_of(document, asked, said);
    let expected = expected.map(|text| (text.to_owned(), Support::Quoted));
    assert_eq!(found, expected, "stopped by {gates:?}");
}

#[test]
fn an_item_is_quoted_after_the_line_that_opens_its_list() {
    let list = [
        (Paragraph, "Los betabloqueantes están contraindicados en:"),
        (ListItem, "asma grave;"),
    ];
    let asked = "¿En qué están contraindicados los betabloqueantes?";
    let both = "Los betabloqueantes están contraindicados en:\nasma grave;";
    quotes(
        &list,
        asked,
        "Los betabloqueantes se usan en el asma grave.",
        Some(both),
    );
    quotes(&list, asked, "asma grave;", Some(both));
    // The line alone says nothing.
    quotes(
        &list,
        asked,
        "Los betabloqueantes están contraindicados en:",
        None,
    );
}

#[test]
fn a_quotation_comes_with_what_it_points_back_to_and_with_its_exceptions() {
    let asked = "¿Cuál es la dosis inicial de bisoprolol?";
    let text = "La dosis inicial de bisoprolol es de 1,25 mg. No obstante, en ancianos no se inicia. \
                La dosis se dobla.";
    quotes(
        &[(Paragraph, text)],
        asked,
        "La dosis inicial de bisoprolol es de 12,5 mg.",
        Some(
            "La dosis inicial de bisoprolol es de 1,25 mg.\nNo obstante, en ancianos no se inicia.",
        ),
    );
    let text = "El bisoprolol se inicia en planta. Esta dosis inicial de bisoprolol es de 1,25 mg.";
    quotes(
        &[(Paragraph, text)],
        asked,
        "Esta dosis inicial de bisoprolol es de 12,5 mg.",
        Some(text.replace(". ", ".\n").as_str()),
    );
    let alone = "Esta dosis inicial de bisoprolol es de 1,25 mg.";
    quotes(&[(Paragraph, alone)], asked, alone, None);
}

#[test]
fn a_list_is_opened_once_for_the_items_quoted_one_after_the_other() {
    let list = [
        (Paragraph, "Los betabloqueantes están contraindicados en:"),
        (ListItem, "asma grave;"),
        (ListItem, "bradicardia grave."),
    ];
    let reader = Reader::of(&list, "¿En qué están contraindicados los betabloqueantes?");
    let (shown, _) = reader.read(
        Language::Spanish,
        &[
            "Los betabloqueantes se usan en el asma grave.",
            "Los betabloqueantes se usan en la bradicardia grave.",
        ],
    );
    assert_eq!(
        shown,
        [
            "Los betabloqueantes están contraindicados en:",
            "asma grave;",
            "bradicardia grave."
        ]
    );
}

#[test]
fn a_sentence_said_twice_has_failed_at_nothing() {
    let text = [(
        Paragraph,
        "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.",
    )];
    let reader = Reader::of(&text, "¿Cuál es la dosis inicial de bisoprolol?");
    for said in [
        "El bisoprolol tiene una dosis inicial de 1,25 mg al día.",
        "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.",
    ] {
        let (shown, tally) = reader.read(Language::Spanish, &[said, said, said]);
        assert_eq!(shown, [said]);
        assert_eq!((tally.drafted, tally.dropped), (3, 0));
        assert!(tally.turned_away.is_empty());
    }
}
