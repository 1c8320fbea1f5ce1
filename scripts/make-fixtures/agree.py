"""Sorts what llama.cpp's kernels answered (greedy files of llama_peer) into ten prompts on which
they all agree for all tokens, and ten on which they do not. llama.cpp built for AVX2, AVX-512 and
AMX, with and without fused attention, adds in different orders; where two logits lie near each
other it then answers differently from itself, and there a continuation is no reference for anyone.

    agree.py MODEL prompts.txt OUT.json REFERENCE.txt OTHER.txt...
"""

import hashlib
import itertools
import json
import sys
from pathlib import Path

model, prompts, out, *files = sys.argv[1:]
texts = [line.replace("\\n", "\n") for line in Path(prompts).read_text().splitlines()]


def rows(file):
    """(prompt ids, continuation, how far the best logit was ahead) of each prompt."""
    parts = (line.split("|") for line in Path(file).read_text().splitlines())
    return [
        ([int(i) for i in p.split()], [int(i) for i in c.split()], [float(m) for m in g.split()])
        for p, c, g in parts
    ]


def parting(one, other):
    """Where two continuations part."""
    return next((k for k, (a, b) in enumerate(zip(one, other)) if a != b), None)


every = [rows(file) for file in files]
assert all(len(answers) == len(texts) for answers in every)
for file, answers in zip(files[1:], every[1:]):
    same = sum(a[1] == b[1] for a, b in zip(every[0], answers))
    print(f"{Path(file).name}: {same} of {len(texts)} as {Path(files[0]).name}")
margins = sorted(
    one[place][2][where]
    for one, other in itertools.permutations(every, 2)
    for place in range(len(texts))
    if (where := parting(one[place][1], other[place][1])) is not None
)
print(f"where they part the margin is {margins[len(margins) // 2]} (median) to {margins[-1]}")

agreed, disputed = [], []
for place, (text, (prompt, continuation, ahead)) in enumerate(zip(texts, every[0])):
    entry = {"text": text, "prompt": prompt, "continuation": continuation}
    if all(answers[place][1] == continuation for answers in every):
        agreed.append(entry)
    else:
        disputed.append(entry | {"margins": ahead})
print(f"all agree on {len(agreed)}")


def lines(entries):
    return ",\n  ".join(json.dumps(entry, ensure_ascii=False) for entry in entries[:10])


sha256 = hashlib.sha256(Path(model).read_bytes()).hexdigest()
Path(out).write_text(
    f'{{"sha256": "{sha256}",\n "parting_margin": {margins[-1]},\n'
    f' "agreed": [\n  {lines(agreed)}\n ],\n "disputed": [\n  {lines(disputed)}\n ]}}\n'
)
