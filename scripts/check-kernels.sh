#!/usr/bin/env bash
# Runs the CUDA kernels of generator/kernels on the CPU, thread by thread, and compares each with plain
# arithmetic. Needs a C++17 compiler and nothing else: no GPU, no CUDA. Takes about ten seconds.
# It proves indices, masks and barriers; speed and races it cannot see (scripts/gpu-check.sh can).
set -euo pipefail
kernels=$(cd "$(dirname "${BASH_SOURCE[0]}")/../generator/kernels" && pwd)
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"${CXX:-c++}" -std=c++17 -O1 -Wall -Wextra -Wno-unknown-pragmas -o "$program" "$kernels/check/check.cpp"
"$program"
