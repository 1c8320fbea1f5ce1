//! The compiled kernels, loaded once per device.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaFunction, CudaStream, sys};
use candle_core::cuda_backend::cudarc::nvrtc::Ptx;
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::{CudaDevice, Result};

use super::shape::prefill_shared_bytes;

macro_rules! kernels {
    ($($module:ident { $($kernel:ident)+ })+) => {
        /// A handle of every kernel: asking the driver by name costs more than a launch.
        pub(super) struct Kernels {
            pub(super) stream: Arc<CudaStream>,
            $($(pub(super) $kernel: CudaFunction,)+)+
        }

        impl Kernels {
            fn load(device: &CudaDevice) -> Result<Self> {
                let stream = device.cuda_stream();
                $(
                    let ptx = include_str!(concat!(env!("OUT_DIR"), "/", stringify!($module), ".ptx"));
                    let module = stream.context().load_module(Ptx::from_src(ptx)).w()?;
                    $(let $kernel = module.load_function(stringify!($kernel)).w()?;)+
                )+
                Ok(Self { stream, $($($kernel,)+)+ })
            }
        }
    };
}

kernels! {
    rows { gather_rows add_bias silu_mul place_columns rotate_and_store }
    norm { rms_norm add_rms_norm }
    gemv { gemv_8 gemv_16 gemv_8_f32 gemv_16_f32 }
    decode { decode_64 decode_128 join_64 join_128 }
    prefill { prefill_64 prefill_128 }
    sample { best_bf16 choose_bf16 best_f32 choose_f32 }
}

/// Few devices, so a list.
static LOADED: Mutex<Vec<(DeviceId, Arc<Kernels>)>> = Mutex::new(Vec::new());

/// The kernels of a device; the first call loads them (the driver compiles the PTX: up to seconds).
pub(super) fn of(device: &CudaDevice) -> Result<Arc<Kernels>> {
    // Only complete entries are pushed, so a panic elsewhere leaves the list sound.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, kernels)) = loaded.iter().find(|(id, _)| *id == device.id()) {
        return Ok(kernels.clone());
    }
    let kernels = Kernels::load(device)?;
    // More than 48 KiB of shared memory has to be asked for.
    for (kernel, head_dim) in [(&kernels.prefill_64, 64), (&kernels.prefill_128, 128)] {
        let bytes = i32::try_from(prefill_shared_bytes(head_dim)).unwrap_or(i32::MAX);
        kernel
            .set_attribute(
                sys::CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                bytes,
            )
            .w()?;
    }
    let kernels = Arc::new(kernels);
    loaded.push((device.id(), kernels.clone()));
    Ok(kernels)
}
