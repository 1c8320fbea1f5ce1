//! generator — from evidence to an answer that can be checked. Steps: draft, verify.

mod compute;
mod draft;
mod engine;
mod extractive;
mod grammar;
mod model;
mod outcome;
mod prompt;
mod refusal;
mod remote;
mod store;
mod verify;
mod writer;

pub use draft::{Draft, DraftSentence, Mark, Weakness};
pub use engine::{
    Copying, Engine, EngineConfig, EngineError, EngineStatus, Event, FinishReason, Finished,
    GenerateError, Generation, ParityError, ParityReport, Request, SpeedError, SpeedReport,
    Timings, compare_with_cpu, measure_speed,
};
pub use extractive::{ExtractiveConfig, answer, draft};
pub use model::{
    Architecture, DeviceChoice, GgufError, LoadError, LoadOptions, MemoryPlan, Model, ModelConfig,
    Packing, Rope, RopeScaling, Shape, TemplateError, TokenizerError, UnknownShape,
};
pub use outcome::{DeclineReason, Outcome, Refusal};
pub use prompt::PromptError;
pub use remote::{
    Circuit, GrammarDialect, Remote, RemoteConfig, RemoteError, RemoteHealth, RemoteStatus,
};
pub use store::{
    Brought, Expected, ImportRequest, ListedModel, Manifest, ManifestError, ManifestFile,
    ModelStore, Preset, PullPlan, PullRequest, Recommended, StoreError, StoreProgress, StoredModel,
    presets,
};
pub use verify::{
    Answer, Citation, Gate, GroundingConfig, Rejected, Support, Tally, VerifiedSentence, verify,
};
pub use writer::{Mode, WriteError, Writer, WriterConfig, WriterParts, Written};
