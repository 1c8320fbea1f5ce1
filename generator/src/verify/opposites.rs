//! Pairs of words that turn a sentence round and look so alike that a model takes one for the
//! other. Where a source says the one, its heading may not lend the other.

/// Beginnings of folded words, each pair with its opposites in five languages. A word that ends
/// with `$` is meant whole.
const PAIRS: &[(&str, &str)] = &[
    ("agud acute$ akut", "cronic chronic kronik"),
    ("sistolic systolic sistolik", "diastolic diastolik"),
    (
        "reducid$ reducida$ reducido$ reducidas$ reducidos$ reduida$ reduit$ reduced$ murriztu",
        "preservad conservad preservat conservat preserved kontserbat",
    ),
    ("hiper hyper", "hipo hypo"),
    ("taqui taki tachy", "bradi brady"),
    (
        "izquierd esquerr esquerd ezker left$",
        "derech dret$ dreta$ dereit eskuin right$",
    ),
    (
        "alto$ alta$ altos$ altas$ alt$ altes$ alts$ elevad elevat altu high$",
        "bajo$ baja$ bajos$ bajas$ baix baxu low$",
    ),
    (
        "antes$ abans$ aurretik$ before$",
        "despues$ despres$ despois$ ondoren$ after$",
    ),
    ("mas$ mais$ gehiago$ more$", "menos$ menys$ gutxiago$ less$"),
    (
        "mayor superior$ superiores$ major maior handiago higher$ greater$ above$",
        "menor inferior txikiago lower$ smaller$ below$",
    ),
    ("maxim", "minim"),
    ("estable$ estables$ stable$", "inestabl unstable$ ezegonkor"),
];

/// Whether a claim says one word of a pair where the source says the other alone.
pub(super) fn turns_round(claim: &[String], source: &[String]) -> bool {
    let says = |text: &[String], list: &str| {
        text.iter().any(|word| {
            list.split(' ').any(|cue| match cue.strip_suffix('$') {
                Some(whole) => word == whole,
                None => word.starts_with(cue),
            })
        })
    };
    PAIRS
        .iter()
        .flat_map(|(one, other)| [(one, other), (other, one)])
        .any(|(said, opposite)| says(claim, said) && !says(source, said) && says(source, opposite))
}
