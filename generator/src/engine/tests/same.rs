//! However a text is computed, it is the same text.

use proptest::prelude::*;

use super::*;

/// Prompts of few different tokens, so that something repeats; some begin alike.
fn requests(most: usize) -> impl Strategy<Value = Vec<Request>> {
    let request = (
        prop::collection::vec(0u32..12, 1..110),
        any::<bool>(),
        1usize..40,
        prop_oneof![Just(0.0f32), Just(0.8f32)],
        prop_oneof![Just(1.0f32), Just(0.9f32)],
        any::<u64>(),
    )
        .prop_map(|(tokens, alike, max_tokens, temperature, top_p, seed)| {
            let opening = if alike { (0..70).collect() } else { Vec::new() };
            Request {
                temperature,
                top_p,
                seed,
                ..Request::new([opening, tokens].concat(), max_tokens)
            }
        });
    prop::collection::vec(request, 1..=most)
}

/// Whoever is served by `config` gets what a plain engine writes.
fn check(config: EngineConfig, requests: &[Request]) -> EngineStatus {
    let engine = start(config);
    let together = write_together(&engine, requests);
    let again = write_together(&engine, requests);
    assert_eq!(together, write_alone(requests));
    assert_eq!(again, together, "what was kept changed the text");
    let status = at_rest(&engine);
    assert_eq!(status.blocks_free, status.blocks_total);
    assert_eq!(status.finished as usize, 2 * requests.len());
    status
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn batched_equals_single(requests in requests(6), lookup in any::<bool>()) {
        check(EngineConfig { max_sequences: 4, cache_tokens: 2048, lookup, ..plain() }, &requests);
    }

    #[test]
    fn chunked_equals_whole(requests in requests(3), chunk in prop_oneof![1usize..40, Just(64), Just(100)]) {
        let config = EngineConfig {
            max_sequences: 3,
            prefill_tokens_per_step: chunk,
            cache_tokens: 1024,
            ..plain()
        };
        check(config, &requests);
    }

    #[test]
    fn proposals_change_nothing(requests in requests(4), most in 1usize..9, together in 1usize..4) {
        let config = EngineConfig {
            max_sequences: together,
            cache_tokens: 2048,
            lookup: true,
            lookup_max_draft: most,
            lookup_always: true,
            ..plain()
        };
        check(config, &requests);
    }

    #[test]
    fn giving_up_blocks_and_beginning_again_changes_nothing(
        requests in requests(5), chunk in 8usize..200, lookup in any::<bool>(),
    ) {
        let config = EngineConfig {
            max_sequences: 5,
            prefill_tokens_per_step: chunk,
            // The longest alone needs 220 of these 256.
            cache_tokens: 256,
            lookup,
            lookup_always: lookup,
            ..plain()
        };
        check(config, &requests);
    }

    /// With and without a kept prefix, and the kept one saves its blocks.
    #[test]
    fn a_known_prompt_is_not_computed_again(tokens in prop::collection::vec(0u32..256, 1..200)) {
        let engine = start(plain());
        let request = Request::new(tokens.clone(), 5);
        let cold = write(&engine, &request);
        let cold_rows = at_rest(&engine).computed_tokens;
        let warm = write(&engine, &request);
        let status = at_rest(&engine);
        let known = (tokens.len() - 1) / 32 * 32;
        prop_assert_eq!(&cold.0, &warm.0);
        prop_assert_eq!((cold.1.reused_tokens, warm.1.reused_tokens), (0, known));
        prop_assert_eq!(status.prefix_hit_tokens as usize, known);
        prop_assert_eq!(status.computed_tokens - cold_rows, cold_rows - known as u64);
    }

    /// Of two prompts that begin alike, the second reuses whole blocks of the common start only.
    #[test]
    fn prompts_that_begin_alike_share_their_beginning(
        common in prop::collection::vec(0u32..256, 0..150),
        one in prop::collection::vec(0u32..256, 1..60),
        other in prop::collection::vec(0u32..256, 1..60),
    ) {
        prop_assume!(one[0] != other[0]);
        let engine = start(plain());
        write(&engine, &Request::new([&common[..], &one].concat(), 3));
        let second = Request::new([&common[..], &other].concat(), 8);
        let (text, finished) = write(&engine, &second);
        let shared = (common.len() / 32 * 32).min((second.prompt.len() - 1) / 32 * 32);
        prop_assert_eq!(finished.reused_tokens, shared);
        prop_assert_eq!(text, write_alone(&[second]).remove(0));
    }
}

fn looping_request() -> Request {
    // A prompt that repeats is copied from for certain.
    Request {
        to_length: true,
        ..Request::new((0..90).map(|at| at % 9).collect(), 100)
    }
}

#[test]
fn proposals_are_made_and_agreed_to() {
    let config = EngineConfig {
        lookup: true,
        lookup_always: true,
        ..plain()
    };
    let engine = start(config);
    let (text, _) = write(&engine, &looping_request());
    let status = at_rest(&engine);
    assert_eq!(text, write_alone(&[looping_request()]).remove(0));
    assert!(status.drafted > 0 && status.accepted > 0, "{status:?}");
    assert!(status.steps < 100, "fewer steps than tokens: {status:?}");
}

#[test]
fn blocks_are_given_up_where_they_run_out() {
    let requests: Vec<Request> = (0..4)
        .map(|first| Request {
            to_length: true,
            ..Request::new((first * 50..first * 50 + 50).collect(), 120)
        })
        .collect();
    let config = EngineConfig {
        max_sequences: 4,
        cache_tokens: 256,
        ..plain()
    };
    let status = check(config, &requests);
    assert!(status.preemptions > 0, "{status:?}");
}

#[test]
fn requests_with_a_common_start_compute_it_once_even_at_the_same_time() {
    let requests: Vec<Request> = (0..4)
        .map(|last| Request::new((0..128).chain([200 + last]).collect(), 2))
        .collect();
    let config = EngineConfig {
        max_sequences: 4,
        cache_tokens: 1024,
        ..plain()
    };
    let engine = start(config);
    write_together(&engine, &requests);
    let status = at_rest(&engine);
    assert_eq!(status.prefix_hit_tokens, 3 * 128);
}

#[test]
fn qwen_and_quantised_weights_keep_the_same_promises() {
    use candle_core::quantized::GgmlDType;

    let formats = [
        (Architecture::Qwen2, RandomFormat::Dense(DType::F32)),
        (Architecture::Llama, RandomFormat::Dense(DType::BF16)),
        (
            Architecture::Llama,
            RandomFormat::Quantized(GgmlDType::Q8_0),
        ),
    ];
    for (architecture, format) in formats {
        let start = |config| {
            let model = Model::random(tiny_config(architecture), format, &Device::Cpu, 3);
            Engine::start(model.expect("a random model"), config).expect("an engine")
        };
        let requests: Vec<Request> = (1..6u32)
            .map(|number| Request::new((0..number * 17).map(|at| at % 23).collect(), 20))
            .collect();
        let alone: Vec<_> = requests
            .iter()
            .map(|request| write(&start(plain()), request).0)
            .collect();
        let busy = start(EngineConfig {
            max_sequences: 3,
            cache_tokens: 512,
            prefill_tokens_per_step: 40,
            lookup: true,
            lookup_always: true,
            ..plain()
        });
        assert_eq!(
            write_together(&busy, &requests),
            alone,
            "{architecture:?} {format:?}"
        );
        assert_eq!(
            write_together(&busy, &requests),
            alone,
            "{architecture:?} {format:?}"
        );
    }
}

#[test]
fn another_seed_draws_another_text() {
    let engine = start(plain());
    let drawn = |seed| {
        let request = Request {
            temperature: 1.0,
            seed,
            to_length: true,
            ..Request::new(vec![1, 2, 3], 30)
        };
        write(&engine, &request).0
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}
