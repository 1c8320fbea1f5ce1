//! Which server the model is on, and how long Sístole waits for it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of a model on another machine. Nothing is sent anywhere while `url` is empty. The
/// proxies that the environment names are not used, and a redirection is never followed: a
/// question goes to the server named here, or nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RemoteConfig {
    /// Where the server listens, `http://` or `https://`; a path before `/v1` may follow. Empty: no
    /// remote model is used.
    pub url: String,
    /// The model's name as the server lists it.
    pub model: String,
    /// Name of the environment variable that holds the server's key; the key itself never stands
    /// in a settings file. Empty: no key is sent.
    pub api_key_env: String,
    /// A PEM file with the hospital's own certification authorities, trusted besides those of the
    /// operating system. Empty: only those of the operating system.
    pub ca_file: PathBuf,
    /// How the server is told the grammar of an answer, if it can take one.
    pub grammar: GrammarDialect,
    /// Limit for the name look-up, the connection and the TLS handshake together.
    pub connect_timeout_ms: u64,
    /// Limit from the question sent to the first text of the answer: the server's queue and the
    /// reading of the prompt.
    pub first_token_timeout_ms: u64,
    /// Limit between two pieces of text.
    pub idle_timeout_ms: u64,
    /// Limit for everything together, with all its tries.
    pub total_timeout_ms: u64,
    /// The most answers asked of the server at once; one more is refused and never queued.
    pub max_in_flight: usize,
    /// The most further tries after a failure that happened before any text was seen.
    pub retries: u32,
    /// Failures in a row after which the server is left alone for a while.
    pub breaker_failures: u32,
    /// How long it is left alone before one question tries it again.
    pub breaker_open_ms: u64,
}

impl Default for RemoteConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            api_key_env: String::new(),
            ca_file: PathBuf::new(),
            grammar: GrammarDialect::None,
            connect_timeout_ms: 2_000,
            first_token_timeout_ms: 20_000,
            idle_timeout_ms: 15_000,
            total_timeout_ms: 120_000,
            max_in_flight: 32,
            retries: 2,
            breaker_failures: 5,
            breaker_open_ms: 10_000,
        }
    }
}

impl RemoteConfig {
    /// Whether a remote model was asked for at all.
    #[must_use]
    pub fn is_used(&self) -> bool {
        !self.url.is_empty()
    }
}

/// The field of the request in which a server takes a grammar. All three read the notation of
/// llama.cpp (GBNF); vLLM and SGLang through xgrammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum GrammarDialect {
    /// The server takes none (TGI, a gateway); the answer is only asked for in words.
    #[default]
    #[serde(rename = "none")]
    None,
    /// `structured_outputs.grammar`, vLLM 0.11 and later.
    #[serde(rename = "vllm")]
    Vllm,
    /// `ebnf`, SGLang.
    #[serde(rename = "sglang")]
    Sglang,
    /// `grammar`, the server of llama.cpp.
    #[serde(rename = "llama.cpp")]
    LlamaCpp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_name_nothing_use_no_remote_model() {
        let config: RemoteConfig = toml::from_str("").unwrap();
        assert_eq!(config, RemoteConfig::default());
        assert!(!config.is_used());
    }

    #[test]
    fn settings_survive_being_written_and_read() {
        let text = "url = \"http://10.0.0.7:8000\"\nmodel = \"alia\"\ngrammar = \"llama.cpp\"\n";
        let config: RemoteConfig = toml::from_str(text).unwrap();
        assert!(config.is_used());
        assert_eq!(config.grammar, GrammarDialect::LlamaCpp);
        let again: RemoteConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn a_misspelt_setting_is_refused() {
        for text in ["grammar = \"gbnf\"", "timeout_ms = 3", "retries = -1"] {
            assert!(toml::from_str::<RemoteConfig>(text).is_err(), "{text}");
        }
    }
}
