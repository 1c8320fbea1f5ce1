#![allow(unsafe_code, reason = "kernel launches")]
//! The next token of each row, chosen on the device. The one place where the host waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaSlice, DeviceRepr};
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::{CudaDevice, DType, Result, Tensor};

use super::super::mask::{Chosen, RowChoice, TokenMask};
use super::kernels;
use super::launch::{Arg, address, address_of, device_of, launch, room, word};
use super::recent::Recent;
use super::shape::SLICES;

/// Bytes of masks that stay on a device: about 2,000 of a vocabulary of 256,000.
const MASK_BYTES: usize = 64 << 20;
/// Threads of a block of the last kernel.
const THREADS: usize = 512;

/// `Choice` in `kernels/sample.cu`.
#[derive(Clone, Copy)]
#[repr(C)]
struct ChoiceEntry {
    mask: u64,
    masked: u32,
    temperature: f32,
    top_p: f32,
    noise: f32,
}

// SAFETY: plain numbers without padding, laid out as in C.
unsafe impl DeviceRepr for ChoiceEntry {}

/// The masks on one device, by their ids.
type Masks = Recent<Arc<CudaSlice<u32>>>;

/// Few devices, so a list.
static MASKS: Mutex<Vec<(DeviceId, Masks)>> = Mutex::new(Vec::new());

fn on_device(mask: &TokenMask, device: &CudaDevice) -> Result<Arc<CudaSlice<u32>>> {
    // An entry is complete or absent, so a panic elsewhere leaves the list sound.
    let mut masks = MASKS.lock().unwrap_or_else(PoisonError::into_inner);
    let place = masks
        .iter()
        .position(|(id, _)| *id == device.id())
        .unwrap_or_else(|| {
            masks.push((device.id(), Recent::new(MASK_BYTES)));
            masks.len() - 1
        });
    let bytes = size_of_val(mask.words());
    masks[place].1.get_or_make(mask.id(), bytes, || {
        device.clone_htod(mask.words()).map(Arc::new)
    })
}

/// One choice per row of `[rows, vocab]` logits, bf16 or f32. The caller has checked the shapes.
pub(in super::super) fn choose(logits: &Tensor, choices: &[RowChoice]) -> Result<Vec<Chosen>> {
    let (rows, vocab) = logits.dims2()?;
    if rows == 0 {
        return Ok(Vec::new());
    }
    let device = device_of(logits)?;
    let kernels = kernels::of(&device)?;
    // Held until the launches: what makes room in the cache is freed after them, on the same stream.
    let mut held = Vec::new();
    let mut entries = Vec::with_capacity(rows);
    for choice in choices {
        let (mut mask, mut masked) = (0, 0);
        if let Some(of_row) = &choice.mask {
            let copy = on_device(of_row, &device)?;
            mask = address_of(&copy);
            masked = u32::try_from(of_row.vocab()).unwrap_or(u32::MAX);
            held.push(copy);
        }
        let RowChoice {
            temperature,
            top_p,
            noise,
            ..
        } = *choice;
        entries.push(ChoiceEntry {
            mask,
            masked,
            temperature,
            top_p,
            noise,
        });
    }
    let entries = device.clone_htod(&entries)?;
    let bests = room::<u64>(&device, rows * SLICES)?;
    let chosen = room::<u32>(&device, 2 * rows)?;
    let (best, pick) = match logits.dtype() {
        DType::F32 => (&kernels.best_f32, &kernels.choose_f32),
        _ => (&kernels.best_bf16, &kernels.choose_bf16),
    };
    let (of_rows, found) = (Arg::At(address_of(&entries)), Arg::At(address_of(&bests)));
    let logits = address(logits, logits.dtype())?;
    let args = [logits, of_rows, found, word(vocab)?];
    // SAFETY: `rows` rows of `vocab` logits and one entry for each; masks have a bit for each of the
    // tokens they say; SLICES results a row.
    unsafe { launch(&kernels.stream, best, [SLICES, rows, 1], 256, 0, &args)? };
    let args = [
        logits,
        of_rows,
        found,
        Arg::At(address_of(&chosen)),
        word(vocab)?,
    ];
    // SAFETY: as above; two words a row.
    unsafe { launch(&kernels.stream, pick, [rows, 1, 1], THREADS, 0, &args)? };
    let chosen = device.clone_dtoh(&chosen)?;
    // Copies into ordinary memory are there when the call returns; errors of the kernels before it
    // surface here at the latest.
    kernels.stream.synchronize().w()?;
    drop(held);
    Ok(chosen
        .chunks_exact(2)
        .map(|pair| Chosen {
            token: pair[0],
            finite: pair[1] == 1,
        })
        .collect())
}
