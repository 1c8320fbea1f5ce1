//! Which files of a folder or repository a model is made of. Only those are taken.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::error::StoreError;
use super::names::file_name;

/// The list of shards beside weights in several files.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// Weights in one file.
const SINGLE: &str = "model.safetensors";

/// What a PEFT adapter is made of.
const ADAPTER: [&str; 2] = [ADAPTER_CONFIG, "adapter_model.safetensors"];
const ADAPTER_CONFIG: &str = "adapter_config.json";
const ADAPTER_INDEX: &str = "adapter_model.safetensors.index.json";

/// What says how a model is computed; a GGUF file says it itself.
const CONFIG: &str = "config.json";

/// What stands beside the weights, a GGUF file's too, and is read where it is there.
const BESIDE: [&str; 5] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
];

/// What is taken along and never read: the terms of the licence.
const TERMS: [&str; 4] = ["LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE"];

/// What is taken along and never read: `tokenizer.json` says the same, but other programs that are
/// given the folder look for it.
const FOR_OTHERS: [&str; 2] = ["special_tokens_map.json", "added_tokens.json"];

/// Whatever is read besides weights, where it is there, so that it must stand in the manifest:
/// loading and `models verify` both go by this list.
pub(crate) fn read_beside_weights() -> impl Iterator<Item = &'static str> {
    let others = [CONFIG, INDEX, ADAPTER_CONFIG, ADAPTER_INDEX];
    others.into_iter().chain(BESIDE)
}

/// Endings of weights that are pickled Python objects.
const PICKLED: [&str; 6] = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"];

/// Chooses a model's files among `names` (those at the top of the folder or repository).
/// `index` is the text of [`INDEX`] where there is one, and `wanted` the one file of weights that
/// was asked for by name.
///
/// # Errors
/// [`StoreError::NotAModel`], [`StoreError::Pickle`], [`StoreError::FileName`].
pub(super) fn choose(
    names: &BTreeSet<String>,
    index: Option<&str>,
    wanted: Option<&str>,
) -> Result<BTreeSet<String>, StoreError> {
    if let Some(wanted) = wanted {
        if !names.contains(wanted) {
            return Err(no_model(&format!("no hay ningún fichero {wanted}")));
        }
        if !wanted.ends_with(".gguf") {
            return Err(no_model(&format!("{wanted} no es un fichero .gguf")));
        }
        return gguf(names, wanted);
    }
    if let Some(index) = index {
        let shards = shards(index)?;
        if let Some(missing) = shards.iter().find(|shard| !names.contains(*shard)) {
            return Err(no_model(&format!("falta {missing}, que {INDEX} nombra")));
        }
        let mut files = beside(names)?;
        files.insert(INDEX.to_owned());
        files.extend(shards);
        return Ok(files);
    }
    if names.contains(SINGLE) {
        let mut files = beside(names)?;
        files.insert(SINGLE.to_owned());
        return Ok(files);
    }
    if ADAPTER.iter().all(|name| names.contains(*name)) {
        return Ok(ADAPTER.map(str::to_owned).into());
    }
    let ggufs: Vec<&String> = names
        .iter()
        .filter(|name| name.ends_with(".gguf"))
        .collect();
    match ggufs[..] {
        [] => {}
        [one] => return gguf(names, one),
        _ => {
            let listed = ggufs
                .iter()
                .take(40)
                .map(|name| name.as_str())
                .collect::<Vec<_>>();
            return Err(no_model(&format!(
                "hay varios ficheros .gguf, diga cuál con --file: {}",
                listed.join(", ")
            )));
        }
    }
    let pickled = |name: &&String| PICKLED.iter().any(|ending| name.ends_with(ending));
    Err(match names.iter().find(pickled) {
        Some(file) => StoreError::Pickle { file: file.clone() },
        None => no_model("no hay pesos (model.safetensors o un fichero .gguf)"),
    })
}

fn gguf(names: &BTreeSet<String>, weights: &str) -> Result<BTreeSet<String>, StoreError> {
    file_name(weights)?;
    // `name-00001-of-00003.gguf`, as llama.cpp splits files.
    if weights.contains("-of-0") {
        return Err(no_model(&format!(
            "{weights} es parte de un GGUF partido: únalo antes con «llama-gguf-split --merge»"
        )));
    }
    let mut files = those_of(names, BESIDE.iter().chain(&TERMS));
    files.insert(weights.to_owned());
    Ok(files)
}

fn beside(names: &BTreeSet<String>) -> Result<BTreeSet<String>, StoreError> {
    for needed in [CONFIG, "tokenizer.json"] {
        if !names.contains(needed) {
            return Err(no_model(&format!("falta {needed}")));
        }
    }
    let taken = [CONFIG]
        .iter()
        .chain(&BESIDE)
        .chain(&TERMS)
        .chain(&FOR_OTHERS);
    Ok(those_of(names, taken))
}

fn those_of<'a>(
    names: &BTreeSet<String>,
    taken: impl Iterator<Item = &'a &'a str>,
) -> BTreeSet<String> {
    taken
        .filter(|name| names.contains(**name))
        .map(|name| (*name).to_owned())
        .collect()
}

/// The shards that an index names.
fn shards(index: &str) -> Result<BTreeSet<String>, StoreError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, Value>,
    }
    let unreadable = || no_model(&format!("{INDEX} no se entiende"));
    let index: Index = serde_json::from_str(index).map_err(|_| unreadable())?;
    let mut shards = BTreeSet::new();
    for shard in index.weight_map.values() {
        let shard = file_name(shard.as_str().ok_or_else(unreadable)?)?;
        if !shard.ends_with(".safetensors") {
            return Err(if PICKLED.iter().any(|ending| shard.ends_with(ending)) {
                StoreError::Pickle {
                    file: shard.to_owned(),
                }
            } else {
                unreadable()
            });
        }
        shards.insert(shard.to_owned());
    }
    if shards.is_empty() {
        return Err(unreadable());
    }
    Ok(shards)
}

/// Whether a file would be read as part of a model, so that it must stand in the manifest.
pub(super) fn is_read(name: &str) -> bool {
    read_beside_weights().any(|read| read == name)
        || name.ends_with(".safetensors")
        || name.ends_with(".gguf")
}

fn no_model(reason: &str) -> StoreError {
    StoreError::NotAModel {
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn check(there: &[&str], index: Option<&str>, wanted: Option<&str>) -> Result<String, String> {
        choose(&names(there), index, wanted)
            .map(|files| files.into_iter().collect::<Vec<_>>().join(" "))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_as_published_gives_weights_and_what_reads_them_and_nothing_else() {
        let there = [
            "README.md",
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            "pytorch_model.bin",
            "training_args.bin",
            "consolidated.safetensors",
            "run.py",
        ];
        assert_eq!(
            check(&there, None, None).unwrap(),
            "config.json model.safetensors tokenizer.json"
        );
    }

    #[test]
    fn the_index_says_which_shards_are_taken_and_each_must_be_there() {
        let there = [
            "config.json",
            "tokenizer.json",
            INDEX,
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "old.safetensors",
        ];
        let index = r#"{"metadata":{},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#;
        let taken = check(&there, Some(index), None).unwrap();
        assert!(taken.contains("model-00002-of-00002.safetensors") && !taken.contains("old"));
        let refused = check(&there[..4], Some(index), None).unwrap_err();
        assert!(refused.contains("falta model-00002-of-00002"), "{refused}");
        for bad in [
            r#"{"weight_map":{"a":"../../etc/passwd"}}"#,
            r#"{"weight_map":{"a":"/etc/x.safetensors"}}"#,
            r#"{"weight_map":{"a":"pytorch_model.bin"}}"#,
            r#"{"weight_map":{"a":7}}"#,
            r#"{"weight_map":{}}"#,
            "[]",
            "",
        ] {
            assert!(check(&there, Some(bad), None).is_err(), "{bad}");
        }
    }

    #[test]
    fn one_gguf_is_taken_with_its_tokenizer_and_of_several_the_one_asked_for() {
        let one = ["m.Q4_K_M.gguf", "tokenizer.json", "config.json"];
        assert_eq!(
            check(&one, None, None).unwrap(),
            "m.Q4_K_M.gguf tokenizer.json"
        );
        let several = ["m.Q4_K_M.gguf", "m.Q8_0.gguf"];
        let refused = check(&several, None, None).unwrap_err();
        assert!(refused.contains("--file"), "{refused}");
        assert_eq!(
            check(&several, None, Some("m.Q8_0.gguf")).unwrap(),
            "m.Q8_0.gguf"
        );
        assert!(check(&several, None, Some("m.Q5_0.gguf")).is_err());
        assert!(check(&["m-00001-of-00002.gguf"], None, None).is_err());
    }

    #[test]
    fn what_the_loader_reads_is_taken_and_what_it_does_not_read_is_not_checked() {
        let mut there: Vec<&str> = read_beside_weights()
            .filter(|name| *name != INDEX && !name.starts_with("adapter"))
            .collect();
        there.extend(TERMS);
        there.push("special_tokens_map.json");
        there.push(SINGLE);
        there.sort_unstable();
        assert_eq!(check(&there, None, None).unwrap(), there.join(" "));
        assert!(there.contains(&"chat_template.json"));
        there.retain(|name| ![CONFIG, SINGLE, "special_tokens_map.json"].contains(name));
        there.push("m.gguf");
        there.sort_unstable();
        assert_eq!(check(&there, None, None).unwrap(), there.join(" "));
        let unread = TERMS.iter().chain(&FOR_OTHERS);
        assert!(unread.copied().all(|name| !is_read(name)));
        assert!(read_beside_weights().chain(ADAPTER).all(is_read));
    }

    #[test]
    fn pickled_weights_are_refused_where_there_are_no_others() {
        let refused = check(
            &["config.json", "tokenizer.json", "pytorch_model.bin"],
            None,
            None,
        );
        assert!(refused.unwrap_err().contains("pickle"));
        let nothing = check(&["config.json", "tokenizer.json"], None, None);
        assert!(nothing.unwrap_err().contains("no hay pesos"));
    }

    #[test]
    fn an_adapter_is_its_two_files() {
        let there = ["adapter_config.json", "adapter_model.safetensors", "x.bin"];
        assert_eq!(
            check(&there, None, None).unwrap(),
            "adapter_config.json adapter_model.safetensors"
        );
    }
}
