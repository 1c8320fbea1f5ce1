//! The words that carry no subject matter, for each language, folded as [`crate::fold`] does.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::stem::stem;
use crate::Language;

/// Words of grammar. Words of negation and exception are in the list below instead.
const FUNCTION: [(Language, &str); 5] = [
    (
        Language::Spanish,
        "a al algo alguna algunas alguno algunos algun ante antes aquel aquella aquellas aquello \
         aquellos aqui asi aun aunque bien cada casi como con contra cual cuales cualquier \
         cualquiera cuando cuanta cuantas cuanto cuantos cuya cuyas cuyo cuyos da dan de del desde \
         despues donde dos durante e el ella ellas ello ellos en entonces entre era eran es esa esas \
         ese eso esos esta estaba estaban estado estan estar estas este esto estos fue fueron ha haber \
         habia habian han hasta hay he hemos incluso ir junto la las le les lo los luego mas me mi \
         mientras mis mismo misma mismos mismas mucha muchas mucho muchos muy nos nosotros nuestra \
         nuestras nuestro nuestros o os otra otras otro otros para pero poco por porque pues que quien \
         quienes se sea sean segun ser si sido siendo sobre son soy su sus suya suyo tal tales \
         tambien tan tanto te ti tiene tienen toda todas todo todos tras tu tus u un una unas uno \
         unos usted ustedes vez y ya yo",
    ),
    (
        Language::Catalan,
        "a abans aixi aixo al als alguna algunes algun alguns alla allo altra altre altres amb ambdos \
         aquell aquella aquelles aquells aquest aquesta aquestes aquests aqui ara bastant be cada com \
         cada contra d dalt de del dels des despres dins doncs durant e el ella elles ells els em en \
         encara enfront ens entre era eren es esta estan estat estava et fa fins fou foren ha haver havia \
         havien han hi i ja jo l la les li llavors llur llurs lo los m ma mateix mateixa mateixes \
         mateixos me mentre meu meva mes molt molta moltes molts mon n ne nosaltres nostra nostre nostres \
         o on pel pels per pero perque poc poca pocs poques potser primer qual quals qualsevol quan quant \
         quanta quantes quants que quelcom qui quin quina quines quins s sa segons ser ses seu seua seus seva \
         seves si sino sigui siguin sobre son sota sovint t ta tal tals tambe tan tant te tenen teu teva \
         tot tota totes tots un una unes uns us va van vers vos vostra vostre vostres aquesta aixo cal",
    ),
    (
        Language::Basque,
        "ai al anitz arabera arte asko aurka aurrean aurretik azken baina baino bakoitza bakoitzean bakoitzeko \
         baldin bat batean bateko baten batera batez batzuek batzuen batzuk bera beraien berak bere berean \
         bera berez berriz beste besteak bestela bezain bezala bi bidez bitartean da dago dagoen daiteke \
         daitezke dela delako den denean dena denak deus dezake dezakegu dezakete dira direla diren dit du \
         dugu dut dute dutela duten duela duen dituen dituzte ditu edo edota edozein egin egiteko egiten ek \
         en era ere erdi eta etc etik ez gainera gainean gara garen gero gu guzti guztia guztiak guztien \
         haiek hain hala han hango hara hargatik hari hark hartan hau hauek hauetan hala hemen hemendik hona \
         honako honek honela honen hor hori horiek horko horrek horrela horren hura inguru inork ista izan izango \
         izaten jakin kontra nahi nahiz naiz ni nire nik noiz nola non nondik nor nork nahiko oso oro orain ondoren \
         orduan osterantzean pean ta tik to tzat tzen ze zein zeinek zeintzuk zenbait zenbat zenbatekoa zer zergatik \
         zertarako zituen zitzaion zuen zure zuten zaio zaie ziren zen behar beharko",
    ),
    (
        Language::Galician,
        "a ademais ainda al algun algunha algunhas alguns ali alo ante antes ao aos aquel aquela aquelas aquela \
         aqueles aquilo aqui arredor as asi ben cada cal cales calquera case co coa coas como con contra \
         cos cun cunha cunhas cuns da das de del dela delas deles desde despois do dos dun dunha dunhas \
         duns durante e el ela elas eles en entre era eran es esa esas ese eses esta estaba estar estas este \
         estes estan foi foron fronte ha habia haber hai isto iso inda la las lle lles lo los mais me mellor menos \
         mentres mesma mesmas mesmo mesmos meu mesmo mina moi moita moitas moito moitos na nas nel nela neles \
         nesta neste neses nestas nestes no nos nosa noso nosas nosos noutra noutro nun nunha nunhas nuns o onde \
         os ou outra outras outro outros para pero pode podese pola polas polo polos por porque pois que quen quenes \
         canto canta cantos cantas cando se seu seus sexa sexan ser si sobre son sua suas ta tal tamen tan tanto te \
         tede tena teno ten tenen teu ti toda todas todo todos tras tu un unha unhas unha uns vosa voso xa xunto",
    ),
    (
        Language::English,
        "a about above after again all also although am among an and any are as at be because been before \
         being below between both but by can could did do does doing down during each either few for from \
         further had has have having he her here hers him his how however i if in into is it its itself \
         just may me might more most much must my of off on once only or other our out over own same \
         shall she should so some such than that the their them then there these they this those through \
         thus to too under until up upon us very via was we were what when where whether which while who \
         whom whose why will with within would you your",
    ),
];

/// Negation and exception: never dropped, for they turn a sentence round.
const NEGATION: [(Language, &str); 5] = [
    (
        Language::Spanish,
        "no sin ni nunca jamas tampoco ningun ninguna ninguno nada nadie salvo excepto",
    ),
    (
        Language::Catalan,
        "no sense ni mai tampoc cap ningu res tret llevat excepte",
    ),
    (Language::Basque, "ez gabe inoiz ezin ezik inor ezer salbu"),
    (
        Language::Galician,
        "non sen nin nunca xamais tampouco ningun ningunha nada ninguen agas salvo excepto",
    ),
    (
        Language::English,
        "no not without never nor neither none nothing except unless cannot",
    ),
];

/// Words that only make a sentence a question or a request.
const ASKING: &str = "que cual cuales como cuando cuanto cuanta cuantos cuantas donde quien quienes porque \
    quin quina quins quines quan quant quanta quants quantes on qui com per \
    zer zein zeintzuk nola noiz zenbat non nork nor zenbatekoa zergatik \
    cal cales cando canto canta cantos cantas onde quen \
    what which how when where who whom why whose \
    debe deben deberia deberian debemos debo puede pueden podria podrian puedo podemos hay hace hacen hacer hago \
    significa dime explica explique diga indique indica existe existen favor \
    cal calen pot poden puc podem fer fa fan deu deuen haig hem existeix existeixen digues expliqui \
    behar dezaket daiteke daitezke egin egiten dagoen dauden esan \
    debe deben pode poden podo podemos facer fai fan existe existen \
    can could should must may do does did is are was were would will please tell explain";

/// Words so general in a hospital's papers that a question hangs on the others.
const GENERAL: &str = "dosis dosi dose doses dosia paciente pacientes pacient pacients gaixo gaixoa gaixoak gaixoaren patient patients \
    tratamiento tratamientos tractament tractaments tratamento tratamentos tratamendu tratamendua treatment treatments \
    caso casos cas kasu kasuan case cases tipo tipos tipus mota type types valor valores valors balio balioa value values \
    persona personas persones pertsona person people uso us erabilera use used usar utilizar utiliza \
    medicamento medicamentos medicament medicaments botika farmaco farmacos farmac farmacs drug drugs \
    recomienda recomiendan recomendado recomendada recomendable recomana recomanen recomanat recomendan gomendatzen \
    recommended recommend documento documentos protocolo protocolos protocol protocols protokolo protokoloa \
    parte partes part parts zati numero numeros nombre nombres number ano anos any anys urte year years \
    dar dan da dado administrar administra tomar toma tener tiene tienen necesita necesitan realizar realiza \
    bajo baja bajos bajas baixo baixa alto alta altos altas principal principales principals main segun durante antes despues primera primero primer";

/// What a word is for, in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordRole {
    /// Grammar: dropped.
    Function,
    /// Negation or exception: kept whole.
    Negation,
    /// Anything else.
    Content,
}

type Roles = HashMap<&'static str, WordRole>;

static ROLES: LazyLock<HashMap<Language, Roles>> = LazyLock::new(|| {
    let mut roles: HashMap<Language, Roles> = HashMap::new();
    for (language, words) in FUNCTION {
        let listed = words
            .split_whitespace()
            .map(|word| (word, WordRole::Function));
        roles.entry(language).or_default().extend(listed);
    }
    for (language, words) in NEGATION {
        let listed = words
            .split_whitespace()
            .map(|word| (word, WordRole::Negation));
        roles.entry(language).or_default().extend(listed);
    }
    roles
});

/// What a folded word is for in `language`.
pub(crate) fn word_role(folded: &str, language: Language) -> WordRole {
    let listed = ROLES.get(&language).and_then(|roles| roles.get(folded));
    listed.copied().unwrap_or(WordRole::Content)
}

/// Whether a folded word negates or excepts in any of the languages.
pub(super) fn negates_anywhere(folded: &str) -> bool {
    Language::ALL
        .iter()
        .any(|language| word_role(folded, *language) == WordRole::Negation)
}

/// Whether a folded word is grammar in any of the languages and negates in none.
pub(super) fn is_grammar_anywhere(folded: &str) -> bool {
    let in_one = Language::ALL
        .iter()
        .any(|language| word_role(folded, *language) == WordRole::Function);
    in_one && !negates_anywhere(folded)
}

/// The words of grammar and negation of each language.
pub(crate) fn grammar_words() -> impl Iterator<Item = (Language, &'static str)> {
    let all = FUNCTION.iter().chain(NEGATION.iter());
    all.flat_map(|(language, words)| words.split_whitespace().map(|word| (*language, word)))
}

static ASKING_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| ASKING.split_whitespace().collect());
static GENERAL_WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| GENERAL.split_whitespace().collect());

/// Whether a folded word only makes a sentence a question or a request.
pub(super) fn only_asks(folded: &str) -> bool {
    ASKING_WORDS.contains(folded)
}

/// Whether a folded word is so general that a question hangs on its other words.
pub(super) fn is_general(folded: &str) -> bool {
    GENERAL_WORDS.contains(folded)
}

/// The stems of the general words, in each of the languages.
static GENERAL_STEMS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let stems = GENERAL_WORDS
        .iter()
        .flat_map(|word| Language::ALL.map(|language| stem(word, language)));
    stems.collect()
});

/// Whether a term's key is that of a general word.
pub(super) fn is_general_key(key: &str) -> bool {
    match key.strip_prefix('~') {
        Some(stem) => GENERAL_STEMS.contains(stem),
        None => is_general(key),
    }
}
