//! A first look at a file of weights: is it one, and is it all there? The loader looks closer.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

use super::error::StoreError;

/// The longest header that a safetensors file may have (the limit of the format's own reader).
const MAX_HEADER: u64 = 100_000_000;

/// Looks at the first bytes and the length of a `.safetensors` or `.gguf` file; other files pass.
///
/// # Errors
/// [`StoreError::Damaged`], [`StoreError::Io`].
pub(super) fn look(path: &Path, name: &str) -> Result<(), StoreError> {
    let safetensors = name.ends_with(".safetensors");
    if !safetensors && !name.ends_with(".gguf") {
        return Ok(());
    }
    let failed = |error| StoreError::io(name, error);
    let damaged = |reason: &str| StoreError::Damaged {
        file: name.to_owned(),
        reason: reason.to_owned(),
    };
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut first = [0; 8];
    match file.read_exact(&mut first) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(damaged("está casi vacío"));
        }
        Err(error) => return Err(failed(error)),
    }
    if &first == b"version " {
        return Err(damaged(
            "es un puntero de Git LFS, no el fichero: descárguelo con «git lfs pull»",
        ));
    }
    if !safetensors {
        return if first.starts_with(b"GGUF") {
            Ok(())
        } else {
            Err(damaged("no empieza como un GGUF"))
        };
    }
    let header = u64::from_le_bytes(first);
    if header > MAX_HEADER || header > length.saturating_sub(8) {
        return Err(damaged("no empieza como un safetensors"));
    }
    let mut text = Vec::new();
    file.take(header).read_to_end(&mut text).map_err(failed)?;
    let tensors: BTreeMap<String, Value> =
        serde_json::from_slice(&text).map_err(|_| damaged("su cabecera no se entiende"))?;
    let ends = tensors
        .iter()
        .filter(|(tensor, _)| *tensor != "__metadata__")
        .map(|(_, tensor)| tensor["data_offsets"][1].as_u64())
        .try_fold(0, |most: u64, end| Some(most.max(end?)))
        .ok_or_else(|| damaged("su cabecera no se entiende"))?;
    let whole = ends.checked_add(8 + header);
    if whole == Some(length) {
        Ok(())
    } else {
        Err(damaged("su longitud no es la que dice su cabecera"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, bytes: &[u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        look(&path, name).map_err(|error| error.to_string())
    }

    fn safetensors(data: usize) -> Vec<u8> {
        let header = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header);
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn a_file_of_weights_that_is_cut_short_or_is_another_thing_is_damaged() {
        assert_eq!(check("m.safetensors", &safetensors(8)), Ok(()));
        assert_eq!(check("m.gguf", b"GGUF\x03\0\0\0and so on"), Ok(()));
        assert_eq!(check("config.json", b""), Ok(()));
        for (name, bytes) in [
            ("m.safetensors", safetensors(7)),
            ("m.safetensors", safetensors(9)),
            ("m.safetensors", Vec::new()),
            ("m.safetensors", vec![0xff; 64]),
            ("m.safetensors", b"\x02\0\0\0\0\0\0\0[]".to_vec()),
            ("m.safetensors", b"<!doctype html><title>403".to_vec()),
            ("m.gguf", b"GGML\x03\0\0\0".to_vec()),
            ("m.gguf", b"GG".to_vec()),
        ] {
            let refused = check(name, &bytes).expect_err("it was taken");
            assert!(refused.contains(name), "{refused}");
        }
        let pointer = check(
            "m.safetensors",
            b"version https://git-lfs.github.com/spec/v1\n",
        );
        assert!(pointer.unwrap_err().contains("Git LFS"));
    }
}
