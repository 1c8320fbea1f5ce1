//! From a path to a model: what there is, whether it is whole, whether it fits, then its weights.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;

use super::config::ModelConfig;
use super::device::{available, device_for};
use super::error::LoadError;
use super::folder::Folder;
use super::gguf::Gguf;
use super::options::LoadOptions;
use super::plan::{Load, MemoryPlan};
use super::shards::read_json_if_any;
use super::template::ChatTemplate;
use super::tokenizer::ModelTokenizer;
use super::weights::Weights;
use super::{Model, last_name};
use crate::compute::BLOCK_TOKENS;
use crate::store::{Manifest, ManifestError, ManifestFile, digest_file, read_beside_weights};

/// Tokens that end a turn whatever the configuration forgets to say.
const TURN_ENDS: [&str; 2] = ["<|im_end|>", "<|eot_id|>"];

/// What there is at a path.
enum Found {
    Published(PathBuf),
    Gguf { folder: PathBuf, file: PathBuf },
}

enum Headers {
    Published(Box<Folder>),
    Gguf(Box<Gguf>),
}

pub(super) fn open(path: &Path, options: &LoadOptions) -> Result<Model, LoadError> {
    let found = find(path)?;
    if options.adapter.is_some() && matches!(found, Found::Gguf { .. }) {
        return Err(LoadError::Adapter {
            reason: "el modelo es un GGUF; use los pesos originales (safetensors)".to_owned(),
        });
    }
    // Headers first: what they refuse need not be hashed.
    let (headers, folder) = match &found {
        Found::Published(folder) => {
            let published = Folder::open(folder, options)?;
            (Headers::Published(Box::new(published)), folder)
        }
        Found::Gguf { folder, file } => (Headers::Gguf(Box::new(Gguf::open(file)?)), folder),
    };
    let mut config = match &headers {
        Headers::Published(published) => published.config.clone(),
        Headers::Gguf(gguf) => gguf.config.clone(),
    };
    let tokenizer = tokenizer(&headers, folder, config.vocab)?;
    complete_stops(&mut config, &headers, folder, &tokenizer)?;
    let template = template(&headers, folder, &tokenizer)?;

    let context_tokens = window(&config, options)?;
    let cache_tokens = match options.cache_tokens {
        0 => context_tokens.next_multiple_of(BLOCK_TOKENS),
        tokens => tokens,
    };
    let device = device_for(options.device, &config)?;
    let free = available(&device).min(options.memory_limit.unwrap_or(u64::MAX));
    let bytes = match &headers {
        Headers::Published(published) => published.bytes(&device),
        Headers::Gguf(gguf) => gguf.bytes(&device),
    };
    let load = Load {
        cache_tokens,
        context_tokens,
        step_tokens: options.step_tokens,
    };
    let plan = MemoryPlan::new(&config, bytes, load, free);
    tracing::info!(
        weights = plan.weights,
        cache = plan.cache,
        workspace = plan.workspace,
        available = plan.available,
        "memory plan"
    );
    if !plan.fits() {
        return Err(LoadError::Memory { plan });
    }
    let digest = digest(&found, &headers, options.adapter.as_deref())?;
    let weights = read(headers, &device)?;
    Ok(Model {
        config,
        weights,
        tokenizer: Arc::new(tokenizer),
        template,
        device,
        name: last_name(path),
        digest,
        plan,
        context_tokens,
        cache_tokens,
    })
}

fn find(path: &Path) -> Result<Found, LoadError> {
    let name = || last_name(path);
    if path.is_file() {
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let file = path.to_owned();
        return Ok(Found::Gguf { folder, file });
    }
    if !path.is_dir() {
        return Err(LoadError::NotFound { name: name() });
    }
    let published = ["model.safetensors", "model.safetensors.index.json"];
    let has = |file: &str| path.join(file).exists();
    let entries = std::fs::read_dir(path).map_err(|source| LoadError::Read {
        file: name(),
        source,
    })?;
    let mut ggufs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            file.extension()
                .is_some_and(|end| end.eq_ignore_ascii_case("gguf"))
        })
        .collect();
    if published.iter().any(|file| has(file)) || (ggufs.is_empty() && has("config.json")) {
        return Ok(Found::Published(path.to_owned()));
    }
    match (ggufs.pop(), ggufs.is_empty()) {
        (Some(file), true) => Ok(Found::Gguf {
            folder: path.to_owned(),
            file,
        }),
        (Some(_), false) => Err(LoadError::Several { name: name() }),
        (None, _) => Err(LoadError::NotAModel { name: name() }),
    }
}

fn tokenizer(headers: &Headers, folder: &Path, vocab: usize) -> Result<ModelTokenizer, LoadError> {
    let beside = folder.join("tokenizer.json");
    match headers {
        Headers::Gguf(gguf) if !beside.exists() => {
            Ok(ModelTokenizer::from_gguf(gguf.metadata(), vocab)?)
        }
        Headers::Gguf(gguf) => {
            let read = ModelTokenizer::from_file(&beside, vocab)?;
            if gguf.agrees_with(&read) {
                Ok(read)
            } else {
                Err(LoadError::TokenizerDiffers)
            }
        }
        Headers::Published(_) => Ok(ModelTokenizer::from_file(&beside, vocab)?),
    }
}

/// Every way to end a turn: those of the files, and the usual ones if the tokenizer has them.
fn complete_stops(
    config: &mut ModelConfig,
    headers: &Headers,
    folder: &Path,
    tokenizer: &ModelTokenizer,
) -> Result<(), LoadError> {
    if matches!(headers, Headers::Gguf(_))
        && let Some(generation) = read_json_if_any(folder, "generation_config.json")?
    {
        let more = super::config::stop_ids("generation_config.json", &generation)?;
        config.stop_ids.extend(more);
        config.check("generation_config.json")?;
    }
    let usual = TURN_ENDS.iter().filter_map(|text| tokenizer.id_of(text));
    config
        .stop_ids
        .extend(usual.filter(|id| tokenizer.special(*id)));
    if config.stop_ids.is_empty() {
        return Err(LoadError::NoStop);
    }
    Ok(())
}

fn template(
    headers: &Headers,
    folder: &Path,
    tokenizer: &ModelTokenizer,
) -> Result<ChatTemplate, LoadError> {
    let ends = match headers {
        Headers::Gguf(gguf) => ["bos", "eos"].map(|name| {
            let key = format!("tokenizer.ggml.{name}_token_id");
            gguf.token(&key).unwrap_or("")
        }),
        Headers::Published(_) => [""; 2],
    };
    if let Some(template) = ChatTemplate::from_folder(folder, ends)? {
        return Ok(template);
    }
    if let Headers::Gguf(gguf) = headers
        && let Some(source) = gguf.text("tokenizer.chat_template")
    {
        let [bos, eos] = ends;
        return Ok(ChatTemplate::new(source, bos, eos)?);
    }
    if tokenizer.id_of("<|im_start|>").is_some() {
        return Ok(ChatTemplate::chat_ml()?);
    }
    Err(LoadError::NoTemplate)
}

fn window(config: &ModelConfig, options: &LoadOptions) -> Result<usize, LoadError> {
    let most = config.max_positions;
    match options.context_tokens {
        0 => Ok(most),
        wanted if wanted <= most => Ok(wanted),
        wanted => Err(LoadError::Window { wanted, most }),
    }
}

/// Checks what is to be read against the manifests beside it, and gives its identity.
fn digest(found: &Found, headers: &Headers, adapter: Option<&Path>) -> Result<String, LoadError> {
    let base = match (found, headers) {
        (Found::Gguf { folder, file }, _) => digest_files(folder, &[&last_name(file)])?,
        (Found::Published(folder), Headers::Published(published)) => {
            digest_files(folder, &published.files().collect::<Vec<_>>())?
        }
        (Found::Published(folder), Headers::Gguf(_)) => digest_files(folder, &[])?,
    };
    match (adapter, headers) {
        (Some(folder), Headers::Published(published)) => {
            let adapter = digest_files(folder, &published.adapter_files())?;
            Ok(format!("{base}+{adapter}"))
        }
        _ => Ok(base),
    }
}

/// With a manifest all that is read must be as it says; without one the weights identify the model.
fn digest_files(folder: &Path, weights: &[&str]) -> Result<String, LoadError> {
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => manifest,
        Err(ManifestError::Missing) => return digest_loose(folder, weights),
        Err(other) => return Err(other.into()),
    };
    let small: Vec<&str> = read_beside_weights()
        .filter(|file| folder.join(file).exists())
        .collect();
    for file in small.iter().chain(weights) {
        if !manifest.files.contains_key(*file) {
            let file = (*file).to_owned();
            return Err(ManifestError::Unlisted { file }.into());
        }
    }
    manifest.verify(folder, &mut |_| {})?;
    Ok(manifest.digest())
}

fn digest_loose(folder: &Path, weights: &[&str]) -> Result<String, LoadError> {
    let mut files = BTreeMap::new();
    for name in weights {
        let read =
            digest_file(&folder.join(name), &mut |_| {}).map_err(|source| LoadError::Read {
                file: (*name).to_owned(),
                source,
            })?;
        if weights.len() == 1 {
            return Ok(read.sha256);
        }
        let file = ManifestFile {
            sha256: read.sha256,
            bytes: read.bytes,
        };
        files.insert((*name).to_owned(), file);
    }
    Ok(Manifest::new("", files).digest())
}

fn read(headers: Headers, device: &Device) -> Result<Weights, LoadError> {
    let (_, weights) = match headers {
        Headers::Published(published) => published.weights(device)?,
        Headers::Gguf(gguf) => gguf.weights(device)?,
    };
    Ok(weights)
}
