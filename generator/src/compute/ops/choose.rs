use candle_core::{DType, Result, Storage, Tensor};

use super::super::cpu;
use super::super::error::ComputeError;
use super::super::mask::{Chosen, RowChoice};
use super::activation;

/// The token after each row of logits `[rows, vocab]`, chosen where the logits are.
pub(crate) fn choose(logits: &Tensor, choices: &[RowChoice]) -> Result<Vec<Chosen>> {
    let (rows, vocab) = shape_of(logits)?;
    if rows != choices.len() || vocab == 0 {
        let detail = format!("{rows} filas de {vocab} y {} elecciones", choices.len());
        return Err(ComputeError::shape("choose", detail).into());
    }
    for mask in choices.iter().filter_map(|choice| choice.mask.as_ref()) {
        if mask.vocab() > vocab {
            let detail = format!("una máscara de {} para {vocab}", mask.vocab());
            return Err(ComputeError::shape("choose", detail).into());
        }
    }
    #[cfg(feature = "cuda")]
    if logits.device().is_cuda() {
        return super::super::cuda::choose(logits, choices);
    }
    let (storage, layout) = logits.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(cpu::choose(
            cpu::f32_slice(storage, layout)?,
            vocab,
            choices,
        )),
        _ => Err(candle_core::Error::Msg(
            "choose: dispositivo sin soporte".to_owned(),
        )),
    }
}

/// Logits are activations, or f32 on every device (`Linear::forward_exact`).
fn shape_of(logits: &Tensor) -> std::result::Result<(usize, usize), ComputeError> {
    match logits.dims() {
        &[rows, vocab] if logits.dtype() == DType::F32 && logits.is_contiguous() => {
            Ok((rows, vocab))
        }
        _ => activation("choose", logits),
    }
}
