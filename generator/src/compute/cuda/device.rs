#![allow(
    unsafe_code,
    reason = "settings of the device that cudarc offers only so"
)]
//! Opening a GPU and asking about its memory.

use std::ffi::c_void;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::driver::{result, sys};
use candle_core::{CudaDevice, Device, Result};

/// Opens the GPU with a stream of our own: unlike the default one it is the same from every thread, so
/// that weights loaded by one thread are there for the engine's.
///
/// # Errors
/// No such device, or a driver older than CUDA 13.
pub(crate) fn open(ordinal: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(ordinal)?;
    let cuda = device.as_cuda_device()?;
    // SAFETY: every tensor of ours is made, used and freed on the one stream of its device, which
    // orders all of that; events would add two objects to every allocation.
    unsafe { cuda.disable_event_tracking() };
    keep_freed_memory(cuda)?;
    Ok(device)
}

/// Lets the driver's pool keep what we free: by default each wait for the device gives it back to the
/// system, and the next step would map it anew.
fn keep_freed_memory(cuda: &CudaDevice) -> Result<()> {
    let context = cuda.cuda_stream().context().clone();
    if !context.has_async_alloc() {
        return Ok(());
    }
    let mut threshold = u64::MAX;
    // SAFETY: the device is the context's; the attribute's value is a u64 that outlives the call.
    unsafe {
        let pool = result::device::get_default_mem_pool(context.cu_device()).w()?;
        result::mem_pool::set_attribute(
            pool,
            sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            (&raw mut threshold).cast::<c_void>(),
        )
        .w()
    }
}

/// Bytes that are free on a device. What our own pool keeps counts as used.
///
/// # Errors
/// Not a CUDA device; what the driver says.
pub(crate) fn free_memory(device: &Device) -> Result<u64> {
    let (free, _) = device
        .as_cuda_device()?
        .cuda_stream()
        .context()
        .mem_get_info()
        .w()?;
    Ok(free as u64)
}
