//! The words of a refusal, in the five languages. They say what was not *found*: that it stands
//! nowhere in the documents is more than a search can know.

use domain::{Evidence, EvidencePassage, Language, PassageId};

use crate::{DeclineReason, Refusal};

/// A refusal in `language`, with the `nearest` passages of the evidence.
pub(crate) fn refuse(
    reason: DeclineReason,
    language: Language,
    nearest: &[PassageId],
    evidence: &Evidence,
) -> Refusal {
    let nearest: Vec<EvidencePassage> = nearest
        .iter()
        .filter_map(|id| evidence.find(*id))
        .cloned()
        .collect();
    let mut message = why(reason, language).to_owned();
    if !nearest.is_empty() {
        message.push(' ');
        message.push_str(here_are_the_nearest(language));
    }
    message.push(' ');
    message.push_str(what_next(reason, language));
    Refusal {
        reason,
        message,
        nearest,
    }
}

const fn why(reason: DeclineReason, language: Language) -> &'static str {
    use DeclineReason as R;
    use Language as L;
    match (reason, language) {
        (R::NoEvidence | R::WeakEvidence | R::NotStated, L::Spanish) => {
            "No se ha encontrado la respuesta en los documentos cargados."
        }
        (R::NoEvidence | R::WeakEvidence | R::NotStated, L::Catalan) => {
            "No s'ha trobat la resposta en els documents carregats."
        }
        (R::NoEvidence | R::WeakEvidence | R::NotStated, L::Basque) => {
            "Ez da erantzunik aurkitu kargatutako dokumentuetan."
        }
        (R::NoEvidence | R::WeakEvidence | R::NotStated, L::Galician) => {
            "Non se atopou a resposta nos documentos cargados."
        }
        (R::NoEvidence | R::WeakEvidence | R::NotStated, L::English) => {
            "No answer was found in the loaded documents."
        }
        (R::SubjectNotFound, L::Spanish) => {
            "No se ha encontrado en los documentos cargados nada sobre aquello por lo que pregunta."
        }
        (R::SubjectNotFound, L::Catalan) => {
            "No s'ha trobat en els documents carregats res sobre allò que pregunteu."
        }
        (R::SubjectNotFound, L::Basque) => {
            "Kargatutako dokumentuetan ez da ezer aurkitu galdetzen duzunari buruz."
        }
        (R::SubjectNotFound, L::Galician) => {
            "Non se atopou nos documentos cargados nada sobre aquilo polo que pregunta."
        }
        (R::SubjectNotFound, L::English) => {
            "Nothing was found in the loaded documents on what you ask about."
        }
        (R::UnclearQuestion, L::Spanish) => {
            "No se entiende qué busca: la pregunta no contiene palabras con las que buscar."
        }
        (R::UnclearQuestion, L::Catalan) => {
            "No s'entén què cerqueu: la pregunta no conté paraules amb què cercar."
        }
        (R::UnclearQuestion, L::Basque) => {
            "Ez da ulertzen zer bilatzen duzun: galderak ez du bilatzeko hitzik."
        }
        (R::UnclearQuestion, L::Galician) => {
            "Non se entende que busca: a pregunta non contén palabras coas que buscar."
        }
        (R::UnclearQuestion, L::English) => {
            "It is not clear what you are looking for: the question has no words to search for."
        }
        (R::NotVerified, L::Spanish) => {
            "No se ha podido comprobar ninguna respuesta con los documentos cargados."
        }
        (R::NotVerified, L::Catalan) => {
            "No s'ha pogut comprovar cap resposta amb els documents carregats."
        }
        (R::NotVerified, L::Basque) => {
            "Ezin izan da erantzunik egiaztatu kargatutako dokumentuekin."
        }
        (R::NotVerified, L::Galician) => {
            "Non se puido comprobar ningunha resposta cos documentos cargados."
        }
        (R::NotVerified, L::English) => "No answer could be checked against the loaded documents.",
    }
}

const fn here_are_the_nearest(language: Language) -> &'static str {
    match language {
        Language::Spanish => "Debajo tiene los pasajes más cercanos, que no la responden.",
        Language::Catalan => "A sota teniu els passatges més propers, que no la responen.",
        Language::Basque => "Behean dituzu pasarterik hurbilenak; ez diote galderari erantzuten.",
        Language::Galician => "Debaixo ten as pasaxes máis próximas, que non a responden.",
        Language::English => "The nearest passages are below; they do not answer it.",
    }
}

const fn what_next(reason: DeclineReason, language: Language) -> &'static str {
    use Language as L;
    if matches!(reason, DeclineReason::UnclearQuestion) {
        return match language {
            L::Spanish => {
                "Escríbala de nuevo con el fármaco, la prueba o el trámite que le interesa."
            }
            L::Catalan => {
                "Torneu-la a escriure amb el fàrmac, la prova o el tràmit que us interessa."
            }
            L::Basque => "Idatzi berriro, interesatzen zaizun botika, proba edo izapidea aipatuz.",
            L::Galician => "Escríbaa de novo co fármaco, a proba ou o trámite que lle interesa.",
            L::English => "Please write it again, naming the drug, test or procedure you mean.",
        };
    }
    match language {
        L::Spanish => "Si la decisión no puede esperar, consulte con el servicio responsable.",
        L::Catalan => "Si la decisió no pot esperar, consulteu el servei responsable.",
        L::Basque => "Erabakiak itxaron ezin badu, galdetu zerbitzu arduradunari.",
        L::Galician => "Se a decisión non pode esperar, consulte co servizo responsable.",
        L::English => "If the decision cannot wait, please ask the service in charge.",
    }
}
