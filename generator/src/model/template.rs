//! The model's own chat template, rendered as transformers renders it.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use jiff::civil::Date;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value};

/// Why a template gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Its file cannot be read.
    #[error("no se puede leer la plantilla de conversación del modelo: compruebe sus ficheros")]
    Read(#[source] std::io::Error),
    /// The file that should hold it is not what it says.
    #[error("la configuración del tokenizador está dañada: vuelva a descargar el modelo")]
    Config(#[source] serde_json::Error),
    /// It is not Jinja, or uses what is not known here.
    #[error("la plantilla de conversación del modelo no es válida: revise chat_template")]
    Syntax(#[source] minijinja::Error),
    /// It refused the turns with `raise_exception`.
    #[error(
        "la plantilla de conversación del modelo rechaza la conversación: revise chat_template"
    )]
    Raised(#[source] minijinja::Error),
    /// It runs without end, or makes a text without end.
    #[error("la plantilla de conversación del modelo no termina: revise chat_template")]
    Endless,
    /// It failed while it ran.
    #[error("la plantilla de conversación del modelo falla: revise chat_template")]
    Failed(#[source] minijinja::Error),
    /// It left out a turn: without it the model would answer from nothing.
    #[error(
        "la plantilla de conversación del modelo omite parte de la conversación: revise chat_template"
    )]
    DropsTurn,
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The rules.
    System,
    /// The passages and the question.
    User,
    /// The model.
    #[cfg(test)]
    Assistant,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            #[cfg(test)]
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn<'a> {
    /// Who speaks.
    pub(crate) role: Role,
    /// The words.
    pub(crate) content: &'a str,
}

/// A conversation as the model reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// All of it.
    pub(crate) text: String,
    /// The bytes that are the words of turns, in order: no control token is read there.
    pub(crate) data: Vec<Range<usize>>,
}

/// What a model whose files bring no template is taken to speak.
const CHAT_ML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const NAME: &str = "chat_template";
/// Instructions of the template's machine; the longest published templates use some thousands.
const FUEL: u64 = 2_000_000;
/// Bytes a template may add to the words of the turns.
const MAX_ADDED_BYTES: usize = 64 * 1024;
/// Bytes of a template.
const MAX_TEMPLATE_BYTES: usize = 1024 * 1024;

/// A compiled chat template.
#[derive(Clone)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// Compiles `source`.
    pub(crate) fn new(
        source: &str,
        bos_token: &str,
        eos_token: &str,
    ) -> Result<Self, TemplateError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(TemplateError::Endless);
        }
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(TemplateError::Syntax)?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<Value, Error> {
                Err(Error::new(ErrorKind::InvalidOperation, message).with_source(RaisedByTemplate))
            },
        );
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(TemplateError::Syntax)?;
        Ok(Self {
            environment,
            bos_token: bos_token.to_owned(),
            eos_token: eos_token.to_owned(),
        })
    }

    /// `<|im_start|>role … <|im_end|>`, for models that bring no template.
    pub(crate) fn chat_ml() -> Result<Self, TemplateError> {
        Self::new(CHAT_ML, "", "")
    }

    /// The template of a published folder: `chat_template.jinja`, or that of
    /// `chat_template.json` or `tokenizer_config.json`. `None` where there is none. Begin and end of
    /// a text are `ends` where `tokenizer_config.json` does not speak of them.
    pub(crate) fn from_folder(
        folder: &Path,
        ends: [&str; 2],
    ) -> Result<Option<Self>, TemplateError> {
        let config = json(&folder.join("tokenizer_config.json"))?;
        let [bos, eos] = [("bos_token", ends[0]), ("eos_token", ends[1])]
            .map(|(key, other)| config.get(key).map_or_else(|| other.to_owned(), token_text));
        let source = match read(&folder.join("chat_template.jinja"))? {
            Some(source) => Some(source),
            None => match template_text(&json(&folder.join("chat_template.json"))?) {
                Some(source) => Some(source),
                None => template_text(&config),
            },
        };
        source
            .map(|source| Self::new(&source, &bos, &eos))
            .transpose()
    }

    /// The conversation as text, and which of it are the words of the turns.
    pub(crate) fn render_marked(
        &self,
        turns: &[Turn<'_>],
        add_generation_prompt: bool,
        today: Date,
    ) -> Result<Rendered, TemplateError> {
        // The template sees a name for each turn's words, so that nothing in them can act on it,
        // and it cannot act on them; the names are not to be guessed by whoever wrote the words.
        let names: Vec<String> = turns
            .iter()
            .map(|_| format!("contenido{:032x}", rand::random::<u128>()))
            .collect();
        let messages: Vec<Value> = turns
            .iter()
            .zip(&names)
            .map(|(turn, name)| {
                Value::from_pairs([
                    ("role", Value::from(turn.role.name())),
                    ("content", Value::from(name.as_str())),
                ])
            })
            .collect();
        let context = Value::from_pairs([
            ("messages", Value::from(messages)),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
            ("bos_token", Value::from(self.bos_token.as_str())),
            ("eos_token", Value::from(self.eos_token.as_str())),
            ("date_string", Value::from(today.to_string())),
            (
                "strftime_now",
                Value::from_function(move |format: String| strftime(today, &format)),
            ),
        ]);
        let template = self
            .environment
            .get_template(NAME)
            .map_err(TemplateError::Syntax)?;
        let mut output = Limited::default();
        template
            .render_captured_to(context, &mut output)
            .map_err(failure)?;
        let text = String::from_utf8(output.written).map_err(|_| TemplateError::Endless)?;
        fill(&text, turns, &names)
    }
}

/// Puts the words of the turns where their names stand.
fn fill(text: &str, turns: &[Turn<'_>], names: &[String]) -> Result<Rendered, TemplateError> {
    let mut rendered = Rendered {
        text: String::with_capacity(text.len()),
        data: Vec::new(),
    };
    let mut seen = vec![false; turns.len()];
    let mut rest = text;
    while let Some((at, turn)) = first_name(rest, names) {
        rendered.text.push_str(&rest[..at]);
        let start = rendered.text.len();
        rendered.text.push_str(turns[turn].content);
        rendered.data.push(start..rendered.text.len());
        seen[turn] = true;
        rest = &rest[at + names[turn].len()..];
    }
    rendered.text.push_str(rest);
    if seen.contains(&false) {
        return Err(TemplateError::DropsTurn);
    }
    Ok(rendered)
}

fn first_name(text: &str, names: &[String]) -> Option<(usize, usize)> {
    names
        .iter()
        .enumerate()
        .filter_map(|(turn, name)| text.find(name.as_str()).map(|at| (at, turn)))
        .min()
}

fn failure(error: Error) -> TemplateError {
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        if cause.is::<RaisedByTemplate>() {
            return TemplateError::Raised(error);
        }
        source = cause.source();
    }
    match error.kind() {
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => TemplateError::Endless,
        ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => {
            TemplateError::Syntax(error)
        }
        _ => TemplateError::Failed(error),
    }
}

/// Told apart from the machine's own errors.
#[derive(Debug)]
struct RaisedByTemplate;

impl fmt::Display for RaisedByTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("raise_exception")
    }
}

impl std::error::Error for RaisedByTemplate {}

/// Takes so much and no more.
#[derive(Default)]
struct Limited {
    written: Vec<u8>,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.written.len() + bytes.len() > MAX_ADDED_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Python's `strftime` on a day at midnight; what the format asks for and is not known stays out.
fn strftime(today: Date, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, today.at(0, 0, 0, 0))
        .map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn read(path: &Path) -> Result<Option<String>, TemplateError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TemplateError::Read(error)),
    }
}

/// A JSON file, or `null` where there is none.
fn json(path: &Path) -> Result<serde_json::Value, TemplateError> {
    match read(path)? {
        Some(text) => serde_json::from_str(&text).map_err(TemplateError::Config),
        None => Ok(serde_json::Value::Null),
    }
}

/// A special token is written as a string or as an object that holds it.
fn token_text(value: &serde_json::Value) -> String {
    value
        .as_str()
        .or_else(|| value["content"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// One template, or the one named `default` of several.
fn template_text(config: &serde_json::Value) -> Option<String> {
    let template = &config["chat_template"];
    let named = || {
        template
            .as_array()?
            .iter()
            .find(|one| one["name"] == "default")?["template"]
            .as_str()
    };
    template.as_str().or_else(named).map(str::to_owned)
}

#[cfg(test)]
mod tests;
