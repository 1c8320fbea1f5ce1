"""Out of what llama.cpp's kernels answered (greedy files of llama_peer), the first ten prompts on
which they all agree. llama.cpp built for AVX2, AVX-512 and AMX, with and without fused attention,
adds in different orders; where two logits lie near each other it then answers differently from
itself, and such a prompt is no reference for anyone.

    agree.py MODEL prompts.txt OUT.json REFERENCE.txt OTHER.txt...
"""

import hashlib
import json
import sys
from pathlib import Path

model, prompts, out, *files = sys.argv[1:]
texts = [line.replace("\\n", "\n") for line in Path(prompts).read_text().splitlines()]


def rows(file):
    parts = (line.split("|") for line in Path(file).read_text().splitlines())
    return [([int(i) for i in p.split()], [int(i) for i in c.split()], [float(m) for m in g.split()]) for p, c, g in parts]


reference, *others = [rows(file) for file in files]
assert all(len(other) == len(texts) for other in [reference, *others])
agreed = [
    {"text": text, "prompt": prompt, "continuation": continuation, "least_margin": min(margins)}
    for place, (text, (prompt, continuation, margins)) in enumerate(zip(texts, reference))
    if all(other[place][1] == continuation for other in others)
]
for file, other in zip(files[1:], others):
    same = sum(a[1] == b[1] for a, b in zip(reference, other))
    print(f"{Path(file).name}: {same} of {len(texts)} as {Path(files[0]).name}")
print(f"all agree on {len(agreed)}")
agreed = agreed[:10]
sha256 = hashlib.sha256(Path(model).read_bytes()).hexdigest()
lines = ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in agreed)
Path(out).write_text(f'{{"sha256": "{sha256}",\n "agreed": [\n  {lines}\n ]}}\n')
