//! The JSON of the OpenAI-compatible interface: what is sent, and what of the answer is read.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::config::GrammarDialect;
use super::error::{Malformed, RemoteError};

/// Who says a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ChatRole {
    /// The rules.
    System,
    /// The person who asks, with the passages.
    User,
}

/// What the server is asked for.
#[derive(Clone, Copy)]
pub(crate) struct ChatRequest<'a> {
    /// The turns, first to last; the server puts them into the model's own template.
    pub(crate) turns: &'a [(ChatRole, &'a str)],
    /// The most tokens of the answer.
    pub(crate) max_tokens: usize,
    /// 0 takes the likeliest token always; above it, tokens are drawn.
    pub(crate) temperature: f32,
    /// Seed of the sampling. Of no effect at temperature 0; sent all the same, so that a server that
    /// ignores the temperature is still repeatable. Its lower 31 bits are sent.
    pub(crate) seed: u64,
    /// Texts at which the answer ends, besides the model's own end of turn.
    pub(crate) stop: &'a [&'a str],
    /// The answer's grammar in the notation of llama.cpp (GBNF); sent if the server takes one.
    pub(crate) grammar: Option<&'a str>,
}

/// Sizes only: questions and documents are not for logs.
impl std::fmt::Debug for ChatRequest<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes: usize = self.turns.iter().map(|(_, content)| content.len()).sum();
        formatter
            .debug_struct("ChatRequest")
            .field("turns", &self.turns.len())
            .field("bytes", &bytes)
            .field("max_tokens", &self.max_tokens)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: StreamOptions,
    temperature: f32,
    max_tokens: usize,
    seed: u64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stop: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    structured_outputs: Option<StructuredOutputs<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ebnf: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grammar: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: ChatRole,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct StructuredOutputs<'a> {
    grammar: &'a str,
}

/// The body of the request.
pub(super) fn body(model: &str, request: &ChatRequest<'_>, dialect: GrammarDialect) -> String {
    let for_dialect = |wanted| request.grammar.filter(|_| dialect == wanted);
    let body = Body {
        model,
        messages: request
            .turns
            .iter()
            .map(|&(role, content)| Message { role, content })
            .collect(),
        stream: true,
        stream_options: StreamOptions {
            include_usage: true,
        },
        temperature: request.temperature,
        max_tokens: request.max_tokens,
        // llama.cpp reads 32 bits and takes all ones for "at random"; vLLM reads a signed number.
        seed: request.seed & 0x7fff_ffff,
        stop: request.stop,
        structured_outputs: for_dialect(GrammarDialect::Vllm)
            .map(|grammar| StructuredOutputs { grammar }),
        ebnf: for_dialect(GrammarDialect::Sglang),
        grammar: for_dialect(GrammarDialect::LlamaCpp),
    };
    serde_json::to_string(&body).expect("texts and numbers always have a JSON form")
}

/// Why the server ended the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FinishReason {
    /// The model had said everything.
    Stop,
    /// `max_tokens` were reached: the last sentence may be cut.
    Length,
}

/// What an answer cost, as the server counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Usage {
    /// Tokens of the prompt.
    pub(crate) prompt_tokens: u64,
    /// Of these, the ones that the server had computed before, where it tells.
    pub(crate) cached_tokens: Option<u64>,
    /// Tokens of the answer.
    pub(crate) completion_tokens: u64,
}

/// What one event of the stream says.
#[derive(Default)]
pub(super) struct Piece {
    pub(super) text: Option<String>,
    pub(super) finish: Option<FinishReason>,
    pub(super) usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    error: Option<IgnoredAny>,
    object: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default)]
    index: u64,
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

/// Reads one event. Fields that are not known are left aside (reasoning, log probabilities, tool
/// calls: none was asked for, and none is an answer).
pub(super) fn read_piece(data: &str) -> Result<Piece, RemoteError> {
    let chunk: Chunk =
        serde_json::from_str(data).map_err(|_| RemoteError::Malformed(Malformed::Json))?;
    if chunk.error.is_some() || chunk.object.as_deref() == Some("error") {
        return Err(RemoteError::Failed { status: None });
    }
    let mut piece = Piece {
        usage: chunk.usage.map(|usage| Usage {
            prompt_tokens: usage.prompt_tokens,
            cached_tokens: usage
                .prompt_tokens_details
                .and_then(|details| details.cached_tokens),
            completion_tokens: usage.completion_tokens,
        }),
        ..Piece::default()
    };
    let Some(choices) = chunk.choices else {
        // An object that says nothing we know is no part of an answer.
        return match piece.usage {
            Some(_) => Ok(piece),
            None => Err(RemoteError::Malformed(Malformed::Json)),
        };
    };
    let mut choices = choices.into_iter();
    if let Some(choice) = choices.next() {
        if choice.index != 0 || choices.next().is_some() {
            return Err(RemoteError::Malformed(Malformed::Order));
        }
        piece.text = choice
            .delta
            .and_then(|delta| delta.content)
            .filter(|text| !text.is_empty());
        piece.finish = match choice.finish_reason.as_deref() {
            None | Some("") => None,
            Some("stop" | "eos_token" | "stop_sequence") => Some(FinishReason::Stop),
            Some("length") => Some(FinishReason::Length),
            // A filter, a tool call, an abort: whatever came so far is no whole answer.
            Some(_) => return Err(RemoteError::Unfinished),
        };
    }
    Ok(piece)
}

/// Whether a refusal speaks of the length of the prompt. Its text is looked at and not kept.
pub(super) fn speaks_of_length(refusal: &[u8]) -> bool {
    let refusal = String::from_utf8_lossy(refusal).to_lowercase();
    [
        "context length",
        "context_length",
        "context size",
        "context_size",
        "max_new_tokens` must be",
        "maximum input length",
    ]
    .iter()
    .any(|sign| refusal.contains(sign))
}

/// Whether a whole JSON document is an error object.
pub(super) fn is_error_object(document: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Document {
        error: Option<IgnoredAny>,
        object: Option<String>,
    }
    serde_json::from_slice::<Document>(document).is_ok_and(|document| {
        document.error.is_some() || document.object.as_deref() == Some("error")
    })
}

/// One model of the server's list.
#[derive(Deserialize)]
pub(super) struct ListedModel {
    pub(super) id: String,
    /// The window, where the server tells (vLLM, SGLang).
    pub(super) max_model_len: Option<usize>,
}

/// The models that the server lists.
pub(super) fn read_models(document: &[u8]) -> Result<Vec<ListedModel>, RemoteError> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<ListedModel>,
    }
    serde_json::from_slice::<List>(document)
        .map(|list| list.data)
        .map_err(|_| RemoteError::Malformed(Malformed::Json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(turns: &'a [(ChatRole, &'a str)]) -> ChatRequest<'a> {
        ChatRequest {
            turns,
            max_tokens: 64,
            temperature: 0.0,
            seed: u64::MAX,
            stop: &[],
            grammar: Some("root ::= \"a\""),
        }
    }

    #[test]
    fn a_request_says_all_that_makes_an_answer_repeatable() {
        let turns = [
            (ChatRole::System, "Reglas"),
            (ChatRole::User, "¿Dosis \"x\"?\n"),
        ];
        let body = body("alia", &request(&turns), GrammarDialect::None);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let expected = serde_json::json!({
            "model": "alia",
            "messages": [
                {"role": "system", "content": "Reglas"},
                {"role": "user", "content": "¿Dosis \"x\"?\n"},
            ],
            "stream": true,
            "stream_options": {"include_usage": true},
            "temperature": 0.0,
            "max_tokens": 64,
            "seed": 0x7fff_ffff,
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn a_grammar_goes_where_the_server_looks_for_it() {
        for (dialect, pointer) in [
            (GrammarDialect::Vllm, "/structured_outputs/grammar"),
            (GrammarDialect::Sglang, "/ebnf"),
            (GrammarDialect::LlamaCpp, "/grammar"),
        ] {
            let body = body("m", &request(&[]), dialect);
            assert_eq!(body.matches("root ::=").count(), 1);
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body.pointer(pointer).unwrap(), "root ::= \"a\"");
        }
    }

    fn read(data: &str) -> Result<(Option<String>, Option<FinishReason>), &'static str> {
        read_piece(data)
            .map(|piece| (piece.text, piece.finish))
            .map_err(|error| error.code())
    }

    #[test]
    fn pieces_of_four_servers_are_read() {
        let text = |text: &str| Ok((Some(text.to_owned()), None));
        for (data, expected) in [
            // vLLM: a first piece with the role, then text, then usage without choices.
            (
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
                Ok((None, None)),
            ),
            (
                r#"{"choices":[{"index":0,"delta":{"content":" mg"},"logprobs":null}],"usage":null}"#,
                text(" mg"),
            ),
            (
                r#"{"choices":[],"usage":{"prompt_tokens":9,"total_tokens":12,"completion_tokens":3}}"#,
                Ok((None, None)),
            ),
            // SGLang: an empty text, and reasoning apart.
            (
                r#"{"choices":[{"index":0,"delta":{"content":"","reasoning_content":"x"},"finish_reason":"","matched_stop":null}]}"#,
                Ok((None, None)),
            ),
            // llama.cpp: content null at first, an empty delta at the end, timings.
            (
                r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":null}}]}"#,
                Ok((None, None)),
            ),
            (
                r#"{"choices":[{"finish_reason":"length","index":0,"delta":{}}],"timings":{"predicted_n":3}}"#,
                Ok((None, Some(FinishReason::Length))),
            ),
            // TGI: the last text and the reason together.
            (
                r#"{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":"."},"finish_reason":"eos_token"}]}"#,
                Ok((Some(".".to_owned()), Some(FinishReason::Stop))),
            ),
        ] {
            assert_eq!(read(data), expected, "{data}");
        }
    }

    #[test]
    fn what_is_no_piece_of_an_answer_is_an_error() {
        for (data, expected) in [
            ("", "remote_malformed_json"),
            ("{}", "remote_malformed_json"),
            ("[1]", "remote_malformed_json"),
            ("{\"choices\":", "remote_malformed_json"),
            (
                r#"{"choices":[{"delta":{"content":7}}]}"#,
                "remote_malformed_json",
            ),
            (
                r#"{"choices":[{"delta":{"content":"\ud800"}}]}"#,
                "remote_malformed_json",
            ),
            (
                r#"{"choices":[{"index":1,"delta":{"content":"a"}}]}"#,
                "remote_malformed_order",
            ),
            (
                r#"{"choices":[{"delta":{}},{"delta":{}}]}"#,
                "remote_malformed_order",
            ),
            (
                r#"{"error":{"message":"boom","code":500}}"#,
                "remote_failed",
            ),
            (r#"{"object":"error","message":"boom"}"#, "remote_failed"),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#,
                "remote_unfinished",
            ),
            (
                r#"{"choices":[{"delta":{},"finish_reason":"abort"}]}"#,
                "remote_unfinished",
            ),
        ] {
            assert_eq!(read(data).unwrap_err(), expected, "{data}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep).unwrap_err(), "remote_malformed_json");
    }

    #[test]
    fn usage_tells_what_was_reused_where_the_server_says_so() {
        let data = r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":8}}}"#;
        let expected = Usage {
            prompt_tokens: 9,
            cached_tokens: Some(8),
            completion_tokens: 3,
        };
        assert_eq!(read_piece(data).unwrap().usage, Some(expected));
    }

    #[test]
    fn a_refusal_for_length_is_told_from_others() {
        for refusal in [
            r#"{"message":"This model's maximum context length is 8192 tokens. However…"}"#,
            r#"{"error":{"type":"exceed_context_size_error"}}"#,
            r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096"}"#,
        ] {
            assert!(speaks_of_length(refusal.as_bytes()), "{refusal}");
        }
        assert!(!speaks_of_length(b"{\"error\":\"unknown field\"}\xff"));
    }
}
