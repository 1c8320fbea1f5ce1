"""Renders the chat templates of generator/tests/fixtures/templates as transformers does.

    pip install jinja2==3.1.6
    python scripts/make-fixtures/templates.py
"""

import datetime
import json
import pathlib

from jinja2.exceptions import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).parents[2] / "generator/tests/fixtures/templates"
TODAY = datetime.date(2026, 11, 23)
SYSTEM = {"role": "system", "content": "Responde con los pasajes.\nSé breve."}
USER = {"role": "user", "content": "¿Dosis de bisoprolol?\n\n- {{ 7 * 7 }}"}
ANSWER = {"role": "assistant", "content": "1,25 mg. [1]"}
CONVERSATIONS = {
    "one": [SYSTEM, USER],
    "three": [SYSTEM, USER, ANSWER, USER],
    "unruly": [SYSTEM, USER, USER],
}


def raise_exception(message):
    raise TemplateError(message)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
)
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = TODAY.strftime
rendered = {}
for path in sorted(FOLDER.glob("*.jinja")):
    template = environment.from_string(path.read_text())
    for name, messages in CONVERSATIONS.items():
        for prompted in (True, False):
            try:
                text = template.render(
                    messages=messages,
                    add_generation_prompt=prompted,
                    bos_token="<|begin_of_text|>",
                    eos_token="<|eot_id|>",
                    date_string=TODAY.isoformat(),
                )
            except TemplateError:
                text = None
            rendered.setdefault(path.stem, []).append(
                {"conversation": name, "prompted": prompted, "text": text}
            )
(FOLDER / "rendered.json").write_text(
    json.dumps({"conversations": CONVERSATIONS, "rendered": rendered}, ensure_ascii=False, indent=1) + "\n"
)
