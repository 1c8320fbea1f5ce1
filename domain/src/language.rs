//! The languages Sístole answers in, and telling them apart.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::fold;
use crate::terms::words::grammar_words;

/// A language of the documents or of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Language {
    /// Spanish.
    #[serde(rename = "es")]
    Spanish,
    /// Catalan and Valencian.
    #[serde(rename = "ca")]
    Catalan,
    /// Basque.
    #[serde(rename = "eu")]
    Basque,
    /// Galician.
    #[serde(rename = "gl")]
    Galician,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// The code names no language Sístole knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("idioma desconocido «{0}»: use es, ca, eu, gl o en")]
pub struct InvalidLanguage(String);

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Spanish,
        Self::Catalan,
        Self::Basque,
        Self::Galician,
        Self::English,
    ];

    /// The ISO 639-1 code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::Catalan => "ca",
            Self::Basque => "eu",
            Self::Galician => "gl",
            Self::English => "en",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Language {
    type Err = InvalidLanguage;

    /// Reads a code, with or without a region (`ca-ES-valencia`, `es_ES`).
    fn from_str(text: &str) -> Result<Self, InvalidLanguage> {
        let code = text
            .trim()
            .split(['-', '_'])
            .next()
            .unwrap_or_default()
            .to_lowercase();
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
            .ok_or_else(|| InvalidLanguage(text.chars().take(20).collect()))
    }
}

/// What [`detect_language`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// The likeliest language; `None` where nothing tells.
    pub language: Option<Language>,
    /// How much of the evidence speaks for it, 0 to 1; never near 1 where there is little of it.
    pub confidence: f32,
}

impl Detection {
    /// The language found, or Spanish where the words tell nothing.
    #[must_use]
    pub fn or_spanish(self) -> Language {
        self.language.unwrap_or(Language::Spanish)
    }
}

/// Words of the clinic, and of questions, that tell one language from the others, folded.
const TELLING: [(Language, &str); 5] = [
    (
        Language::Spanish,
        "corazon cardiaca cardiaco insuficiencia enfermedad enfermedades medico enfermera enfermeria sangre pecho \
         riñon higado ingreso ingresado urgencias planta seguimiento revision consulta peso piernas \
         tobillos ahogo falta aire embarazo lactancia niños niño edad años mujer hombre mayores inicio iniciar empezar \
         subir bajar suspender objetivo efectos secundarios adversos jarabe comprimidos pastilla via agua sal comida \
         dieta ejercicio vacuna prueba pruebas resultado ciudad guerra mundo nombre siglo rey gobierno ley puede pueden \
         debe deben tiene tienen hace hacer cuantos llama llamado llamada nuevo mejor mayor primer primera entre hasta desde \
         archivo ventana celda columna fila hoja boton pulse elija haga abre siguiente",
    ),
    (
        Language::Catalan,
        "cor cardiaca cardiac insuficiencia malaltia malalties malalt malalta metge metgessa infermera infermeria \
         sang pit ronyo fetge ingres urgencies seguiment revisio consulta pes cames turmells ofec manca aire embaras \
         lactancia nens nen edat anys dona home gent inici iniciar començar apujar abaixar suspendre objectiu efectes \
         xarop comprimits pastilla via aigua menjar dieta exercici vacuna prova proves resultat ciutat guerra mon nom segle \
         rei govern llei pot poden ha han fer fan diu nou nova millor major primera entre fins des termini quantitat \
         fitxer finestra cel·la columna fila full boto feu premeu trieu obre seguent document treball servei serveis",
    ),
    (
        Language::Basque,
        "bihotz bihotzeko bihotzaren gutxiegitasun gutxiegitasuna gaixotasun gaixotasuna gaixo gaixoa gaixoak gaixoaren gaixoei \
         mediku medikua medikuak erizain erizaina erizaintza odol odola odolean bular giltzurrun gibel ospitale ospitalea \
         ospitalean ospitaletik larrialdi larrialdiak jarraipen azterketa pisu pisua hanka hankak arnas haur haurra adin \
         emakume gizon hasi hasteko hasierako igo jaitsi eten helburu helburuko ondorio sendagai sendagaia botika botikak \
         dosi dosia ura gatz janari dieta ariketa txerto proba emaitza hiri gerra mundu izen mende errege gobernu lege \
         fitxategi leiho gelaxka zutabe errenkada orri botoi sakatu hautatu ireki hurrengo dokumentu",
    ),
    (
        Language::Galician,
        "corazon cardiaca insuficiencia enfermidade enfermidades medico enfermeira enfermeiro enfermaria sangue peito ril figado \
         ingreso urxencias seguimento revision consulta peso pernas nocellos afogo falta embarazo lactacion nenos nena idade \
         muller home maiores inicio iniciar comezar subir baixar suspender obxectivo efectos secundarios xarope comprimidos pastilla \
         vía auga sal comida dieta exercicio vacina proba probas resultado cidade guerra mundo nome seculo rei goberno lei pode \
         poden debe deben fai facer chama chamado novo mellor maior primeira ate ata desde deica ficheiro xanela cela columna \
         fila folla boton prema escolla faga abre seguinte traballo xeral dous duas tres oito dez lingua galego",
    ),
    (
        Language::English,
        "heart failure disease patient patients doctor nurse blood chest kidney liver hospital admission emergency follow check \
         weight legs ankles breath shortness pregnancy breastfeeding children child age years woman man start begin increase \
         stop target side effects tablets pill water salt food diet exercise vaccine test tests result city war world name \
         century king government law make made called new best first file window cell column row sheet button click choose \
         open following returns text value number function date dose",
    ),
];

/// Words that their accents tell, in lower case as they are written.
const ACCENTED: [(Language, &str); 4] = [
    (
        Language::Spanish,
        "qué cómo cuál cuáles cuándo dónde quién quiénes cuánto cuánta cuántos cuántas más también según \
         después él sí días había",
    ),
    (
        Language::Catalan,
        "què com més també és però així perquè després sí té són fàrmac dies havia",
    ),
    (
        Language::Galician,
        "máis tamén é á ás ó ós despois días había só até quén cómo están",
    ),
    (Language::English, "i'm don't"),
];

/// Words of grammar that a language has but seldom uses: they speak for the others.
const SELDOM: [(Language, &str); 5] = [
    (Language::Spanish, "e os tal me mi te he"),
    (Language::Catalan, "lo los e me te ta sa"),
    (Language::Basque, "a en ni al du hala ere era etc beste"),
    (
        Language::Galician,
        "el la las los lo del le te ti me esa te ta era",
    ),
    (Language::English, "a no as me he an in am her his"),
];

/// Where in a word a spelling stands.
#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    Inside,
    End,
}

/// Spellings, in lower case with their accents, and how much each speaks for `es ca eu gl en`.
const SPELLINGS: &[(Place, &str, [f32; 5])] = &[
    (Place::Inside, "ñ", [1.5, 0.0, 0.2, 1.5, 0.0]),
    (Place::End, "ción", [1.0, 0.0, 0.0, 1.0, 0.0]),
    (Place::End, "sión", [1.0, 0.0, 0.0, 1.0, 0.0]),
    (Place::End, "ciones", [3.0, 0.0, 0.0, 0.0, 0.0]),
    (Place::End, "siones", [3.0, 0.0, 0.0, 0.0, 0.0]),
    (Place::End, "ones", [1.0, 0.0, 0.0, 0.0, 0.2]),
    (Place::End, "dad", [2.5, 0.0, 0.0, 0.0, 0.0]),
    (Place::End, "dades", [1.5, 0.0, 0.0, 1.0, 0.0]),
    (Place::End, "miento", [2.5, 0.0, 0.0, 0.0, 0.0]),
    (Place::End, "mientos", [2.5, 0.0, 0.0, 0.0, 0.0]),
    (Place::End, "aje", [1.5, 0.0, 0.0, 0.0, 0.0]),
    (Place::End, "ales", [1.0, 0.0, 0.0, 0.0, 0.3]),
    (Place::Inside, "ue", [0.6, 0.0, 0.0, 0.1, 0.1]),
    (Place::Inside, "ie", [0.6, 0.0, 0.1, 0.0, 0.1]),
    (Place::Inside, "j", [0.8, 0.5, 0.4, 0.0, 0.2]),
    (Place::Inside, "ge", [0.4, 0.4, 0.3, 0.0, 0.3]),
    (Place::Inside, "gi", [0.4, 0.4, 0.3, 0.0, 0.3]),
    (Place::End, "o", [0.4, 0.0, 0.1, 0.4, 0.0]),
    (Place::End, "os", [0.5, 0.2, 0.0, 0.5, 0.0]),
    (Place::Inside, "ny", [0.0, 2.0, 0.0, 0.0, 0.3]),
    (Place::Inside, "ç", [0.0, 3.0, 0.3, 0.0, 0.0]),
    (Place::Inside, "l·l", [0.0, 5.0, 0.0, 0.0, 0.0]),
    (Place::End, "ció", [0.8, 2.5, 0.0, 0.0, 0.0]),
    (Place::End, "sió", [0.1, 3.0, 0.0, 0.0, 0.0]),
    (Place::End, "cions", [0.0, 4.0, 0.0, 0.0, 0.0]),
    (Place::End, "sions", [0.0, 3.0, 0.0, 0.0, 0.5]),
    (Place::End, "tat", [0.0, 2.5, 0.0, 0.0, 0.0]),
    (Place::End, "tats", [0.0, 3.0, 0.0, 0.0, 0.0]),
    (Place::Inside, "à", [0.0, 2.5, 0.0, 0.0, 0.0]),
    (Place::Inside, "è", [0.0, 2.5, 0.0, 0.0, 0.0]),
    (Place::Inside, "ò", [0.0, 2.5, 0.0, 0.0, 0.0]),
    (Place::Inside, "ï", [0.0, 1.5, 0.0, 0.7, 0.0]),
    (Place::End, "ment", [0.0, 1.5, 0.0, 0.0, 0.7]),
    (Place::End, "ments", [0.0, 1.5, 0.0, 0.0, 0.7]),
    (Place::End, "nts", [0.0, 1.2, 0.0, 0.0, 0.4]),
    (Place::End, "nt", [0.0, 0.8, 0.0, 0.0, 0.5]),
    (Place::End, "at", [0.0, 1.0, 0.3, 0.0, 0.4]),
    (Place::End, "ats", [0.0, 1.2, 0.0, 0.0, 0.2]),
    (Place::End, "ades", [0.3, 0.8, 0.0, 0.3, 0.0]),
    (Place::End, "es", [0.3, 0.5, 0.0, 0.2, 0.2]),
    (Place::Inside, "ix", [0.1, 1.5, 0.0, 0.8, 0.1]),
    (Place::End, "ig", [0.0, 1.5, 0.0, 0.0, 0.1]),
    (Place::Inside, "ss", [0.0, 0.8, 0.0, 0.0, 0.8]),
    (Place::End, "ar", [0.5, 0.5, 0.4, 0.5, 0.0]),
    (Place::End, "t", [0.0, 0.6, 0.1, 0.0, 0.4]),
    (Place::End, "c", [0.0, 0.4, 0.1, 0.0, 0.2]),
    (Place::End, "m", [0.0, 0.3, 0.0, 0.0, 0.2]),
    (Place::End, "ll", [0.0, 0.6, 0.0, 0.0, 0.5]),
    (Place::End, "oa", [0.2, 0.0, 0.2, 1.2, 0.0]),
    (Place::End, "ions", [0.0, 1.5, 0.0, 0.0, 1.5]),
    (Place::End, "ques", [0.3, 1.5, 0.0, 0.2, 0.2]),
    (Place::End, "ues", [0.2, 0.5, 0.0, 0.2, 0.1]),
    (Place::Inside, "nh", [0.0, 0.0, 0.0, 2.5, 0.0]),
    (Place::Inside, "x", [0.2, 0.3, 0.2, 0.4, 0.2]),
    (Place::Inside, "bx", [0.0, 0.0, 0.0, 3.0, 0.0]),
    (Place::Inside, "xa", [0.1, 0.3, 0.2, 0.6, 0.1]),
    (Place::Inside, "xu", [0.1, 0.2, 0.2, 0.8, 0.0]),
    (Place::End, "iña", [0.4, 0.0, 0.0, 1.2, 0.0]),
    (Place::End, "iñas", [0.4, 0.0, 0.0, 1.2, 0.0]),
    (Place::End, "xo", [0.1, 0.0, 0.2, 1.2, 0.0]),
    (Place::End, "xa", [0.1, 0.3, 0.2, 1.2, 0.0]),
    (Place::Start, "prox", [0.0, 0.0, 0.0, 0.5, 0.0]),
    (Place::Start, "x", [0.0, 0.7, 0.4, 2.0, 0.0]),
    (Place::End, "xe", [0.0, 0.0, 0.0, 2.5, 0.0]),
    (Place::Inside, "xer", [0.0, 0.3, 0.0, 1.0, 0.0]),
    (Place::End, "xia", [0.2, 0.0, 0.2, 2.0, 0.0]),
    (Place::End, "cións", [0.0, 0.0, 0.0, 5.0, 0.0]),
    (Place::End, "sións", [0.0, 0.0, 0.0, 5.0, 0.0]),
    (Place::End, "óns", [0.0, 0.0, 0.0, 3.0, 0.0]),
    (Place::End, "dade", [0.0, 0.0, 0.0, 4.0, 0.0]),
    (Place::End, "idades", [0.5, 0.0, 0.0, 2.5, 0.0]),
    (Place::End, "mento", [0.5, 0.0, 0.0, 0.7, 0.0]),
    (Place::End, "mentos", [0.5, 0.0, 0.0, 0.7, 0.0]),
    (Place::End, "eu", [0.0, 1.0, 0.2, 0.5, 0.0]),
    (Place::End, "ou", [0.0, 0.3, 0.0, 1.8, 0.3]),
    (Place::End, "eiro", [0.0, 0.0, 0.0, 3.0, 0.0]),
    (Place::End, "eira", [0.0, 0.0, 0.2, 3.0, 0.0]),
    (Place::End, "eiros", [0.0, 0.0, 0.0, 3.0, 0.0]),
    (Place::End, "eiras", [0.0, 0.0, 0.0, 3.0, 0.0]),
    (Place::End, "bel", [0.0, 0.0, 0.0, 2.0, 0.2]),
    (Place::End, "eis", [0.1, 0.0, 0.0, 1.5, 0.0]),
    (Place::End, "ais", [0.1, 0.0, 0.0, 2.0, 0.0]),
    (Place::Inside, "ei", [0.0, 0.0, 0.3, 0.8, 0.1]),
    (Place::Inside, "ou", [0.0, 0.1, 0.0, 0.8, 0.8]),
    (Place::Inside, "oi", [0.0, 0.0, 0.3, 0.5, 0.1]),
    (Place::Inside, "tz", [0.0, 0.7, 3.0, 0.0, 0.0]),
    (Place::Inside, "tx", [0.0, 0.7, 2.5, 0.0, 0.0]),
    (Place::Inside, "ts", [0.0, 0.3, 0.7, 0.0, 0.3]),
    (Place::Inside, "k", [0.0, 0.0, 1.5, 0.0, 0.7]),
    (Place::End, "k", [0.0, 0.0, 1.0, 0.0, 0.2]),
    (Place::End, "ak", [0.0, 0.0, 2.0, 0.0, 0.1]),
    (Place::End, "aren", [0.3, 0.0, 2.0, 0.0, 0.0]),
    (Place::End, "ren", [0.1, 0.1, 1.0, 0.0, 0.1]),
    (Place::End, "tu", [0.0, 0.0, 1.2, 0.0, 0.0]),
    (Place::End, "tzea", [0.0, 0.0, 2.0, 0.0, 0.0]),
    (Place::End, "tzen", [0.0, 0.0, 2.0, 0.0, 0.0]),
    (Place::End, "zio", [0.0, 0.0, 2.5, 0.0, 0.0]),
    (Place::End, "zioa", [0.0, 0.0, 3.0, 0.0, 0.0]),
    (Place::Inside, "zio", [0.0, 0.0, 1.5, 0.0, 0.0]),
    (Place::End, "ean", [0.1, 0.0, 1.0, 0.0, 0.2]),
    (Place::End, "etan", [0.1, 0.0, 1.2, 0.0, 0.0]),
    (Place::End, "ra", [0.2, 0.2, 0.4, 0.2, 0.0]),
    (Place::End, "z", [0.3, 0.0, 0.8, 0.3, 0.0]),
    (Place::Inside, "zt", [0.0, 0.0, 2.0, 0.0, 0.0]),
    (Place::Inside, "ai", [0.1, 0.2, 0.5, 0.4, 0.2]),
    (Place::End, "un", [0.0, 0.0, 0.7, 0.1, 0.1]),
    (Place::Inside, "w", [0.0, 0.0, 0.0, 0.0, 2.5]),
    (Place::Inside, "th", [0.0, 0.0, 0.0, 0.0, 2.0]),
    (Place::Inside, "sh", [0.0, 0.0, 0.0, 0.0, 2.0]),
    (Place::Inside, "ck", [0.0, 0.0, 0.0, 0.0, 2.0]),
    (Place::Inside, "gh", [0.0, 0.0, 0.0, 0.0, 2.0]),
    (Place::Inside, "ph", [0.0, 0.0, 0.0, 0.0, 1.5]),
    (Place::Inside, "ee", [0.1, 0.0, 0.1, 0.0, 1.2]),
    (Place::Inside, "oo", [0.1, 0.1, 0.0, 0.1, 1.2]),
    (Place::Inside, "ea", [0.2, 0.2, 0.3, 0.1, 0.6]),
    (Place::End, "ing", [0.0, 0.0, 0.0, 0.0, 3.0]),
    (Place::End, "ed", [0.0, 0.1, 0.0, 0.0, 1.5]),
    (Place::End, "ly", [0.0, 0.0, 0.0, 0.0, 2.5]),
    (Place::End, "tion", [0.0, 0.0, 0.0, 0.0, 4.0]),
    (Place::End, "tions", [0.0, 0.0, 0.0, 0.0, 4.0]),
    (Place::End, "ness", [0.0, 0.0, 0.0, 0.0, 2.5]),
    (Place::End, "ity", [0.0, 0.0, 0.0, 0.0, 3.0]),
    (Place::End, "y", [0.1, 0.1, 0.0, 0.0, 1.2]),
    (Place::End, "er", [0.4, 0.3, 0.1, 0.4, 0.6]),
];

/// What one word of grammar speaks for its language, shared where several have it; what a word of
/// [`TELLING`] does; and the lead that Spanish has where nothing else tells.
const GRAMMAR_POINTS: f32 = 3.0;
const TELLING_POINTS: f32 = 3.0;
const ACCENTED_POINTS: f32 = 3.0;
const SELDOM_POINTS: f32 = 0.6;
/// «o» and «a» are a conjunction and a preposition of Spanish, but in Galician also every other
/// article.
const HALF_POINTS: f32 = 1.5;
const SPANISH_LEAD: f32 = 0.3;
/// What would speak for none of them if it were heard.
const DOUBT: f32 = 2.0;

/// Words looked at: more change nothing.
const WORDS_READ: usize = 2_000;

/// For each word of the lists, how much it speaks for `es ca eu gl en`.
static WORD_POINTS: LazyLock<HashMap<&'static str, [f32; 5]>> = LazyLock::new(|| {
    let telling = TELLING.iter().flat_map(|(language, words)| {
        words
            .split_whitespace()
            .map(|word| (*language, word, TELLING_POINTS))
    });
    let grammar = grammar_words().map(|(language, word)| (language, word, GRAMMAR_POINTS));
    let mut points: HashMap<&'static str, [f32; 5]> = HashMap::new();
    for (language, word, most) in grammar.chain(telling) {
        points.entry(word).or_default()[index(language)] = most;
    }
    for (language, words) in SELDOM {
        for word in words.split_whitespace() {
            if let Some(shares) = points.get_mut(word) {
                shares[index(language)] = SELDOM_POINTS;
            }
        }
    }
    for word in ["o", "a"] {
        if let Some(shares) = points.get_mut(word) {
            shares[index(Language::Spanish)] = HALF_POINTS;
            shares[index(Language::Catalan)] = HALF_POINTS;
        }
    }
    // What all have in common tells nothing; what only some have counts for each of them.
    for shares in points.values_mut() {
        let total: f32 = shares.iter().sum();
        for share in shares {
            *share *= *share / total;
        }
    }
    points
});

static ACCENTED_WORDS: LazyLock<HashMap<&'static str, Language>> = LazyLock::new(|| {
    let words = ACCENTED
        .iter()
        .flat_map(|(language, words)| words.split_whitespace().map(|word| (word, *language)));
    let mut telling: HashMap<&'static str, Language> = HashMap::new();
    let mut shared: Vec<&'static str> = Vec::new();
    for (word, language) in words {
        if telling.insert(word, language).is_some() {
            shared.push(word);
        }
    }
    telling.retain(|word, _| !shared.contains(word));
    telling
});

/// Place of a language in [`Language::ALL`].
const fn index(language: Language) -> usize {
    match language {
        Language::Spanish => 0,
        Language::Catalan => 1,
        Language::Basque => 2,
        Language::Galician => 3,
        Language::English => 4,
    }
}

/// Tells the language of `text` by its words of grammar and by spellings that not all have.
///
/// What several languages share counts for each of them in part. Good for a page or a sentence;
/// on one or two words it may find nothing, and then says so.
#[must_use]
pub fn detect_language(text: &str) -> Detection {
    let mut points = [0.0_f32; 5];
    let mut add = |more: &[f32; 5]| {
        points
            .iter_mut()
            .zip(more)
            .for_each(|(sum, add)| *sum += add)
    };
    if text.contains(['¿', '¡']) {
        add(&[4.0, 0.3, 0.0, 0.7, 0.0]);
    }
    let is_part = |c: char| c.is_alphabetic() || matches!(c, '·' | '\'' | '’');
    for word in text
        .split(|c: char| !is_part(c))
        .filter(|word| !word.is_empty())
        .take(WORDS_READ)
    {
        let word = word.to_lowercase();
        let word = word.trim_matches(['·', '\'', '’']);
        let pieces: Vec<&str> = word.split(['\'', '’']).collect();
        // «l'hospital», «d'una»: of the five only Catalan elides so. «it's» is English.
        if let [first, _] = pieces.as_slice() {
            match *first {
                "l" | "d" | "s" | "n" | "m" | "t" | "c" => add(&[0.0, 3.0, 0.0, 0.0, 0.0]),
                _ => add(&[0.0, 0.3, 0.0, 0.0, 1.0]),
            }
        }
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            // Folding would make the Spanish «más» the Galician «mas»: accents count first.
            if let Some(language) = ACCENTED_WORDS.get(piece) {
                let mut speaks = [0.0; 5];
                speaks[index(*language)] = ACCENTED_POINTS;
                add(&speaks);
            } else if let Some(speaks) = WORD_POINTS.get(fold(piece).as_str()) {
                add(speaks);
            }
            if piece.chars().nth(2).is_some() {
                for (_, _, speaks) in SPELLINGS
                    .iter()
                    .filter(|(place, part, _)| stands(*place, part, piece))
                {
                    add(speaks);
                }
            }
        }
    }
    if points.iter().all(|sum| *sum < 1.0) {
        return Detection {
            language: None,
            confidence: 0.0,
        };
    }
    points[index(Language::Spanish)] += SPANISH_LEAD;
    let total = points.iter().sum::<f32>() + DOUBT;
    let best = Language::ALL
        .into_iter()
        .max_by(|a, b| points[index(*a)].total_cmp(&points[index(*b)]));
    Detection {
        language: best,
        confidence: best.map_or(0.0, |language| points[index(language)] / total),
    }
}

fn stands(place: Place, part: &str, word: &str) -> bool {
    match place {
        Place::Start => word.starts_with(part),
        Place::Inside => word.contains(part),
        Place::End => word.ends_with(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `texts`, how many in a hundred are told right.
    fn right(language: Language, texts: &[&str]) -> usize {
        let right = texts
            .iter()
            .filter(|text| detect_language(text).language == Some(language));
        100 * right.count() / texts.len()
    }

    const QUESTIONS: [(Language, &[&str]); 5] = [
        (
            Language::Spanish,
            &[
                "¿Cuál es la dosis inicial de bisoprolol en la insuficiencia cardíaca?",
                "cuando hay que suspender el enalapril",
                "qué hago si el potasio está por encima de 5,5",
                "criterios de ingreso por edema agudo de pulmón",
                "cada cuánto se revisa la función renal tras iniciar espironolactona",
                "contraindicaciones de los betabloqueantes",
                "puede tomar ibuprofeno un paciente con insuficiencia cardiaca",
                "valores de corte de NT-proBNP en urgencias según la edad",
                "a quién aviso si gana dos kilos en tres días",
                "dosis objetivo de sacubitrilo/valsartán",
            ],
        ),
        (
            Language::Catalan,
            &[
                "Quina és la dosi inicial de bisoprolol en la insuficiència cardíaca?",
                "quan s'ha de suspendre l'enalapril",
                "què faig si el potassi està per sobre de 5,5",
                "criteris d'ingrés per edema agut de pulmó",
                "cada quant es revisa la funció renal després d'iniciar espironolactona",
                "contraindicacions dels betablocadors",
                "pot prendre ibuprofèn un pacient amb insuficiència cardíaca",
                "valors de tall de NT-proBNP a urgències segons l'edat",
                "a qui aviso si guanya dos quilos en tres dies",
                "dosi objectiu de sacubitril/valsartan",
            ],
        ),
        (
            Language::Basque,
            &[
                "Zein da bisoprololaren hasierako dosia bihotz-gutxiegitasunean?",
                "noiz eten behar da enalaprila",
                "zer egin behar dut potasioa 5,5etik gora badago",
                "biriketako edema akutuagatik ospitaleratzeko irizpideak",
                "zenbatean behin berrikusten da giltzurrun-funtzioa",
                "betablokeatzaileen kontraindikazioak",
                "har al dezake ibuprofenoa bihotz-gutxiegitasuna duen gaixo batek",
                "NT-proBNPren ebaki-puntuak larrialdietan adinaren arabera",
                "nori abisatu hiru egunetan bi kilo irabazten baditu",
                "sakubitrilo/valsartanen helburuko dosia",
            ],
        ),
        (
            Language::Galician,
            &[
                "Cal é a dose inicial de bisoprolol na insuficiencia cardíaca?",
                "cando hai que suspender o enalapril",
                "que fago se o potasio está por riba de 5,5",
                "criterios de ingreso por edema agudo de pulmón nas urxencias",
                "cada canto se revisa a función renal despois de iniciar espironolactona",
                "contraindicacións dos betabloqueantes",
                "pode tomar ibuprofeno unha persoa con insuficiencia cardíaca",
                "valores de corte de NT-proBNP en urxencias segundo a idade",
                "a quen aviso se gaña dous quilos en tres días",
                "dose obxectivo de sacubitrilo/valsartán",
            ],
        ),
        (
            Language::English,
            &[
                "What is the starting dose of bisoprolol in heart failure?",
                "when should enalapril be stopped",
                "what to do if potassium is above 5.5",
                "criteria for admission with acute pulmonary oedema",
                "how often is renal function checked after starting spironolactone",
                "contraindications of beta-blockers",
                "can a patient with heart failure take ibuprofen",
                "cut-off values of NT-proBNP in the emergency department by age",
                "who do I call if weight goes up two kilos in three days",
                "target dose of sacubitril/valsartan",
            ],
        ),
    ];

    #[test]
    fn questions_of_the_clinic_are_told_in_all_five_languages() {
        for (language, questions) in QUESTIONS {
            let right = right(language, questions);
            assert!(right >= 90, "{language}: {right} of 100");
        }
    }

    #[test]
    fn where_the_words_tell_nothing_nothing_is_claimed() {
        for text in ["", "12 mg", "NT-proBNP", "?"] {
            let detection = detect_language(text);
            assert_eq!(detection.language, None, "{text}");
            assert_eq!(detection.or_spanish(), Language::Spanish);
        }
    }

    #[test]
    fn more_evidence_and_less_shared_is_surer() {
        let shared = detect_language("dosis objetivo");
        let telling = detect_language("¿Qué hay que hacer cuando los riñones y el hígado fallan?");
        assert!(telling.confidence > shared.confidence);
        assert!(telling.confidence <= 1.0);
    }
}
