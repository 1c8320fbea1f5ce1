//! The device a model computes on, and how much memory it has left.

use candle_core::Device;

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

#[cfg(feature = "cuda")]
use crate::compute::open;

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
