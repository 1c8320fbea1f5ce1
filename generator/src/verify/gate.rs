//! The names of the gates.

/// Why a sentence may not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Gate {
    /// It cites no passage that was offered.
    Citation,
    /// It is not in the language of the question.
    Language,
    /// It does not speak of what was asked.
    Relevance,
    /// A number, its unit or its comparison stands otherwise in the source.
    Quantity,
    /// A drug, code or name in it does not stand in the source.
    Name,
    /// It loses or adds a negation, a condition, an exception.
    Polarity,
    /// Too few of its words stand in the source.
    Support,
}

impl Gate {
    /// A name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Citation => "citation",
            Self::Language => "language",
            Self::Relevance => "relevance",
            Self::Quantity => "quantity",
            Self::Name => "name",
            Self::Polarity => "polarity",
            Self::Support => "support",
        }
    }
}
