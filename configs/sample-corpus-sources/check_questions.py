#!/usr/bin/env python3
"""Checks that every quote of questions.jsonl stands in its document and page.

Needs pypdfium2 and python-docx. Folding: line-end hyphens are undone, all
white space is one space, bold and superscript marks are dropped, and the cells
of a table row are joined by one space.
"""
import html
import json
import pathlib
import re
import sys

import docx
import pypdfium2
from docx.table import Table

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE.parent / "sample-corpus"


def fold(text):
    text = re.sub(r"[\x02\u00ad]\s*", "", text.replace("|", " "))
    return re.sub(r"\s+", " ", text).strip()


def docx_text(path):
    out = []
    for block in docx.Document(str(path)).iter_inner_content():
        if not isinstance(block, Table):
            out.append(block.text)
            continue
        for row in block.rows:
            cells, last = [], None
            for cell in row.cells:
                if cell._tc is not last:
                    cells.append(cell.text)
                last = cell._tc
            out.append(" ".join(cells))
    return "\n".join(out)


def pages(path):
    if path.suffix == ".pdf":
        return [p.get_textpage().get_text_bounded() for p in pypdfium2.PdfDocument(str(path))]
    if path.suffix == ".docx":
        return [docx_text(path)]
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = re.sub(r"(?s)<(script|style).*?</\1>", "", text)
        text = re.sub(r"</?(sup|sub|b|strong|em|code|small)>", "", text)
        text = html.unescape(re.sub(r"<[^>]+>", " ", text))
    if path.suffix == ".md":
        text = text.replace("**", "")
    return [text]


def main():
    cache, wrong, count = {}, 0, 0
    for line in (HERE / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        q = json.loads(line)
        count += 1
        if not q["answerable"]:
            continue
        if q["file"] not in cache:
            cache[q["file"]] = [fold(p) for p in pages(CORPUS / q["file"])]
        found = cache[q["file"]]
        where = found if q["page"] is None else [found[q["page"] - 1]]
        if not any(fold(q["quote"]) in p for p in where):
            wrong += 1
            print(f"{q['id']}: quote not found in {q['file']} page {q['page']}: {q['quote']}")
    print(f"{count} questions, {wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
