//! What can go wrong with a model on another machine, and who must act.

use std::time::Duration;

use thiserror::Error;

/// Why the remote model did not answer. No variant holds text of a question, a prompt or an
/// answer, nor what the server wrote: servers echo what they were sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The address in the settings cannot be used.
    #[error(
        "La dirección del servidor del modelo no es válida: escriba http:// o https://, el nombre \
         y, si hace falta, el puerto, sin usuario ni contraseña."
    )]
    InvalidUrl,
    /// No model is named in the settings.
    #[error("Falta el nombre del modelo remoto: escríbalo tal como lo anuncia su servidor.")]
    MissingModel,
    /// A number in the settings is outside what makes sense.
    #[error("El ajuste «{setting}» del modelo remoto debe estar entre {least} y {most}.")]
    InvalidSetting {
        /// The setting's name.
        setting: &'static str,
        /// The least allowed.
        least: u64,
        /// The most allowed.
        most: u64,
    },
    /// The environment variable that should hold the key is absent, empty or no key.
    #[error(
        "La variable de entorno «{variable}», que debe contener la clave del servidor del modelo, \
         falta o no contiene una clave válida."
    )]
    MissingKey {
        /// The variable's name.
        variable: String,
    },
    /// The file with certification authorities cannot be read, or holds none.
    #[error(
        "El fichero de autoridades de certificación del modelo remoto no se puede leer o no \
         contiene ningún certificado en formato PEM."
    )]
    Authorities {
        /// Why, where the file was read.
        #[source]
        source: Option<BoxError>,
    },
    /// TLS cannot be set up at all on this machine.
    #[error(
        "No se ha podido preparar la conexión cifrada: instale los certificados del sistema o \
         indique un fichero de autoridades de certificación."
    )]
    NoAuthorities {
        /// Why.
        #[source]
        source: Option<BoxError>,
    },

    /// As many answers as allowed are being asked of the server already.
    #[error("El modelo remoto ya atiende todas las consultas que admite: inténtelo de nuevo.")]
    Full,
    /// The server failed several times in a row and is left alone for a while.
    #[error("El servidor del modelo ha fallado varias veces seguidas y se está dejando descansar.")]
    Resting {
        /// How long until it is tried again.
        retry_in: Duration,
    },

    /// No connection: wrong name or port, the server is down, a firewall.
    #[error("No se puede conectar con el servidor del modelo: compruebe que está en marcha.")]
    Unreachable {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The server's certificate is not trusted, or the handshake failed.
    #[error(
        "No se ha podido establecer una conexión cifrada de confianza con el servidor del modelo: \
         revise su certificado."
    )]
    Untrusted {
        /// What TLS said.
        #[source]
        source: std::io::Error,
    },
    /// One of the time limits passed.
    #[error("El servidor del modelo ha tardado demasiado {0}.")]
    Timeout(Phase),

    /// The server points elsewhere. Redirections are never followed.
    #[error(
        "El servidor del modelo remite a otra dirección (estado {status}): escriba en los ajustes \
         la dirección definitiva."
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// The server wants a key, or another one.
    #[error("El servidor del modelo no acepta la clave (estado {status}): revísela.")]
    Unauthorised {
        /// The HTTP status.
        status: u16,
    },
    /// The server knows no such model, or the address is not that of such a server.
    #[error("El servidor no conoce ese modelo o esa ruta: revise la dirección y el nombre.")]
    NotFound,
    /// The prompt is longer than the model's window.
    #[error("La consulta con sus documentos no cabe en la ventana del modelo remoto.")]
    PromptTooLong,
    /// The server refuses the request for another reason: an unknown field, a grammar it does not
    /// take.
    #[error(
        "El servidor del modelo rechaza la petición (estado {status}): revise que admite los \
         ajustes configurados."
    )]
    Rejected {
        /// The HTTP status.
        status: u16,
    },
    /// The server has too much to do (429).
    #[error("El servidor del modelo está saturado: inténtelo de nuevo en unos momentos.")]
    Overloaded {
        /// The wait that the server asked for.
        retry_after: Option<Duration>,
    },
    /// The server, or what stands before it, is not ready (502, 503, 504).
    #[error("El servidor del modelo no está disponible (estado {status}).")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// The wait that the server asked for.
        retry_after: Option<Duration>,
    },
    /// The server failed: another 5xx, or an error object where an answer was due.
    #[error("El servidor del modelo ha fallado al preparar la respuesta.")]
    Failed {
        /// The HTTP status, if the failure came as one.
        status: Option<u16>,
    },

    /// The answer is no event stream: a page of a proxy, a whole JSON document, compressed bytes.
    #[error(
        "Lo que responde en la dirección configurada no es un servidor de modelos: revise la \
         dirección y los servidores intermedios."
    )]
    NotAStream,
    /// What came is not what the protocol says.
    #[error("El servidor del modelo ha enviado una respuesta que no se entiende ({0}).")]
    Malformed(Malformed),
    /// What came is larger than any answer can be.
    #[error("El servidor del modelo ha enviado más de lo que admite una respuesta ({0}).")]
    TooLarge(Oversized),
    /// The connection broke before the answer was whole.
    #[error("La conexión con el servidor del modelo se ha cortado antes de terminar la respuesta.")]
    Dropped {
        /// What the connection said.
        #[source]
        source: Option<BoxError>,
    },
    /// The stream ended in good order, and the answer did not.
    #[error("El servidor del modelo ha dejado la respuesta sin terminar.")]
    Unfinished,
}

/// A cause of a kind that only logs need.
pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which time limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Name look-up, connection and TLS handshake.
    Connect,
    /// From the question sent to the first text.
    FirstToken,
    /// Between two pieces of text.
    Idle,
    /// Everything together.
    Total,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Connect => "en aceptar la conexión",
            Self::FirstToken => "en empezar a responder",
            Self::Idle => "en continuar la respuesta",
            Self::Total => "en completar la respuesta",
        })
    }
}

/// What could not be understood. Causes are left out on purpose: those of JSON quote the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The HTTP response itself.
    Http,
    /// An event is no JSON, or JSON of another shape.
    Json,
    /// An event is no UTF-8.
    Utf8,
    /// Events in an order that makes no sense: text after the end, a second choice.
    Order,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Http => "HTTP incorrecto",
            Self::Json => "JSON incorrecto",
            Self::Utf8 => "texto que no es UTF-8",
            Self::Order => "mensajes fuera de orden",
        })
    }
}

/// What was too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Oversized {
    /// The HTTP headers.
    Headers,
    /// One line of the stream, or one event.
    Event,
    /// The text of the answer.
    Text,
    /// All bytes of the response.
    Body,
}

impl std::fmt::Display for Oversized {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Headers => "cabeceras",
            Self::Event => "un mensaje",
            Self::Text => "texto",
            Self::Body => "datos en total",
        })
    }
}

impl RemoteError {
    /// A name for programs; it does not change between versions.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl => "remote_invalid_url",
            Self::MissingModel => "remote_missing_model",
            Self::InvalidSetting { .. } => "remote_invalid_setting",
            Self::MissingKey { .. } => "remote_missing_key",
            Self::Authorities { .. } => "remote_ca_file",
            Self::NoAuthorities { .. } => "remote_no_authorities",
            Self::Full => "remote_full",
            Self::Resting { .. } => "remote_circuit_open",
            Self::Unreachable { .. } => "remote_unreachable",
            Self::Untrusted { .. } => "remote_untrusted",
            Self::Timeout(Phase::Connect) => "remote_connect_timeout",
            Self::Timeout(Phase::FirstToken) => "remote_first_token_timeout",
            Self::Timeout(Phase::Idle) => "remote_idle_timeout",
            Self::Timeout(Phase::Total) => "remote_total_timeout",
            Self::Redirected { .. } => "remote_redirected",
            Self::Unauthorised { .. } => "remote_unauthorised",
            Self::NotFound => "remote_not_found",
            Self::PromptTooLong => "remote_prompt_too_long",
            Self::Rejected { .. } => "remote_rejected",
            Self::Overloaded { .. } => "remote_overloaded",
            Self::Unavailable { .. } => "remote_unavailable",
            Self::Failed { .. } => "remote_failed",
            Self::NotAStream => "remote_not_a_stream",
            Self::Malformed(Malformed::Http) => "remote_malformed_http",
            Self::Malformed(Malformed::Json) => "remote_malformed_json",
            Self::Malformed(Malformed::Utf8) => "remote_malformed_utf8",
            Self::Malformed(Malformed::Order) => "remote_malformed_order",
            Self::TooLarge(Oversized::Headers) => "remote_headers_too_large",
            Self::TooLarge(Oversized::Event) => "remote_event_too_large",
            Self::TooLarge(Oversized::Text) => "remote_text_too_large",
            Self::TooLarge(Oversized::Body) => "remote_body_too_large",
            Self::Dropped { .. } => "remote_dropped",
            Self::Unfinished => "remote_unfinished",
        }
    }

    /// Whether the same request may be sent again: the server did not begin to answer it, and says
    /// or shows that it is a matter of time. A time limit is not such a case: the server may still
    /// be busy with the first copy, and somebody has waited long enough; 504 is a time limit too. Neither
    /// is a connection lost after the request was sent, which is what 502 may say: that request may be
    /// what brought the server down.
    pub(super) const fn may_retry(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Overloaded { .. }
                | Self::Unavailable { status: 503, .. }
        )
    }

    /// The wait that the server asked for.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after } | Self::Unavailable { retry_after, .. } => {
                *retry_after
            }
            Self::Resting { retry_in } => Some(*retry_in),
            _ => None,
        }
    }

    /// Whether the failure speaks against the server's health. A full queue, a wrong key or a
    /// prompt too long do not: the server is alive and says so.
    pub(super) const fn blames_server(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Untrusted { .. }
            | Self::Timeout(_)
            | Self::Unavailable { .. }
            | Self::Failed { .. }
            | Self::NotAStream
            | Self::Malformed(_)
            | Self::TooLarge(Oversized::Headers | Oversized::Event | Oversized::Body)
            | Self::Dropped { .. }
            | Self::Unfinished => true,
            Self::InvalidUrl
            | Self::MissingModel
            | Self::InvalidSetting { .. }
            | Self::MissingKey { .. }
            | Self::Authorities { .. }
            | Self::NoAuthorities { .. }
            | Self::Full
            | Self::Resting { .. }
            | Self::Redirected { .. }
            | Self::Unauthorised { .. }
            | Self::NotFound
            | Self::PromptTooLong
            | Self::Rejected { .. }
            | Self::Overloaded { .. }
            | Self::TooLarge(Oversized::Text) => false,
        }
    }
}
