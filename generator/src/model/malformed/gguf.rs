//! GGUF headers that lie, and files of other models.

use std::io::Cursor;

use super::error;
use crate::model::LoadError;
use crate::model::gguf::{GgufError, Header};
use crate::model::golden::{assembled, fixture, on_cpu};

/// A GGUF file written by hand.
#[derive(Default)]
struct Hand {
    keys: Vec<(String, u32, Vec<u8>)>,
    tensors: Vec<(String, Vec<u64>, u32, u64)>,
    data: usize,
    claims: Option<(u64, u64)>,
}

impl Hand {
    fn key(mut self, name: &str, kind: u32, bytes: &[u8]) -> Self {
        self.keys.push((name.to_owned(), kind, bytes.to_vec()));
        self
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors
            .push((name.to_owned(), shape.to_vec(), kind, offset));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend((text.len() as u64).to_le_bytes());
            out.extend(text.as_bytes());
        };
        let (tensors, keys) = self
            .claims
            .unwrap_or((self.tensors.len() as u64, self.keys.len() as u64));
        out.extend(tensors.to_le_bytes());
        out.extend(keys.to_le_bytes());
        for (name, kind, bytes) in &self.keys {
            text(&mut out, name);
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        }
        for (name, shape, kind, offset) in &self.tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|size| out.extend(size.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32) + self.data, 0);
        out
    }

    fn read(&self) -> Result<Header, GgufError> {
        Header::read(Cursor::new(self.bytes()))
    }
}

#[test]
fn a_sound_header_is_read() {
    let header = Hand {
        data: 256,
        ..Hand::default()
    }
    .key("general.alignment", 4, &32u32.to_le_bytes())
    .tensor("a", &[32, 2], 0, 0)
    .read()
    .unwrap();
    assert_eq!(header.tensors["a"].shape, [2, 32]);
    assert_eq!(header.tensors["a"].bytes, 256);
}

#[test]
fn absurd_gguf_headers_are_refused_each_for_its_reason() {
    use GgufError as E;
    let hand = Hand::default;
    let alignment = |value: u32| {
        hand()
            .key("general.alignment", 4, &value.to_le_bytes())
            .read()
    };
    assert!(matches!(alignment(0), Err(E::Alignment(0))));
    assert!(matches!(alignment(24), Err(E::Alignment(24))));
    assert!(matches!(alignment(1 << 31), Err(E::Alignment(_))));
    let claims = |tensors, keys| {
        Hand {
            claims: Some((tensors, keys)),
            ..hand()
        }
        .read()
    };
    assert!(matches!(claims(u64::MAX, 0), Err(E::Count { .. })));
    assert!(matches!(claims(0, 1 << 60), Err(E::Count { .. })));
    assert!(matches!(claims(1000, 0), Err(E::Truncated { .. })));
    let long = [&8u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    assert!(matches!(
        hand().key("k", 9, &long).read(),
        Err(E::Count { .. })
    ));
    assert!(matches!(
        hand().key("k", 8, &(1u64 << 40).to_le_bytes()).read(),
        Err(E::Count { .. })
    ));
    assert!(matches!(
        hand().key("k", 8, &(1u64 << 20).to_le_bytes()).read(),
        Err(E::Truncated { .. })
    ));
    let nested = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat();
    assert!(matches!(
        hand().key("k", 9, &nested).read(),
        Err(E::ValueType(9))
    ));
    assert!(matches!(
        hand().key("k", 99, &[]).read(),
        Err(E::ValueType(99))
    ));
    assert!(matches!(
        hand().key("k", 0, &[1]).key("k", 0, &[1]).read(),
        Err(E::Repeated(_))
    ));
    let with = |data| Hand { data, ..hand() };
    let shape = |shape: &[u64]| with(64).tensor("a", shape, 0, 0).read();
    assert!(matches!(shape(&[0]), Err(E::Tensor { .. })));
    assert!(matches!(
        shape(&[u64::MAX, u64::MAX]),
        Err(E::Tensor { .. })
    ));
    assert!(matches!(shape(&[1, 1, 1, 1, 1]), Err(E::Tensor { .. })));
    assert!(matches!(shape(&[]), Err(E::Tensor { .. })));
    assert!(matches!(shape(&[17]), Err(E::Truncated { .. })));
    assert!(matches!(
        with(64).tensor("a", &[16], 0, 1 << 62).read(),
        Err(E::Truncated { .. })
    ));
    assert!(matches!(
        with(64).tensor("a", &[16], 0, u64::MAX - 31).read(),
        Err(E::Tensor { .. })
    ));
    assert!(matches!(
        with(64).tensor("a", &[16], 0, 4).read(),
        Err(E::Tensor { .. })
    ));
    assert!(matches!(
        with(64).tensor("a", &[16], 8, 0).read(),
        Err(E::Tensor { .. })
    ));
    assert!(matches!(
        with(64)
            .tensor("a", &[16], 0, 0)
            .tensor("b", &[8], 0, 32)
            .read(),
        Err(E::Tensor { .. })
    ));
    let bytes = hand().bytes();
    assert!(matches!(
        Header::read(Cursor::new(&bytes[..3])),
        Err(E::Magic)
    ));
    assert!(matches!(
        Header::read(Cursor::new(b"GGML\x03\0\0\0")),
        Err(E::Magic)
    ));
    assert!(matches!(
        Header::read(Cursor::new(b"GGUF\0\0\0\x03")),
        Err(E::Version(0x0300_0000))
    ));
}

/// The fixture with its first occurrence of `from` replaced, which must be as long.
fn patched(from: &[u8], to: &[u8]) -> LoadError {
    assert_eq!(from.len(), to.len());
    let folder = assembled(&[("llama-q8_0", "model.gguf")]);
    let file = folder.path().join("model.gguf");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|here| here == from)
        .unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    std::fs::write(&file, bytes).unwrap();
    error(&file, &on_cpu())
}

#[test]
fn gguf_files_of_other_models_are_refused_by_name() {
    let found = patched(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0mamba");
    assert!(
        matches!(&found, LoadError::Architecture { found } if found == "mamba"),
        "{found}"
    );
    let found = patched(b"llama.rope.freq_base", b"llama.rope.freq_besa");
    assert!(
        matches!(&found, LoadError::MissingKey { key, .. } if key == "llama.rope.freq_base"),
        "{found}"
    );
    let found = patched(b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight");
    assert!(
        matches!(
            found,
            LoadError::TensorMissing { .. } | LoadError::Unsupported { .. }
        ),
        "{found}"
    );
    // Q8_0 (8) becomes IQ4_XS (23): 34 bytes for 32 numbers are not asked for any more.
    let name = b"blk.0.attn_q.weight\x02\0\0\0\x80\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0";
    let of = |kind: u8| [&name[..], &[kind, 0, 0, 0]].concat();
    let found = patched(&of(8), &of(23));
    let said = found.to_string();
    assert!(said.contains("IQ4_XS") && said.contains("Q4_K"), "{said}");
}

#[test]
fn a_gguf_cut_anywhere_is_refused() {
    let whole = std::fs::read(fixture("llama-q8_0").join("model.gguf")).unwrap();
    let folder = assembled(&[]);
    let file = folder.path().join("model.gguf");
    for keep in [
        0,
        4,
        8,
        23,
        24,
        500,
        3000,
        whole.len() / 2,
        whole.len() - 33,
    ] {
        std::fs::write(&file, &whole[..keep]).unwrap();
        assert!(
            matches!(error(&file, &on_cpu()), LoadError::Gguf { .. }),
            "{keep}"
        );
    }
}
