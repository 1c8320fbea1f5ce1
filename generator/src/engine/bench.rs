//! How fast a model writes and reads on this machine.

use std::time::{Duration, Instant};

use super::config::EngineConfig;
use super::handle::{Engine, Generation};
use super::noise::noise;
use super::request::{EngineError, Event, Finished, GenerateError, Request};
use crate::model::{Model, Role, Turn};

/// Times each figure is taken; the median counts.
const REPEATS: usize = 5;

/// Share of a prompt that is known in the measure of prefix reuse.
const KNOWN: f64 = 0.9;

/// What a model is told to copy, to see what proposals save.
const COPIED: &str = "La dosis inicial de enoxaparina es de 40 mg al día por vía subcutánea. \
                      Se ajusta a 20 mg si el filtrado es menor de 30 ml/min.";

/// Tokens written while copying.
const COPIED_TOKENS: usize = 150;

/// A text that copies from its prompt, written with proposals and without. What is written is the same.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Copying {
    /// Tokens written.
    pub generated_tokens: usize,
    /// Steps without proposals.
    pub plain_steps: u64,
    /// Steps with proposals.
    pub steps: u64,
    /// Milliseconds from the first token to the last, without proposals.
    pub plain_ms: f64,
    /// The same with proposals.
    pub ms: f64,
}

/// What was measured: but for `copying`, with random tokens, no proposals and texts of fixed length.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct SpeedReport {
    /// Name of the model.
    pub model: String,
    /// Tokens of each prompt.
    pub prompt_tokens: usize,
    /// Tokens written after each.
    pub generated_tokens: usize,
    /// Users at once in the last two figures.
    pub users: usize,
    /// One user, a prompt never seen: milliseconds to the first token.
    pub cold_first_token_ms: f64,
    /// One user, nine tenths of the prompt seen before: milliseconds to the first token.
    pub prefix_hit_first_token_ms: f64,
    /// One user: prompt tokens read a second.
    pub prefill_tokens_per_second: f64,
    /// One user: tokens written a second after the first.
    pub decode_tokens_per_second: f64,
    /// All users together, prompts known: tokens written a second.
    pub users_decode_tokens_per_second: f64,
    /// All users together, prompts never seen: tokens written a second of the whole time.
    pub users_tokens_per_second: f64,
    /// All users together, prompts never seen: median milliseconds to the first token.
    pub users_first_token_ms: f64,
    /// Share of the time in steps that is spent outside of the model, 0 to 1.
    pub host_share: f64,
    /// One user, a text that copies; none where the window is too small for it.
    pub copying: Option<Copying>,
}

/// Why speed could not be measured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SpeedError {
    /// The engine did not take a request.
    #[error("el motor no admite la medida")]
    Engine(#[from] EngineError),
    /// A text was not finished.
    #[error("el motor no terminó la medida")]
    Generate(#[from] GenerateError),
    /// The model's template or tokenizer gives nothing.
    #[error("la plantilla o el tokenizador del modelo no sirven para la medida: {0}")]
    Prompt(String),
}

/// Measures how fast `model` reads prompts of `prompt_tokens` and writes `generated` tokens after
/// them, for one user and for `users` at once. The cache is sized for that, whatever the model
/// was loaded for.
///
/// # Errors
/// [`SpeedError`] for what does not fit in the window or in memory, and what the device says.
pub fn measure_speed(
    model: Model,
    prompt_tokens: usize,
    generated: usize,
    users: usize,
) -> Result<SpeedReport, SpeedError> {
    let (prompt_tokens, generated, users) = (prompt_tokens.max(1), generated.max(2), users.max(1));
    let base = if model.device.is_cpu() {
        EngineConfig::default()
    } else {
        EngineConfig::for_gpu()
    };
    let name = model.name().to_owned();
    let copied = copying_prompt(&model)?;
    let fits = copied.len() + COPIED_TOKENS <= model.context_tokens();
    let vocab = model.config().vocab;
    let config = EngineConfig {
        max_sequences: users,
        queue: users,
        cache_tokens: (users + 1) * (prompt_tokens + generated + 64) + copied.len() + COPIED_TOKENS,
        ..base
    };
    let engine = Engine::start(model, config)?;
    let mut course = Course {
        engine,
        vocab,
        drawn: 0,
    };
    course.serve_one(&course.prompt(prompt_tokens, 0), generated)?;

    let (mut cold, mut warm, mut decode) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let prompt = course.new_prompt(prompt_tokens);
        cold.push(course.serve_one(&prompt, 1)?.timings.prefill.as_secs_f64());
        let known = (prompt_tokens as f64 * KNOWN) as usize;
        let other = course.new_prompt(prompt_tokens - known);
        let begins_alike = [&prompt[..known], &other].concat();
        let finished = course.serve_one(&begins_alike, 1)?;
        warm.push(finished.timings.prefill.as_secs_f64());
        let finished = course.serve_one(&prompt, generated)?;
        decode.push((generated - 1) as f64 / finished.timings.decode.as_secs_f64());
    }

    let (mut together, mut first_tokens, mut known_together) = (Vec::new(), Vec::new(), Vec::new());
    let host_before = course.engine.status();
    for _ in 0..REPEATS.min(3) {
        let prompts: Vec<_> = (0..users)
            .map(|_| course.new_prompt(prompt_tokens))
            .collect();
        let (took, finished) = course.serve_all(&prompts, generated)?;
        let written = (users * generated) as f64;
        together.push(written / took.as_secs_f64());
        first_tokens.extend(finished.iter().map(|one| {
            let timings = one.timings;
            (timings.queued + timings.prefill).as_secs_f64()
        }));
        let (took, _) = course.serve_all(&prompts, generated)?;
        known_together.push(written / took.as_secs_f64());
    }
    let host_after = course.engine.status();
    let copying = fits.then(|| course.copy(&copied)).transpose()?;
    let cold = median(cold);
    Ok(SpeedReport {
        model: name,
        prompt_tokens,
        generated_tokens: generated,
        users,
        cold_first_token_ms: cold * 1e3,
        prefix_hit_first_token_ms: median(warm) * 1e3,
        prefill_tokens_per_second: prompt_tokens as f64 / cold,
        decode_tokens_per_second: median(decode),
        users_decode_tokens_per_second: median(known_together),
        users_tokens_per_second: median(together),
        users_first_token_ms: median(first_tokens) * 1e3,
        host_share: (host_after.host_seconds - host_before.host_seconds)
            / (host_after.busy_seconds - host_before.busy_seconds).max(1e-9),
        copying,
    })
}

/// The prompt of a text that copies, in the model's own template.
fn copying_prompt(model: &Model) -> Result<Vec<u32>, SpeedError> {
    let words = format!("Repite este texto palabra por palabra: {COPIED} {COPIED} {COPIED}");
    let turn = Turn {
        role: Role::User,
        content: &words,
    };
    let rendered = model
        .template
        .render_marked(&[turn], true, jiff::civil::date(2026, 1, 1))
        .map_err(|error| SpeedError::Prompt(error.to_string()))?;
    model
        .tokenizer
        .encode_rendered(&rendered.text, &rendered.data)
        .map_err(|error| SpeedError::Prompt(error.to_string()))
}

/// An engine and prompts that never repeat.
struct Course {
    engine: Engine,
    vocab: usize,
    drawn: u64,
}

impl Course {
    fn new_prompt(&mut self, tokens: usize) -> Vec<u32> {
        self.drawn += 1;
        self.prompt(tokens, self.drawn)
    }

    fn prompt(&self, tokens: usize, seed: u64) -> Vec<u32> {
        (0..tokens)
            .map(|position| (noise(seed, position) * self.vocab as f32) as u32)
            .map(|token| token.min(u32::try_from(self.vocab - 1).unwrap_or(0)))
            .collect()
    }

    /// Copies with and without proposals, by turns; the first time of each warms up.
    fn copy(&self, prompt: &[u32]) -> Result<Copying, SpeedError> {
        let mut copying = Copying {
            generated_tokens: COPIED_TOKENS,
            plain_steps: 0,
            steps: 0,
            plain_ms: 0.0,
            ms: 0.0,
        };
        for plain in [true, false, true, false] {
            let before = self.engine.status().steps;
            let request = Request {
                to_length: true,
                plain,
                ..Request::new(prompt.to_vec(), COPIED_TOKENS)
            };
            let finished = end_of(self.engine.generate(request)?)?;
            let steps = self.engine.status().steps - before;
            let took = finished.timings.decode.as_secs_f64() * 1e3;
            if plain {
                (copying.plain_steps, copying.plain_ms) = (steps, took);
            } else {
                (copying.steps, copying.ms) = (steps, took);
            }
        }
        Ok(copying)
    }

    fn ask(&self, prompt: &[u32], generated: usize) -> Result<Generation, SpeedError> {
        let request = Request {
            to_length: true,
            plain: true,
            ..Request::new(prompt.to_vec(), generated)
        };
        Ok(self.engine.generate(request)?)
    }

    fn serve_one(&self, prompt: &[u32], generated: usize) -> Result<Finished, SpeedError> {
        end_of(self.ask(prompt, generated)?)
    }

    fn serve_all(
        &self,
        prompts: &[Vec<u32>],
        generated: usize,
    ) -> Result<(Duration, Vec<Finished>), SpeedError> {
        let began = Instant::now();
        let asked: Result<Vec<_>, _> = prompts
            .iter()
            .map(|prompt| self.ask(prompt, generated))
            .collect();
        let finished: Result<Vec<_>, _> = asked?.into_iter().map(end_of).collect();
        Ok((began.elapsed(), finished?))
    }
}

fn end_of(mut generation: Generation) -> Result<Finished, SpeedError> {
    while let Some(event) = generation.blocking_next() {
        match event {
            Event::Tokens { .. } => {}
            Event::Finished(finished) => return Ok(finished),
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Err(GenerateError::Stopped.into())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
