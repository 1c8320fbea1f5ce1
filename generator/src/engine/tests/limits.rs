//! What is refused, what ends early, and what is left behind.

use super::*;
use crate::engine::{EngineError, FinishReason};

fn long() -> Request {
    Request {
        to_length: true,
        ..Request::new(vec![1, 2, 3], 400)
    }
}

#[test]
fn one_more_than_may_wait_is_refused_at_once() {
    let engine = start(EngineConfig {
        queue: 1,
        ..plain()
    });
    let served = [engine.generate(long()), engine.generate(long())];
    assert!(served.iter().all(Result::is_ok));
    assert_eq!(
        engine.generate(long()).err(),
        Some(EngineError::Full { serving: 2 })
    );
    drop(served);
    at_rest(&engine);
    assert!(
        engine.generate(long()).is_ok(),
        "their places are free again"
    );
}

#[test]
fn what_can_never_fit_is_refused_with_the_figures() {
    let engine = start(EngineConfig {
        cache_tokens: 100,
        ..plain()
    });
    // 100 tokens are four blocks of 32.
    assert_eq!(engine.window_tokens(), 128);
    let refused = engine.generate(Request::new(vec![1; 100], 29));
    let figures = EngineError::PromptTooLong {
        prompt_tokens: 100,
        max_tokens: 29,
        window_tokens: 128,
    };
    assert_eq!(refused.err(), Some(figures));
    let fits = Request {
        to_length: true,
        ..Request::new(vec![1; 100], 28)
    };
    assert_eq!(write(&engine, &fits).0.len(), 28);
    let endless = engine.generate(Request::new(vec![1], usize::MAX));
    assert!(matches!(endless, Err(EngineError::PromptTooLong { .. })));
    let window = start(EngineConfig {
        cache_tokens: 4096,
        ..plain()
    });
    assert_eq!(window.window_tokens(), 512, "the model's window");
}

#[test]
fn a_cache_that_does_not_fit_is_refused_with_the_figures() {
    let config = EngineConfig {
        // No machine holds this many: 512 bytes a token of the tiny model.
        cache_tokens: usize::MAX / 4,
        ..plain()
    };
    let refused = Engine::start(tiny(Architecture::Llama), config).err();
    let Some(EngineError::NotStarted { reason }) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        reason.contains("cache_tokens") && reason.contains("MiB"),
        "{reason}"
    );
}

#[test]
fn tokens_outside_the_vocabulary_are_refused() {
    let engine = start(plain());
    for prompt in [vec![], vec![1, VOCAB as u32], vec![u32::MAX]] {
        let refused = engine.generate(Request::new(prompt, 3));
        assert_eq!(refused.err(), Some(EngineError::PromptNotInVocabulary));
    }
}

#[test]
fn nothing_asked_is_nothing_written() {
    let (text, finished) = write(&start(plain()), &Request::new(vec![1], 0));
    assert_eq!((text.len(), finished.reason), (0, FinishReason::Length));
}

#[test]
fn a_client_that_leaves_leaves_no_block_behind() {
    let engine = start(EngineConfig {
        max_sequences: 2,
        cache_tokens: 2048,
        ..plain()
    });
    let mut running = engine.generate(long()).expect("taken");
    assert!(matches!(
        running.blocking_next(),
        Some(Event::Tokens { .. })
    ));
    let others = [engine.generate(long()), engine.generate(long())];
    drop(running);
    drop(others);
    let status = at_rest(&engine);
    assert_eq!(status.blocks_free, status.blocks_total);
    assert_eq!((status.cancelled, status.finished), (3, 0));
}

#[test]
fn a_cancelled_request_computes_no_more() {
    let engine = start(plain());
    let mut leaving = engine.generate(long()).expect("taken");
    leaving.blocking_next();
    drop(leaving);
    let rows = at_rest(&engine).computed_tokens;
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(engine.status().computed_tokens, rows);
    assert!(rows < 402, "{rows} rows");
}

#[test]
fn a_text_that_goes_round_ends_as_a_loop() {
    // Each token's likeliest successor is fixed where attention adds nothing: such a model goes
    // round after at most as many tokens as it knows.
    let mut model = tiny(Architecture::Llama);
    for layer in &mut model.weights.layers {
        let zeros = candle_core::Tensor::zeros((64, 64), DType::F32, &Device::Cpu).expect("zeros");
        let zeros = crate::compute::Matrix::Dense(zeros);
        layer.output = crate::compute::Linear::new(vec![(zeros, None)]).expect("a matrix");
    }
    model.config.stop_ids.clear();
    let engine = Engine::start(model, plain()).expect("an engine");
    let (text, finished) = write(&engine, &Request::new(vec![5], 500));
    assert_eq!(finished.reason, FinishReason::Loop);
    assert!(text.len() < 500);
}

#[test]
fn dropping_the_last_handle_stops_what_runs_and_what_waits() {
    let engine = start(plain());
    let clone = engine.clone();
    let mut running = engine.generate(long()).expect("taken");
    let waiting = engine.generate(long()).expect("taken");
    assert!(matches!(
        running.blocking_next(),
        Some(Event::Tokens { .. })
    ));
    drop(engine);
    assert!(matches!(
        running.blocking_next(),
        Some(Event::Tokens { .. })
    ));
    drop(clone);
    assert_eq!(read(running).err(), Some(GenerateError::Stopped));
    assert_eq!(read(waiting).err(), Some(GenerateError::Stopped));
}

#[test]
fn a_stopped_engine_says_so() {
    let engine = start(plain());
    let running = engine.generate(long()).expect("taken");
    engine.stop();
    assert_eq!(read(running).err(), Some(GenerateError::Stopped));
    assert_eq!(engine.generate(long()).err(), Some(EngineError::Stopped));
    engine.stop();
}

#[tokio::test]
async fn events_come_to_asynchronous_code() {
    let engine = start(plain());
    let request = Request {
        to_length: true,
        ..Request::new(vec![1, 2, 3], 5)
    };
    let mut generation = engine.generate(request).expect("taken");
    let mut written = 0;
    while let Some(event) = generation.next().await {
        if let Event::Tokens { ids } = event {
            written += ids.len();
        }
    }
    assert_eq!(written, 5);
}

#[test]
fn what_is_logged_holds_no_token_of_a_question_or_an_answer() {
    let request = Request::new(vec![123_456, 123_457], 10);
    let event = Event::Tokens {
        ids: vec![123_456, 123_457],
    };
    for shown in [format!("{request:?}"), format!("{event:?}")] {
        assert!(!shown.contains("123"), "{shown}");
    }
}

#[test]
fn handles_may_be_sent_shared_and_copied() {
    fn promise<T: Send + Sync + Clone>() {}
    fn sent<T: Send>() {}
    promise::<Engine>();
    sent::<Generation>();
}

#[test]
fn speed_is_measured_whole() {
    let report =
        super::super::measure_speed(tiny(Architecture::Llama), 200, 10, 3).expect("measured");
    let figures = [
        report.cold_first_token_ms,
        report.prefix_hit_first_token_ms,
        report.prefill_tokens_per_second,
        report.decode_tokens_per_second,
        report.users_decode_tokens_per_second,
        report.users_tokens_per_second,
        report.users_first_token_ms,
        report.host_share,
    ];
    assert!(figures.iter().all(|figure| *figure > 0.0), "{report:?}");
    let too_long = super::super::measure_speed(tiny(Architecture::Llama), 600, 10, 1);
    assert!(matches!(
        too_long,
        Err(super::super::SpeedError::Engine(
            EngineError::PromptTooLong { .. }
        ))
    ));
}
