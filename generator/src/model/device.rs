//! The device a model computes on, and how much memory it has left.

use candle_core::Device;

use super::config::ModelConfig;
use super::error::LoadError;
use super::options::DeviceChoice;

pub(crate) fn device(choice: DeviceChoice) -> Result<Device, LoadError> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Auto => Ok(if cfg!(feature = "cuda") {
            open(0).unwrap_or(Device::Cpu)
        } else {
            Device::Cpu
        }),
        DeviceChoice::Cuda(number) => open(number).map_err(|source| LoadError::Device {
            device: format!("cuda:{number}"),
            source,
        }),
    }
}

/// The device for a model: the one asked for, if its kernels serve it.
pub(super) fn device_for(choice: DeviceChoice, config: &ModelConfig) -> Result<Device, LoadError> {
    let device = device(choice)?;
    #[cfg(feature = "cuda")]
    if device.is_cuda()
        && let Some(reason) = not_served(config.head_shape(), config.hidden, config.intermediate)
    {
        return instead(choice, reason);
    }
    let _ = config;
    Ok(device)
}

/// Where a model goes that the GPU's kernels do not serve: to the CPU, unless the GPU was asked for.
#[cfg(any(feature = "cuda", test))]
fn instead(choice: DeviceChoice, reason: String) -> Result<Device, LoadError> {
    if matches!(choice, DeviceChoice::Cuda(_)) {
        return Err(LoadError::NotOnGpu { reason });
    }
    tracing::warn!(
        reason,
        "the GPU does not serve this model: it goes to the CPU"
    );
    Ok(Device::Cpu)
}

#[cfg(feature = "cuda")]
use crate::compute::{not_served, open};

/// Says why there is none.
#[cfg(not(feature = "cuda"))]
fn open(number: usize) -> candle_core::Result<Device> {
    Device::new_cuda(number)
}

/// Bytes that may still be taken on the device.
pub(super) fn available(device: &Device) -> u64 {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return crate::compute::free_memory(device).unwrap_or(u64::MAX);
    }
    let _ = device;
    host_available().min(container_available())
}

/// `MemAvailable` of the kernel; without limit where there is no such file.
fn host_available() -> u64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("MemAvailable:"))?;
            let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
            kib.checked_mul(1024)
        })
        .unwrap_or(u64::MAX)
}

/// What the container's limit leaves; pages of files that the kernel would give back count as free.
fn container_available() -> u64 {
    let read = |name: &str| std::fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok();
    let number = |text: String| text.trim().parse::<u64>().ok();
    let Some(most) = read("memory.max").and_then(number) else {
        return u64::MAX;
    };
    let used = read("memory.current").and_then(number).unwrap_or(0);
    let cached = read("memory.stat")
        .and_then(|text| {
            let line = text
                .lines()
                .find(|line| line.starts_with("inactive_file "))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .unwrap_or(0);
    most.saturating_sub(used.saturating_sub(cached))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_no_gpu_kernel_serves_goes_to_the_cpu_unless_the_gpu_was_asked_for() {
        let reason = || "sus cabezas de atención son de 80".to_owned();
        let device = instead(DeviceChoice::Auto, reason()).unwrap();
        assert!(device.is_cpu());
        let refused = instead(DeviceChoice::Cuda(0), reason()).unwrap_err();
        assert!(matches!(refused, LoadError::NotOnGpu { .. }));
        let said = refused.to_string();
        assert!(said.contains("de 80") && said.contains("cpu"), "{said}");
    }
}
