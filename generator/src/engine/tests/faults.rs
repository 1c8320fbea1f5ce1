//! Whatever fails, fails alone and by name, and the engine lives on.

use candle_core::Tensor;

use super::*;

fn lay(engine: &Engine, fault: Fault) {
    *engine.shared().fault.lock().expect("not poisoned") = Some(fault);
}

/// A fault fails the request at hand with `error`; the next one is served as ever.
fn check(fault: Fault, error: &GenerateError) {
    let engine = start(plain());
    let request = Request::new((0..100).collect(), 20);
    let before = write(&engine, &request).0;
    lay(&engine, fault);
    let failed = read(engine.generate(request.clone()).expect("taken"));
    assert_eq!(failed.err().as_ref(), Some(error));
    let status = at_rest(&engine);
    assert_eq!(status.blocks_free, status.blocks_total);
    assert_eq!(status.failed, 1);
    let (after, finished) = write(&engine, &request);
    assert_eq!(after, before);
    assert_eq!(
        finished.reused_tokens, 0,
        "no block is trusted after a fault"
    );
}

#[test]
fn a_panic_fails_its_request_only() {
    check(Fault::Panic, &GenerateError::Internal);
}

#[test]
fn a_device_that_fails_fails_its_request_only() {
    check(Fault::Device, &GenerateError::Device("broken".to_owned()));
}

#[test]
fn a_device_without_memory_says_so() {
    check(Fault::Memory, &GenerateError::OutOfMemory);
}

#[test]
fn who_was_not_in_the_step_that_failed_is_served() {
    let engine = start(EngineConfig {
        max_sequences: 2,
        prefill_tokens_per_step: 32,
        cache_tokens: 1024,
        ..plain()
    });
    let requests = [
        Request::new((0..100).collect(), 10),
        Request::new((100..200).collect(), 10),
    ];
    lay(&engine, Fault::Panic);
    let [first, second] = requests
        .clone()
        .map(|request| engine.generate(request).expect("taken"));
    assert_eq!(read(first).err(), Some(GenerateError::Internal));
    let alone = write_alone(&requests[1..]).remove(0);
    assert_eq!(read(second).expect("served").0, alone);
}

#[test]
fn values_that_are_no_numbers_fail_the_request_and_are_not_kept() {
    let mut model = tiny(Architecture::Llama);
    model.weights.norm = Tensor::full(f32::NAN, 64, &Device::Cpu).expect("a vector");
    let engine = Engine::start(model, plain()).expect("an engine");
    for _ in 0..2 {
        let generation = engine.generate(Request::new((0..100).collect(), 5));
        assert_eq!(
            read(generation.expect("taken")).err(),
            Some(GenerateError::NotFinite)
        );
    }
    let status = at_rest(&engine);
    assert_eq!((status.failed, status.prefix_hit_tokens), (2, 0));
    assert_eq!(status.blocks_free, status.blocks_total);
}
