//! Evaluation sets as the contract writes them.

use std::collections::HashSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::{Failure, FailureClass};

/// A set read whole.
#[derive(Debug)]
pub(super) struct EvalSet {
    /// Each is indexed as one document.
    pub(super) passages: Vec<SetPassage>,
    /// What is asked.
    pub(super) questions: Vec<SetQuestion>,
}

/// A line of `passages.jsonl`.
#[derive(Debug, Deserialize)]
pub(super) struct SetPassage {
    pub(super) id: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(default)]
    pub(super) language: Option<String>,
}

/// A line of `questions.jsonl`.
#[derive(Debug, Deserialize)]
pub(super) struct SetQuestion {
    pub(super) question: String,
    #[serde(default)]
    pub(super) passage_ids: Vec<String>,
    #[serde(default)]
    pub(super) answers: Vec<String>,
    #[serde(default = "yes")]
    pub(super) answerable: bool,
    #[serde(default)]
    pub(super) language: Option<String>,
}

const fn yes() -> bool {
    true
}

impl SetQuestion {
    /// The passages that answer it.
    pub(super) fn gold(&self) -> HashSet<&str> {
        self.passage_ids.iter().map(String::as_str).collect()
    }
}

impl EvalSet {
    /// Reads `passages.jsonl` and `questions.jsonl` of a folder.
    pub(super) fn load(folder: &Path) -> Result<Self, Failure> {
        let set = Self {
            passages: lines(&folder.join("passages.jsonl"))?,
            questions: lines(&folder.join("questions.jsonl"))?,
        };
        let mut ids = HashSet::new();
        match set
            .passages
            .iter()
            .find(|passage| !ids.insert(passage.id.as_str()))
        {
            Some(twice) => Err(invalid(format!(
                "el identificador {} está dos veces en passages.jsonl",
                twice.id
            ))),
            None => Ok(set),
        }
    }
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        invalid(format!("no se puede leer {}", path.display())).caused_by(error)
    })?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line).map_err(|error| {
                invalid(format!(
                    "la línea {} de {} no tiene la forma esperada",
                    number + 1,
                    path.display()
                ))
                .caused_by(error)
            })
        })
        .collect()
}

fn invalid(message: String) -> Failure {
    Failure::new(FailureClass::Usage, "set_invalid", message)
}
