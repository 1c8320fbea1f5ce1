//! What the reader must know of how an answer was made, in the question's language.

use domain::Language;
use generator::{Outcome, WriteError};

use super::WarningJson;

/// Something about the making of an answer that its reader must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The model has too much to do; quotations stand in.
    Busy,
    /// The model is away or at fault; quotations stand in.
    Unavailable,
    /// The model took too long; quotations stand in.
    TooSlow,
    /// Nothing the model wrote passed the gates; quotations stand in.
    NotVerified,
    /// The model did not come to its end; the sentences checked so far are shown.
    CutShort,
    /// Some sentences did not pass the gates and are not shown.
    SentencesDropped,
}

impl From<&WriteError> for Notice {
    fn from(error: &WriteError) -> Self {
        match error {
            WriteError::Busy => Self::Busy,
            WriteError::TimedOut => Self::TooSlow,
            WriteError::NotVerified(_) => Self::NotVerified,
            _ => Self::Unavailable,
        }
    }
}

impl Notice {
    const fn code(self) -> &'static str {
        match self {
            Self::Busy => "model_busy",
            Self::Unavailable => "model_unavailable",
            Self::TooSlow => "model_too_slow",
            Self::NotVerified => "model_not_verified",
            Self::CutShort => "answer_cut_short",
            Self::SentencesDropped => "sentences_dropped",
        }
    }

    /// Whether quotations stand in for the model where there is an answer.
    const fn is_of_a_stand_in(self) -> bool {
        !matches!(self, Self::CutShort | Self::SentencesDropped)
    }

    /// What happened, without the full stop.
    const fn what(self, language: Language) -> &'static str {
        use Language as L;
        match (self, language) {
            (Self::Busy, L::Spanish) => "El modelo está ocupado",
            (Self::Busy, L::Catalan) => "El model està ocupat",
            (Self::Busy, L::Basque) => "Eredua lanpetuta dago",
            (Self::Busy, L::Galician) => "O modelo está ocupado",
            (Self::Busy, L::English) => "The model is busy",
            (Self::Unavailable, L::Spanish) => "El modelo no está disponible",
            (Self::Unavailable, L::Catalan) => "El model no està disponible",
            (Self::Unavailable, L::Basque) => "Eredua ez dago erabilgarri",
            (Self::Unavailable, L::Galician) => "O modelo non está dispoñible",
            (Self::Unavailable, L::English) => "The model is not available",
            (Self::TooSlow, L::Spanish) => "El modelo ha tardado demasiado",
            (Self::TooSlow, L::Catalan) => "El model ha trigat massa",
            (Self::TooSlow, L::Basque) => "Ereduak denbora gehiegi behar izan du",
            (Self::TooSlow, L::Galician) => "O modelo tardou demasiado",
            (Self::TooSlow, L::English) => "The model took too long",
            (Self::NotVerified, L::Spanish) => "Lo que escribió el modelo no se pudo comprobar",
            (Self::NotVerified, L::Catalan) => {
                "El que va escriure el model no s'ha pogut comprovar"
            }
            (Self::NotVerified, L::Basque) => "Ereduak idatzitakoa ezin izan da egiaztatu",
            (Self::NotVerified, L::Galician) => "O que escribiu o modelo non se puido comprobar",
            (Self::NotVerified, L::English) => "What the model wrote could not be checked",
            (Self::CutShort, L::Spanish) => "La respuesta se ha cortado",
            (Self::CutShort, L::Catalan) => "La resposta s'ha tallat",
            (Self::CutShort, L::Basque) => "Erantzuna eten egin da",
            (Self::CutShort, L::Galician) => "A resposta cortouse",
            (Self::CutShort, L::English) => "The answer was cut short",
            (Self::SentencesDropped, L::Spanish) => {
                "Se han retirado frases que no se pudieron comprobar"
            }
            (Self::SentencesDropped, L::Catalan) => {
                "S'han retirat frases que no s'han pogut comprovar"
            }
            (Self::SentencesDropped, L::Basque) => "Egiaztatu ezin izan diren esaldiak kendu dira",
            (Self::SentencesDropped, L::Galician) => {
                "Retiráronse frases que non se puideron comprobar"
            }
            (Self::SentencesDropped, L::English) => {
                "Sentences that could not be checked were left out"
            }
        }
    }

    /// The whole of it; `is_answered` says whether anything is shown beside it.
    fn detail(self, language: Language, is_answered: bool) -> String {
        let what = self.what(language);
        let so = match (is_answered, self.is_of_a_stand_in()) {
            (false, _) => return format!("{what}."),
            (true, true) => match language {
                Language::Spanish => "estas son citas literales de los documentos.",
                Language::Catalan => "aquestes són cites literals dels documents.",
                Language::Basque => "hauek dokumentuen hitzez hitzezko aipuak dira.",
                Language::Galician => "estas son citas literais dos documentos.",
                Language::English => "these are quotations of the documents, word for word.",
            },
            (true, false) => match language {
                Language::Spanish => "puede faltar algo. Abra los documentos antes de actuar.",
                Language::Catalan => {
                    "hi pot faltar alguna cosa. Obriu els documents abans d'actuar."
                }
                Language::Basque => "zerbait falta daiteke. Ireki dokumentuak jardun aurretik.",
                Language::Galician => "pode faltar algo. Abra os documentos antes de actuar.",
                Language::English => "something may be missing. Open the documents before you act.",
            },
        };
        format!("{what}: {so}")
    }
}

/// The warnings beside an answer or a refusal.
pub(super) fn warnings_json(
    outcome: &Outcome,
    notices: &[Notice],
    language: Language,
) -> Vec<WarningJson> {
    let warning = |code: &str, detail: String| WarningJson {
        code: code.to_owned(),
        page: None,
        detail,
    };
    let is_answered = matches!(outcome, Outcome::Answered(_));
    let mut warnings: Vec<WarningJson> = notices
        .iter()
        .map(|notice| warning(notice.code(), notice.detail(language, is_answered)))
        .collect();
    if let Outcome::Answered(answer) = outcome
        && answer.items_left_out() > 0
    {
        let detail = list_continues(answer.items_left_out(), language);
        warnings.push(warning("list_continues", detail));
    }
    warnings
}

fn list_continues(left_out: usize, language: Language) -> String {
    match language {
        Language::Spanish => format!(
            "La lista sigue en el documento: faltan {left_out} elementos. Ábralo antes de actuar."
        ),
        Language::Catalan => format!(
            "La llista continua al document: falten {left_out} elements. Obriu-lo abans d'actuar."
        ),
        Language::Basque => format!(
            "Zerrendak dokumentuan jarraitzen du: {left_out} elementu falta dira. Ireki ezazu jardun aurretik."
        ),
        Language::Galician => format!(
            "A lista segue no documento: faltan {left_out} elementos. Ábrao antes de actuar."
        ),
        Language::English => format!(
            "The list goes on in the document: {left_out} items are missing here. Open it before you act."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotations_are_spoken_of_only_where_there_are_some() {
        let detail = |notice: Notice, is_answered| notice.detail(Language::Spanish, is_answered);
        assert_eq!(
            detail(Notice::Busy, true),
            "El modelo está ocupado: estas son citas literales de los documentos."
        );
        assert_eq!(detail(Notice::Busy, false), "El modelo está ocupado.");
        assert_eq!(
            detail(Notice::CutShort, true),
            "La respuesta se ha cortado: puede faltar algo. Abra los documentos antes de actuar."
        );
    }
}
