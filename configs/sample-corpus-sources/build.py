#!/usr/bin/env python3
"""Builds every PDF and DOCX of the sample corpus into ../sample-corpus.

The same sources give the same bytes: the dates are fixed in the sources,
system fonts are not read, and the ZIP entries of a DOCX carry one fixed time.
"""
import pathlib
import sys
from datetime import datetime, timezone

import typst

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "sample-corpus"
STAMP = int(datetime(2025, 2, 1, tzinfo=timezone.utc).timestamp())


def build_pdfs(only):
    for source in sorted(HERE.glob("*.typ")):
        if source.name == "comun.typ" or (only and source.stem not in only):
            continue
        target = OUT / (source.stem + ".pdf")
        typst.compile(
            str(source), output=str(target), root=str(HERE),
            ignore_system_fonts=True, timestamp=STAMP,
        )
        print(target.name, target.stat().st_size)


def build_docx(only):
    sys.path.insert(0, str(HERE))
    import documentos_word
    for name, size in documentos_word.build(OUT, only):
        print(name, size)


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    only = set(sys.argv[1:])
    build_pdfs(only)
    build_docx(only)
