//! A step plan on the device.

use candle_core::cuda_backend::cudarc::driver::CudaSlice;
use candle_core::{Device, Result};

use super::super::plan::StepPlan;
use super::launch::{Arg, address_of};
use super::shape::{PackedPlan, pack};

/// The words of a packed plan, copied to the device at once.
#[derive(Debug)]
pub(crate) struct PlanOnDevice {
    words: CudaSlice<u32>,
    packed: PackedPlan,
}

impl PlanOnDevice {
    /// # Errors
    /// Not a CUDA device; no room there.
    pub(crate) fn new(plan: &StepPlan, device: &Device) -> Result<Self> {
        let mut packed = pack(plan);
        let words = device.as_cuda_device()?.clone_htod(&packed.words)?;
        packed.words = Vec::new();
        Ok(Self { words, packed })
    }

    pub(super) fn packed(&self) -> &PackedPlan {
        &self.packed
    }

    /// The address of a word.
    pub(super) fn at(&self, word: usize) -> Arg {
        Arg::At(address_of(&self.words) + (word * size_of::<u32>()) as u64)
    }
}
