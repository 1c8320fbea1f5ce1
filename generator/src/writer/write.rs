//! One answer: relevance, prompt, text, sentences, gates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Analyzer, Evidence, EvidencePassage, PassageId, Question};
use jiff::civil::Date;
use tokio::time::timeout_at;

use super::flow::{Flow, Piece};
use super::{WriteError, WriterConfig};
use crate::engine::{Engine, EngineConfig, EngineError, EngineStatus, Request};
use crate::extractive::{ExtractiveConfig, Relevance};
use crate::grammar::{Grammar, SentenceStream, Vocabulary};
use crate::model::{ChatTemplate, MemoryPlan, Model, ModelTokenizer, StreamDecoder};
use crate::prompt::{Prompt, PromptRequest, Turns};
use crate::refusal::refuse;
use crate::remote::{ChatRequest, ChatRole, Remote};
use crate::verify::{Claimed, Gate, GroundingConfig, Tally, VerifiedSentence, Verifier};
use crate::{DeclineReason, Outcome, Weakness};

/// Where a model runs, as the contract names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On this machine.
    Local,
    /// On another.
    Remote,
}

impl Mode {
    /// The name in the contract.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Remote => "remote",
        }
    }
}

/// What a writer works with beside its model.
#[derive(Debug, Clone)]
pub struct WriterParts {
    /// Cuts texts into terms.
    pub analyzer: Arc<Analyzer>,
    /// What counts as speaking of the question.
    pub extractive: ExtractiveConfig,
    /// The gates.
    pub grounding: GroundingConfig,
    /// What an answer may take.
    pub config: WriterConfig,
}

/// What came of a question put to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The answer, or why there is none.
    pub outcome: Outcome,
    /// What became of the model's sentences.
    pub tally: Tally,
    /// A limit of time or length was reached before the model had finished.
    pub is_cut_short: bool,
    /// Time the gates took.
    pub verifying: Duration,
}

impl Written {
    fn declined(
        reason: DeclineReason,
        question: &Question,
        nearest: &[PassageId],
        evidence: &Evidence,
    ) -> Self {
        let refusal = refuse(reason, question.language(), nearest, evidence);
        Self {
            outcome: Outcome::Declined(refusal),
            tally: Tally::default(),
            is_cut_short: false,
            verifying: Duration::ZERO,
        }
    }
}

/// Answers questions in a model's words. Nothing it has not verified leaves it.
pub struct Writer {
    pen: Pen,
    parts: WriterParts,
}

enum Pen {
    Local(Box<Local>),
    Remote(Box<Remote>),
}

/// A model on this machine at work.
struct Local {
    engine: Engine,
    tokenizer: Arc<ModelTokenizer>,
    template: ChatTemplate,
    vocabulary: Arc<Vocabulary>,
    name: String,
    plan: MemoryPlan,
}

/// How one attempt at an answer ended.
struct Ended {
    refused: bool,
    is_cut_short: bool,
    verifying: Duration,
}

impl Writer {
    /// Starts a model on this machine.
    ///
    /// # Errors
    /// Its thread or its cache cannot be made.
    pub fn local(
        model: Model,
        config: EngineConfig,
        parts: WriterParts,
    ) -> Result<Self, EngineError> {
        let tokenizer = Arc::clone(&model.tokenizer);
        let vocabulary = Vocabulary::new(Arc::clone(&tokenizer), &model.config.stop_ids);
        let local = Local {
            tokenizer,
            template: model.template.clone(),
            vocabulary: Arc::new(vocabulary),
            name: model.name().to_owned(),
            plan: *model.plan(),
            engine: Engine::start(model, config)?,
        };
        Ok(Self {
            pen: Pen::Local(Box::new(local)),
            parts,
        })
    }

    /// Uses a model on another machine.
    #[must_use]
    pub fn remote(remote: Remote, parts: WriterParts) -> Self {
        Self {
            pen: Pen::Remote(Box::new(remote)),
            parts,
        }
    }

    /// Where the model runs.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        match self.pen {
            Pen::Local(_) => Mode::Local,
            Pen::Remote(_) => Mode::Remote,
        }
    }

    /// The model's name.
    #[must_use]
    pub fn model(&self) -> &str {
        match &self.pen {
            Pen::Local(local) => &local.name,
            Pen::Remote(remote) => remote.model(),
        }
    }

    /// The seed of its sampling.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.parts.config.seed
    }

    /// What the model of this machine takes.
    #[must_use]
    pub fn memory(&self) -> Option<MemoryPlan> {
        match &self.pen {
            Pen::Local(local) => Some(local.plan),
            Pen::Remote(_) => None,
        }
    }

    /// Where the engine of this machine stands.
    #[must_use]
    pub fn engine_status(&self) -> Option<EngineStatus> {
        match &self.pen {
            Pen::Local(local) => Some(local.engine.status()),
            Pen::Remote(_) => None,
        }
    }

    /// The other machine's model, where that is what answers.
    #[must_use]
    pub fn remote_model(&self) -> Option<&Remote> {
        match &self.pen {
            Pen::Local(_) => None,
            Pen::Remote(remote) => Some(remote),
        }
    }

    /// Answers a question from the evidence. Each sentence is given to `show` once it has passed
    /// every gate, and only then. Dropping the future stops the model.
    ///
    /// What the evidence does not speak of is declined before the model is asked. A model that
    /// answers in another language is asked once more.
    ///
    /// # Errors
    /// [`WriteError`], only while nothing has been shown: quotations can then stand in.
    pub async fn write(
        &self,
        question: &Question,
        evidence: &Arc<Evidence>,
        today: Date,
        show: &mut (dyn FnMut(&VerifiedSentence) + Send),
    ) -> Result<Written, WriteError> {
        let deadline = Instant::now() + Duration::from_millis(self.parts.config.time_limit_ms);
        let relevance = match self.relevance(question, evidence).await? {
            Ok(relevance) => relevance,
            Err(weakness) => {
                let (reason, nearest) = (weakness.reason, &weakness.nearest);
                return Ok(Written::declined(reason, question, nearest, evidence));
            }
        };
        let offered = self.offered(&relevance, evidence);
        let mut verifying = Duration::ZERO;
        for is_last in [false, true] {
            let mut verifier = Verifier::new(
                evidence,
                &self.parts.analyzer,
                question.language(),
                &relevance,
                self.parts.grounding.clone(),
            );
            let draft = Draft {
                question,
                offered: &offered,
                today,
                is_second: is_last,
                deadline,
            };
            let ended = match self.draft(&draft, &mut verifier, show).await {
                Ok(ended) => ended,
                // What has been shown cannot be taken back: it ends here, and says so.
                Err(error) if verifier.shown() > 0 => {
                    tracing::warn!(code = error.code(), "the model's answer broke off");
                    Ended {
                        refused: false,
                        is_cut_short: true,
                        verifying: Duration::ZERO,
                    }
                }
                Err(error) => return Err(error),
            };
            verifying += ended.verifying;
            if ended.refused && verifier.shown() == 0 {
                let nearest: Vec<PassageId> = relevance
                    .passages()
                    .take(self.parts.extractive.max_nearest)
                    .collect();
                let reason = DeclineReason::NotStated;
                return Ok(Written::declined(reason, question, &nearest, evidence));
            }
            let foreign = verifier.tally().turned_away.contains_key(&Gate::Language);
            if verifier.shown() == 0 && foreign && !is_last {
                continue;
            }
            let (answer, tally) = verifier.finish();
            return match answer {
                Some(answer) => Ok(Written {
                    outcome: Outcome::Answered(answer),
                    tally,
                    is_cut_short: ended.is_cut_short,
                    verifying,
                }),
                None => Err(WriteError::NotVerified(tally)),
            };
        }
        Err(WriteError::Internal)
    }

    async fn relevance(
        &self,
        question: &Question,
        evidence: &Arc<Evidence>,
    ) -> Result<Result<Relevance, Weakness>, WriteError> {
        let (question, evidence) = (question.clone(), Arc::clone(evidence));
        let analyzer = Arc::clone(&self.parts.analyzer);
        let config = self.parts.extractive.clone();
        let read = move || Relevance::of(&question, &evidence, &analyzer, &config);
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|_| WriteError::Internal)
    }

    /// The passages to be offered, best first: those that speak of the question before those that
    /// only rank high.
    fn offered(&self, relevance: &Relevance, evidence: &Evidence) -> Vec<EvidencePassage> {
        let mut ids: Vec<PassageId> = relevance.passages().collect();
        for offered in &evidence.passages {
            if !ids.contains(&offered.passage.id) {
                ids.push(offered.passage.id);
            }
        }
        ids.truncate(self.parts.config.max_passages);
        ids.into_iter()
            .filter_map(|id| evidence.find(id))
            .cloned()
            .collect()
    }

    /// One attempt: the model's text, cut into sentences and checked as it comes.
    async fn draft(
        &self,
        draft: &Draft<'_>,
        verifier: &mut Verifier<'_>,
        show: &mut (dyn FnMut(&VerifiedSentence) + Send),
    ) -> Result<Ended, WriteError> {
        let (mut flow, marks, refusal) = timeout_at(draft.deadline.into(), self.start(draft))
            .await
            .map_err(|_| WriteError::TimedOut)??;
        let mut sentences = SentenceStream::new(marks.len());
        let mut text = String::new();
        let mut ended = Ended {
            refused: false,
            is_cut_short: false,
            verifying: Duration::ZERO,
        };
        loop {
            let (found, is_end) = match timeout_at(draft.deadline.into(), flow.next()).await {
                Ok(Ok(Piece::Text(piece))) => {
                    text.push_str(&piece);
                    (sentences.push(&piece), false)
                }
                Ok(Ok(Piece::End { is_whole })) => {
                    ended.is_cut_short = !is_whole;
                    let last = std::mem::replace(&mut sentences, SentenceStream::new(0)).finish();
                    // A sentence that was cut off is no sentence.
                    (last.into_iter().filter(|_| is_whole).collect(), true)
                }
                Ok(Err(error)) => return Err(error),
                Err(_) if verifier.shown() == 0 => return Err(WriteError::TimedOut),
                Err(_) => {
                    ended.is_cut_short = true;
                    (Vec::new(), true)
                }
            };
            let checking = Instant::now();
            for sentence in &found {
                if same_words(&sentence.text, &refusal) {
                    continue;
                }
                let passages = sentence
                    .marks
                    .iter()
                    .filter_map(|mark| marks.get(mark.checked_sub(1)?).copied());
                let claimed = Claimed {
                    text: &sentence.text,
                    passages: passages.collect(),
                    new_line: sentence.new_line,
                };
                for verified in verifier.check(&claimed) {
                    show(verified);
                }
            }
            ended.verifying += checking.elapsed();
            let foreign = verifier.tally().turned_away.get(&Gate::Language);
            let is_foreign = verifier.shown() == 0 && foreign.is_some_and(|times| *times >= 2);
            if is_end || is_foreign {
                ended.refused = same_words(&text, &refusal);
                return Ok(ended);
            }
        }
    }

    /// Puts the question to the model. Gives its text to come, the passage of each mark, and the
    /// sentence of refusal.
    async fn start(&self, draft: &Draft<'_>) -> Result<(Flow, Vec<PassageId>, String), WriteError> {
        let config = &self.parts.config;
        let request = PromptRequest {
            question: draft.question.text(),
            language: draft.question.language(),
            passages: draft.offered,
            today: draft.today,
            system: None,
            insists_on_language: draft.is_second,
        };
        match &self.pen {
            Pen::Local(local) => {
                let window = local.engine.window_tokens();
                let budget = config
                    .prompt_tokens
                    .min(window.saturating_sub(config.answer_tokens));
                let prompt = Prompt::build(&local.template, &local.tokenizer, &request, budget)?;
                let grammar =
                    Grammar::new(&local.vocabulary, prompt.offered.len(), &prompt.refusal);
                let mut asked = Request::new(prompt.tokens, config.answer_tokens);
                asked.grammar = Some(Arc::new(grammar));
                asked.temperature = config.temperature;
                asked.seed = config.seed;
                let flow = Flow::Local {
                    generation: local.engine.generate(asked)?,
                    tokenizer: Arc::clone(&local.tokenizer),
                    decoder: StreamDecoder::new(),
                };
                Ok((flow, prompt.offered, prompt.refusal))
            }
            Pen::Remote(remote) => {
                let turns = Turns::build(&request, config.prompt_tokens)?;
                let grammar = gbnf(turns.offered.len(), &turns.refusal);
                let chat = ChatRequest {
                    turns: &[
                        (ChatRole::System, &turns.system),
                        (ChatRole::User, &turns.user),
                    ],
                    max_tokens: config.answer_tokens,
                    temperature: config.temperature,
                    seed: config.seed,
                    stop: &[],
                    grammar: Some(&grammar),
                };
                let stream = remote.chat(&chat).await?;
                Ok((Flow::Remote(Box::new(stream)), turns.offered, turns.refusal))
            }
        }
    }
}

/// What one attempt at an answer is made from.
struct Draft<'a> {
    question: &'a Question,
    offered: &'a [EvidencePassage],
    today: Date,
    is_second: bool,
    deadline: Instant,
}

/// Whether two texts are the same but for case, marks and what surrounds them.
fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| {
        let folded = domain::fold(text);
        let bare = folded.split('[').next().unwrap_or_default().to_owned();
        bare.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    words(one) == words(other)
}

/// The grammar of an answer for a server that takes one, in the notation of llama.cpp: sentences
/// that end in marks, or the refusal. A `<` opens nothing but a comparison. Looser than the automaton used on this machine; the gates
/// are the same.
fn gbnf(marks: usize, refusal: &str) -> String {
    let numbers: Vec<String> = (1..=marks).map(|mark| format!("\"{mark}\"")).collect();
    format!(
        "root ::= \"{refusal}\" | sentence+\n\
         sentence ::= piece+ mark+ [ \\n]*\n\
         piece ::= [^\\[\\]<`\\n] | \"<\" \" \"? [0-9=]\n\
         mark ::= \"[\" ({}) \"]\"\n",
        numbers.join(" | ")
    )
}
