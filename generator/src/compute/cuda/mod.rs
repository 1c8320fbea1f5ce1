//! The operations on NVIDIA GPUs: own kernels (`generator/kernels`, compiled to PTX by `build.rs`) for
//! everything but large products, which are cuBLAS's and candle's. **Not yet measured on a GPU**: the
//! kernels' arithmetic is checked on the CPU by `scripts/check-kernels.sh`, and `scripts/gpu-check.sh`
//! says what to run where there is a GPU.
//!
//! Everything of a device happens on one stream, in the order in which it was asked for, and nothing
//! waits for the device but [`choose`], which brings the ids back: a step is about ten launches a layer
//! that the host issues ahead of the device. Positions, slots and block tables are read from the
//! device's memory, so that a step can later be recorded as a CUDA graph and played again.

#[cfg(feature = "cuda")]
mod attend;
#[cfg(feature = "cuda")]
mod choose;
#[cfg(feature = "cuda")]
mod device;
#[cfg(feature = "cuda")]
mod kernels;
#[cfg(feature = "cuda")]
mod launch;
#[cfg(feature = "cuda")]
mod linear;
#[cfg(feature = "cuda")]
mod merge;
#[cfg(feature = "cuda")]
mod plan;
mod recent;
#[cfg(feature = "cuda")]
mod rows;
#[cfg_attr(
    not(feature = "cuda"),
    allow(dead_code, reason = "without the feature only tests reach it")
)]
mod shape;

#[cfg(feature = "cuda")]
pub(super) use attend::attend;
#[cfg(feature = "cuda")]
pub(super) use choose::choose;
#[cfg(feature = "cuda")]
pub(crate) use device::{free_memory, open};
#[cfg(feature = "cuda")]
pub(super) use linear::linear;
#[cfg(feature = "cuda")]
pub(super) use merge::merge;
#[cfg(feature = "cuda")]
pub(crate) use plan::PlanOnDevice;
#[cfg(feature = "cuda")]
pub(super) use rows::{add_rms_norm, gather, rms_norm, rotate_and_store, silu_mul};
#[cfg(feature = "cuda")]
pub(crate) use shape::not_served;

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    /// The kernels run on the CPU, thread by thread, against plain loops (`kernels/check`).
    #[test]
    #[allow(clippy::print_stderr, reason = "a test that cannot run says so")]
    fn the_kernels_compute_what_plain_loops_compute() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/check-kernels.sh");
        let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
        if Command::new(&compiler).arg("--version").output().is_err() {
            eprintln!("left out: there is no C++ compiler to run the CUDA kernels on the CPU");
            return;
        }
        let output = Command::new("bash")
            .arg(&script)
            .output()
            .expect("bash runs");
        let told = String::from_utf8_lossy(&output.stdout);
        let failures: Vec<&str> = told
            .lines()
            .filter(|line| !line.starts_with("ok"))
            .collect();
        assert!(
            output.status.success() && failures == ["every check holds"],
            "{failures:#?}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
