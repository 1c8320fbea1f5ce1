#!/usr/bin/env bash
# Builds `sistole` for NVIDIA GPUs on a machine that needs neither a GPU, nor a driver, nor CUDA.
#
#   scripts/build-cuda.sh [cargo arguments]   the toolkit, then the binary, stripped
#   scripts/build-cuda.sh --toolkit           only the toolkit
#   eval "$(scripts/build-cuda.sh --env)"     the toolkit, and its variables for this shell
#
# Settings: CUDA_COMPUTE_CAP, the GPU's compute capability without the dot (default 90: H100, H200;
# 89: L4, L40S, RTX 40; 80: A100), and SISTOLE_CUDA_DIR, where the toolkit lies (default target/cuda).
# A second run finds everything in place. It needs cargo, python3 with pip, and a C++ compiler.
# Where the binary runs, the driver (libcuda.so.1) and CUDA 13's libcudart, libcublas, libcublasLt,
# libcurand and libnvrtc must be found: the toolkit's lib folder serves, on LD_LIBRARY_PATH.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cuda=${SISTOLE_CUDA_DIR:-$root/target/cuda}
wheels=$root/scripts/cuda-wheels.txt
cap=${CUDA_COMPUTE_CAP:-90}

say() { printf '%s\n' "$*" >&2; }

# The folder is made aside and moved into place whole, so that a run cut short leaves nothing half made.
unpack() {
    local made=$cuda.making
    rm -rf "$made"
    mkdir -p "$made/wheels" "$made/toolkit"
    say "fetching the CUDA wheels (about 650 MB)"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        --python-version 3.11 --implementation py --abi none \
        --platform manylinux2010_x86_64 --platform manylinux_2_12_x86_64 \
        --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux_2_27_x86_64 \
        --require-hashes --requirement "$wheels" --dest "$made/wheels"
    local wheel
    for wheel in "$made"/wheels/*.whl; do
        python3 -m zipfile --extract "$wheel" "$made/unpacked"
        rm "$wheel"
    done
    rmdir "$made/wheels" "$made/toolkit"
    mv "$made/unpacked/nvidia/cu13" "$made/toolkit"
    # zipfile drops the permission to execute.
    chmod +x "$made"/toolkit/bin/* "$made"/toolkit/nvvm/bin/*
    ln -s lib "$made/toolkit/lib64"
    local library
    for library in "$made"/toolkit/lib/*.so.*; do
        local plain=${library%%.so.*}.so
        [ -e "$plain" ] || ln -s "$(basename "$library")" "$plain"
    done
    mkdir "$made/toolkit/lib/stubs"
    rm -rf "$cuda"
    mkdir -p "$(dirname "$cuda")"
    mv "$made/toolkit" "$cuda"
    rm -rf "$made"
    sha256sum <"$wheels" >"$cuda/.wheels"
}

# The linker wants libcuda.so, which only a driver brings: a stand-in with every function that cudarc
# declares. Each answers CUDA_ERROR_STUB_LIBRARY (34), as the stub of NVIDIA's own toolkit does.
stub() {
    local manifest cudarc source
    manifest=$(cargo metadata --manifest-path "$root/Cargo.toml" --format-version 1 --locked \
        --features server/cuda |
        python3 -c 'import json, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == "cudarc":
        print(package["manifest_path"])')
    cudarc=$(dirname "$manifest")/src/driver/sys/mod.rs
    [ -f "$cudarc" ] || { say "cudarc's driver functions were not found at $cudarc"; exit 1; }
    source=$(mktemp --suffix=.c)
    grep -oE '^ +fn cu[A-Z][A-Za-z0-9_]+' "$cudarc" | sed 's/.* //' | sort -u |
        grep -vE '^cuGetError(Name|String)$' |
        sed 's/.*/int &(void) { return 34; }/' >"$source"
    cat >>"$source" <<'C'
static const char *const text = "no NVIDIA driver: this libcuda is a stand-in for linking";
int cuGetErrorName(int code, const char **name) { (void)code; *name = "CUDA_ERROR_STUB_LIBRARY"; return 0; }
int cuGetErrorString(int code, const char **said) { (void)code; *said = text; return 0; }
C
    "${CC:-cc}" -shared -fPIC -O1 -w -Wl,-soname,libcuda.so.1 -o "$cuda/lib/stubs/libcuda.so" "$source"
    ln -sf libcuda.so "$cuda/lib/stubs/libcuda.so.1"
    rm "$source"
}

if [ "$(cat "$cuda/.wheels" 2>/dev/null)" != "$(sha256sum <"$wheels")" ]; then unpack; fi
if [ ! -e "$cuda/lib/stubs/libcuda.so" ]; then stub; fi

export CUDA_HOME=$cuda CUDA_COMPUTE_CAP=$cap
export PATH=$cuda/bin:$PATH
export LIBRARY_PATH=$cuda/lib:$cuda/lib/stubs${LIBRARY_PATH:+:$LIBRARY_PATH}

case ${1:-} in
--env)
    for name in CUDA_HOME CUDA_COMPUTE_CAP PATH LIBRARY_PATH; do
        printf 'export %s=%q\n' "$name" "${!name}"
    done
    exit
    ;;
--toolkit)
    say "the toolkit is in $cuda"
    exit
    ;;
esac

nvcc --version | tail -2 >&2
say "building for sm_$cap; candle's own kernels take about 15 minutes on two cores the first time"
cd "$root"
nice -n 19 cargo build --locked --release --package server --features cuda "$@"

# `cargo build` leaves the binary here unless a profile or a target was asked for.
binary=${CARGO_TARGET_DIR:-$root/target}/release/sistole
if [ -f "$binary" ]; then
    strip --strip-all -o "$binary-cuda" "$binary"
    say "$binary-cuda: $(du -m --apparent-size "$binary-cuda" | cut -f1) MiB"
    # To carry it to the machine with the GPU: a fifth of the size. gpu-check.sh takes it as it is.
    if command -v xz >/dev/null; then
        xz --keep --force --threads=0 "$binary-cuda"
        say "$binary-cuda.xz: $(du -m --apparent-size "$binary-cuda.xz" | cut -f1) MiB"
    fi
fi
