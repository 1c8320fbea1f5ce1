#!/usr/bin/env bash
# What to run on a machine with an NVIDIA GPU, with the binary that build-cuda.sh made:
#
#   scripts/gpu-check.sh [BINARY] [OUT]       default: target/release/sistole-cuda, target/gpu-check
#
# BINARY may be the .xz that was carried here; it is unpacked beside the results.
#
# First whether the GPU computes what the processor computes (small random models: safetensors and
# GGUF, all head sizes); then speed with random weights of the true shapes. No model is downloaded.
# Writes OUT/*.json and prints a table against the goals; exits with 1 if the results differ or a run
# fails, with 0 if a goal of speed is missed (the table says so). About six minutes on an H200, of which
# ALIA-40B takes four; SHAPES="salamandra-7b" leaves it out. Needs python3 for the table.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
binary=${1:-$root/target/release/sistole-cuda}
out=${2:-${OUT:-$root/target/gpu-check}}
shapes=${SHAPES:-salamandra-7b alia-40b}
mkdir -p "$out"
case $binary in
*.xz)
    xz --decompress --stdout "$binary" >"$out/sistole-cuda" && chmod +x "$out/sistole-cuda" || exit 1
    binary=$out/sistole-cuda
    ;;
esac
[ -x "$binary" ] || { echo "there is no program at $binary: scripts/build-cuda.sh builds it" >&2; exit 1; }

# CUDA's libraries: those of the toolkit, or those that a Python package brought.
libraries=${CUDA_HOME:-/usr/local/cuda}/lib64
for folder in "$root/target/cuda/lib" $(python3 -c 'import sys
for path in sys.path: print(path + "/nvidia/cu13/lib")' 2>/dev/null); do
    if [ -d "$folder" ]; then libraries=$libraries:$folder; fi
done
export LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}

nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.sm,clocks.mem --format=csv |
    tee "$out/gpu.csv" || exit 1
missing=$(ldd "$binary" | grep 'not found')
if [ -n "$missing" ]; then
    printf 'libraries that the program needs are missing:\n%s\n' "$missing" >&2
    exit 1
fi

failed=0
# name, then arguments of `sistole bench gpu`
measure() {
    local name=$1
    shift
    echo "== $name" >&2
    if ! "$binary" --json bench gpu "$@" >"$out/$name.json" 2>"$out/$name.log"; then
        echo "$name failed:" >&2
        tail -5 "$out/$name.log" "$out/$name.json" >&2
        failed=1
    fi
}

# Small and quick: parity, and that everything runs at all.
measure small --shape smollm2 --prompt-tokens 300 --answer-tokens 16 --users 3
if [ $failed -ne 0 ]; then exit 1; fi

# Memory errors and races in our kernels, where the tool is there (not under gVisor).
if command -v compute-sanitizer >/dev/null && [ "${SANITIZE:-0}" = 1 ]; then
    for tool in memcheck racecheck; do
        compute-sanitizer --tool "$tool" --error-exitcode 1 "$binary" bench gpu --shape smollm2 \
            --prompt-tokens 70 --answer-tokens 3 --users 2 >"$out/$tool.log" 2>&1 ||
            { echo "$tool found something: $out/$tool.log" >&2; failed=1; }
    done
fi

for shape in $shapes; do
    measure "$shape-2k" --shape "$shape" --prompt-tokens 2048 --answer-tokens 128 --users 32
    measure "$shape-4k" --shape "$shape" --prompt-tokens 4096 --answer-tokens 8 --users 1
done

python3 - "$out" <<'P'
import json, pathlib, sys

out = pathlib.Path(sys.argv[1])

def report(name):
    try:
        return json.loads((out / f"{name}.json").read_text())["gpu"]
    except (OSError, ValueError, KeyError):
        return None

small = report("small")
if small:
    print(f"{'parity with the processor':<58} error   worst   same token")
    for one in small["parity"]:
        print(f"{one['model'][:57]:<58} {one['relative_error']:.4f}  {one['worst_step'][1]:.4f}"
              f"  {one['same_token']:.3f}  {'ok' if one['passes'] else 'DIFFERS'}")

# figure, from which run, the field, the goal, and what a better engine reaches
GOALS = {
    "salamandra-7b": [
        ("one user, 2k, tokens/s", "2k", "decode_tokens_per_second", 160, 235),
        ("32 users, 2k, tokens/s", "2k", "users_decode_tokens_per_second", 2000, 3700),
        ("cold 4k prompt, ms", "4k", "cold_first_token_ms", 150, 130),
        ("nine tenths known, share of cold", "4k", "share", 0.25, 0.20),
    ],
    "alia-40b": [
        ("one user, 2k, tokens/s", "2k", "decode_tokens_per_second", 40, 47),
        ("32 users, 2k, tokens/s", "2k", "users_decode_tokens_per_second", 500, 920),
        ("cold 4k prompt, ms", "4k", "cold_first_token_ms", 900, 790),
        ("nine tenths known, share of cold", "4k", "share", 0.25, 0.20),
    ],
}
print(f"\n{'speed':<48} measured      goal   stretch")
for shape, goals in GOALS.items():
    for label, run, field, goal, stretch in goals:
        measured = report(f"{shape}-{run}")
        if not measured:
            continue
        speed = measured["speed"][0]["speed"]
        if field == "share":
            value = speed["prefix_hit_first_token_ms"] / speed["cold_first_token_ms"]
        else:
            value = speed[field]
        less = field == "share" or field.endswith("_ms")
        met = value <= goal if less else value >= goal
        print(f"{shape + ', ' + label:<48} {value:>8.2f}  {goal:>8}  {stretch:>8}  {'ok' if met else 'MISSED'}")
P
exit $failed
