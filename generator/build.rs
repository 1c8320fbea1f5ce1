//! With the feature `cuda`, compiles `kernels/*.cu` to PTX with nvcc; without it, does nothing.
//!
//! nvcc is looked for in `NVCC`, then in `CUDA_HOME/bin`, then on the `PATH`; `CUDA_COMPUTE_CAP` (90,
//! 89, 80, ...) says for which GPUs. PTX of one runs on every later one.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "how a build script speaks to cargo"
)]

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

/// The first with tensor cores for bf16 and asynchronous copies.
const LEAST_CAPABILITY: u32 = 80;
const KERNELS: [&str; 6] = ["rows", "norm", "gemv", "decode", "prefill", "sample"];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    for variable in ["NVCC", "CUDA_HOME", "CUDA_COMPUTE_CAP", "PATH"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    println!("cargo:rerun-if-changed=kernels");
    if let Err(message) = compile() {
        eprintln!("{message}");
        exit(1);
    }
}

fn compile() -> Result<(), String> {
    let capability = capability()?;
    let nvcc = nvcc();
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for kernel in KERNELS {
        let source = Path::new("kernels").join(kernel).with_extension("cu");
        let output = Command::new(&nvcc)
            .args(["--ptx", "-std=c++17", "-O3"])
            .arg(format!("-arch=compute_{capability}"))
            .arg("-o")
            .arg(out.join(kernel).with_extension("ptx"))
            .arg(&source)
            .output()
            .map_err(|error| {
                format!(
                    "the feature `cuda` needs nvcc, and {} could not be started ({error}).\n\
                     scripts/build-cuda.sh fetches it and builds with it; or set NVCC or CUDA_HOME.",
                    nvcc.display()
                )
            })?;
        if !output.status.success() {
            return Err(format!(
                "nvcc refused {}:\n{}",
                source.display(),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
    }
    Ok(())
}

fn capability() -> Result<u32, String> {
    let Ok(text) = env::var("CUDA_COMPUTE_CAP") else {
        return Ok(LEAST_CAPABILITY);
    };
    match text.trim_end_matches(['a', 'f']).parse() {
        Ok(capability) if capability >= LEAST_CAPABILITY => Ok(capability),
        _ => Err(format!(
            "CUDA_COMPUTE_CAP is `{text}`: it must be {LEAST_CAPABILITY} or more, as in 90"
        )),
    }
}

fn nvcc() -> PathBuf {
    if let Some(path) = env::var_os("NVCC") {
        return path.into();
    }
    match env::var_os("CUDA_HOME").map(|home| PathBuf::from(home).join("bin/nvcc")) {
        Some(path) if path.is_file() => path,
        _ => "nvcc".into(),
    }
}
