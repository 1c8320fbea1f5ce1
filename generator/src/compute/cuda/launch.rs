#![allow(unsafe_code, reason = "kernel launches and memory of the device")]
//! Tensors as addresses, and launches.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::{CudaDType, WrapErr};
use candle_core::op::BackpropOp;
use candle_core::{CudaDevice, CudaStorage, DType, Result, Shape, Storage, Tensor};

use super::super::error::ComputeError;

/// One argument of a kernel.
#[derive(Clone, Copy)]
pub(super) enum Arg {
    /// An address on the device; 0 is "none".
    At(u64),
    Word(u32),
    Long(u64),
    Float(f32),
}

/// Blocks along x, y and z; an axis with nothing to do makes the whole launch one of nothing.
pub(super) type Grid = [usize; 3];

/// Puts a kernel into the stream's queue.
///
/// # Safety
/// The arguments must be those of the kernel, in its order, and the kernel must stay inside the memory
/// at the addresses given, which must belong to the stream's device and be freed, if at all, by the same
/// stream after this call.
pub(super) unsafe fn launch(
    stream: &CudaStream,
    kernel: &CudaFunction,
    grid: Grid,
    threads: usize,
    shared_bytes: usize,
    args: &[Arg],
) -> Result<()> {
    if grid.contains(&0) {
        return Ok(());
    }
    let config = LaunchConfig {
        grid_dim: (
            axis(grid[0], i32::MAX as usize)?,
            axis(grid[1], 65_535)?,
            axis(grid[2], 65_535)?,
        ),
        block_dim: (axis(threads, 1024)?, 1, 1),
        shared_mem_bytes: axis(shared_bytes, i32::MAX as usize)?,
    };
    let mut call = stream.launch_builder(kernel);
    for arg in args {
        match arg {
            Arg::At(value) | Arg::Long(value) => call.arg(value),
            Arg::Word(value) => call.arg(value),
            Arg::Float(value) => call.arg(value),
        };
    }
    // SAFETY: the caller's promise.
    unsafe { call.launch(config) }.w()?;
    Ok(())
}

fn axis(size: usize, most: usize) -> Result<u32> {
    match u32::try_from(size) {
        Ok(value) if size <= most => Ok(value),
        _ => Err(ComputeError::shape("cuda", format!("{size} no cabe en una llamada")).into()),
    }
}

/// A size as the kernels count: in words.
pub(super) fn word(size: usize) -> Result<Arg> {
    u32::try_from(size).map(Arg::Word).map_err(|_| {
        ComputeError::shape("cuda", format!("{size} pasa de lo que cuenta un núcleo")).into()
    })
}

/// The device of a tensor that lies on a GPU.
pub(super) fn device_of(tensor: &Tensor) -> Result<CudaDevice> {
    tensor.device().as_cuda_device().cloned()
}

/// Where a contiguous tensor of the given type begins on the device.
pub(super) fn address(tensor: &Tensor, dtype: DType) -> Result<Arg> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(ComputeError::shape("cuda", "un tensor no está en la GPU").into());
    };
    if storage.dtype() != dtype || !layout.is_contiguous() {
        let detail = format!(
            "se esperaba {dtype:?} contiguo y llegó {:?}",
            storage.dtype()
        );
        return Err(ComputeError::shape("cuda", detail).into());
    }
    let begin = match dtype {
        DType::BF16 => begin::<half::bf16>(storage)?,
        DType::F32 => begin::<f32>(storage)?,
        other => return Err(ComputeError::shape("cuda", format!("tipo {other:?}")).into()),
    };
    Ok(Arg::At(
        begin + (layout.start_offset() * dtype.size_in_bytes()) as u64,
    ))
}

fn begin<T: CudaDType>(storage: &CudaStorage) -> Result<u64> {
    Ok(address_of(storage.as_cuda_slice::<T>()?))
}

/// Where a slice begins. Ordering needs no care: everything happens on the slice's one stream.
pub(super) fn address_of<T>(slice: &CudaSlice<T>) -> u64 {
    slice.device_ptr(slice.stream()).0
}

/// Whether 16-byte accesses may start there.
pub(super) fn aligned(arg: Arg) -> bool {
    matches!(arg, Arg::At(address) if address.is_multiple_of(16))
}

/// Memory whose content is not set: the kernel that is launched next writes all of it.
pub(super) fn room<T: DeviceRepr>(device: &CudaDevice, count: usize) -> Result<CudaSlice<T>> {
    // SAFETY: the element types here are plain numbers, for which every content is valid; it is written
    // by a kernel of the same stream before anything reads it.
    unsafe { device.alloc::<T>(count) }
}

/// A slice as a tensor.
pub(super) fn tensor<T: CudaDType>(
    slice: CudaSlice<T>,
    device: &CudaDevice,
    shape: impl Into<Shape>,
) -> Tensor {
    let storage = Storage::Cuda(CudaStorage::wrap_cuda_slice(slice, device.clone()));
    Tensor::from_storage(storage, shape, BackpropOp::none(), false)
}
