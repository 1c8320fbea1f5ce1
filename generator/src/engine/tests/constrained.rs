//! Texts that a grammar constrains: the same promises, and never a token outside of it.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::engine::FinishReason;
use crate::grammar::{Grammar, Vocabulary};

const REFUSAL: &str = "No consta en los documentos.";

fn grammar(marks: usize) -> Arc<Grammar> {
    let model = tiny(Architecture::Llama);
    let vocabulary = Vocabulary::new(Arc::clone(&model.tokenizer), &model.config.stop_ids);
    Arc::new(Grammar::new(&Arc::new(vocabulary), marks, REFUSAL))
}

/// Byte tokens, as the tokenizer of random models has them.
fn bytes(text: &str) -> Vec<u32> {
    text.bytes().map(u32::from).collect()
}

fn proposing(together: usize) -> EngineConfig {
    EngineConfig {
        max_sequences: together,
        cache_tokens: 2048,
        prefill_tokens_per_step: 50,
        lookup: true,
        lookup_always: true,
        ..plain()
    }
}

/// A text is one that the grammar lets pass, and ends where it may end.
fn check_text(grammar: &Grammar, text: &[u32], finished: &Finished) {
    let end = text.iter().try_fold(grammar.start(), |state, token| {
        assert!(grammar.mask(state).allows(*token));
        grammar.next(state, *token)
    });
    let end = end.expect("every token has its place");
    if finished.reason == FinishReason::Stop {
        assert!(grammar.is_complete(end));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_constrained_text_is_the_same_however_it_is_computed(
        wanted in prop::collection::vec(
            (any::<u64>(), prop_oneof![Just(0.0f32), Just(1.0f32)], 1usize..90, 0usize..3), 1..4,
        ),
        together in 1usize..4,
    ) {
        let grammar = grammar(2);
        let passages = ["La dosis es de 5 mg. [1]", " Se da cada 8 h. [2] No consta", "a b a b a b"];
        let requests: Vec<Request> = wanted
            .into_iter()
            .map(|(seed, temperature, max_tokens, passage)| Request {
                seed,
                temperature,
                grammar: Some(Arc::clone(&grammar)),
                ..Request::new(bytes(passages[passage]), max_tokens)
            })
            .collect();
        let engine = start(proposing(together));
        let texts = write_together(&engine, &requests);
        prop_assert_eq!(&texts, &write_alone(&requests));
        for (request, text) in requests.iter().zip(&texts) {
            let (again, finished) = write(&engine, request);
            prop_assert_eq!(&again, text);
            check_text(&grammar, text, &finished);
        }
    }
}

#[test]
fn what_the_grammar_leaves_no_choice_about_costs_no_step() {
    let engine = start(plain());
    let grammar = grammar(1);
    let request = Request {
        grammar: Some(Arc::clone(&grammar)),
        ..Request::new(bytes("hola"), 450)
    };
    let (text, finished) = write(&engine, &request);
    check_text(&grammar, &text, &finished);
    let mut state = grammar.start();
    let mut forced = 0;
    for token in &text {
        forced += usize::from(grammar.mask(state).count() == 1);
        state = grammar
            .next(state, *token)
            .expect("every token has its place");
    }
    assert!(
        forced > 0,
        "the sentence was long enough for its mark to be due"
    );
    let steps = at_rest(&engine).steps as usize;
    assert!(
        steps <= text.len() - forced + 1,
        "{steps} steps for {} tokens",
        text.len()
    );
}
