// Asks, and shows the cited answer. Every text from a document enters the page as a text node.
import { texts } from "/static/texts.js";

const find = (id) => document.getElementById(id);
const form = find("ask");
const question = find("question");
let language = "es";
let running = null;

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function speak(code) {
  language = texts[code] ? code : "es";
  document.documentElement.lang = language;
  find("interface").value = language;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts[language][element.dataset.text];
  }
}

function say(text, problem = false) {
  find("status").textContent = text;
  find("status").classList.toggle("problem", problem);
}

function place(source, page) {
  const say = texts[language];
  const parts = [`${say.version} ${source.version}`];
  if (source.effective_from) parts.push(`${say.since} ${source.effective_from}`);
  if (page) parts.push(`${say.page} ${page}`);
  return parts.join(" · ");
}

function original(source, page) {
  const link = make("a", "", texts[language].original);
  link.href = `/api/v1/documents/${encodeURIComponent(source.document_id)}/file${page ? `#page=${page}` : ""}`;
  link.target = "_blank";
  link.rel = "noopener";
  return link;
}

function showSentence(sentence, asked) {
  const line = make("p", "sentence");
  line.lang = asked;
  line.append(sentence.text, " ");
  for (const citation of sentence.citations) {
    const mark = make("a", "mark", `[${citation.number}]`);
    mark.href = `#source-${citation.number}`;
    line.append(mark, " ");
  }
  find("sentences").append(line);
}

function showSource(citation) {
  const item = make("li");
  item.id = `source-${citation.number}`;
  item.append(make("p", "title", `[${citation.number}] ${citation.title}`));
  item.append(make("p", "meta", [place(citation, citation.page), ...citation.section].join(" · ")));
  item.append(make("blockquote", "", citation.quote));
  item.append(original(citation, citation.page));
  find("sources").append(item);
}

function showPassage(passage) {
  const item = make("li");
  item.append(make("p", "title", passage.title));
  item.append(make("p", "meta", [place(passage, passage.pages[0]), ...passage.section].join(" · ")));
  item.append(make("p", "passage", passage.text));
  item.append(original(passage, passage.pages[0]));
  find("passages").append(item);
}

function clear() {
  for (const id of ["sentences", "warnings", "sources", "passages"]) find(id).replaceChildren();
}

// A sentence that comes while the answer is still being written: it has passed every check.
function showEarly(sentence, asked) {
  find("answer").hidden = find("sources-title").hidden = find("ai").hidden = false;
  showSentence(sentence, asked);
  for (const citation of sentence.citations) {
    if (!find(`source-${citation.number}`)) showSource(citation);
  }
}

// What has come so far is not an answer: it goes, so that nobody acts on half of one.
function fail(why) {
  clear();
  find("answer").hidden = find("nearest").hidden = true;
  say(why, true);
}

function show(answer) {
  clear();
  const declined = answer.status === "declined";
  find("answer").hidden = false;
  find("sources-title").hidden = declined;
  find("ai").hidden = declined;
  if (declined) {
    const line = make("p", "sentence", answer.declined.message);
    line.lang = answer.language;
    find("sentences").append(line);
    answer.declined.nearest.forEach(showPassage);
  } else {
    const shown = new Set();
    for (const sentence of answer.sentences) {
      showSentence(sentence, answer.language);
      for (const citation of sentence.citations) {
        if (!shown.has(citation.number)) showSource(citation);
        shown.add(citation.number);
      }
    }
  }
  for (const warning of answer.warnings) find("warnings").append(make("p", "warning", warning.detail));
  find("nearest").hidden = !find("passages").childElementCount;
  say(texts[language][declined ? "declined" : "answered"]);
  find("answer").focus({ preventScroll: false });
}

// The events of a response: name and data of each, as they come.
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    for (let end = held.indexOf("\n\n"); end >= 0; end = held.indexOf("\n\n")) {
      const fields = { event: "message", data: "" };
      for (const line of held.slice(0, end).split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
      held = held.slice(end + 2);
      if (fields.data) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

async function follow(response, signal) {
  let asked = "es";
  for await (const [name, data] of events(response)) {
    if (signal.aborted) return;
    if (name === "retrieved") {
      asked = data.language;
      say(texts[language].writing);
    }
    if (name === "sentence") showEarly(data, asked);
    else if (name === "done") return show(data);
    else if (name === "error") return fail(`${texts[language].failed} ${data.request_id}`);
  }
  fail(texts[language].offline);
}

async function ask(text) {
  running?.abort();
  const mine = (running = new AbortController());
  find("answer").hidden = find("nearest").hidden = true;
  clear();
  say(texts[language].searching);
  try {
    const response = await fetch("/api/v1/ask", {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ question: text }),
      signal: mine.signal,
    });
    if (response.ok) return await follow(response, mine.signal);
    const body = await response.json();
    if (response.status < 500) say(body.detail, true);
    else say(`${texts[language].failed} ${body.request_id}`, true);
  } catch (error) {
    if (error.name !== "AbortError") fail(texts[language].offline);
  } finally {
    if (running === mine) running = null;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask(question.value);
});
find("interface").addEventListener("change", (event) => speak(event.target.value));
document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement?.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    question.focus();
  } else if (event.key === "Escape") {
    if (!running) return;
    running.abort();
    fail(texts[language].stopped);
  }
});

speak((navigator.language || "es").slice(0, 2));
// The fragment never reaches the server's log, so a question may be handed over in it.
const handed = new URLSearchParams(location.hash.slice(1)).get("q");
if (handed) {
  question.value = handed;
  ask(handed);
}
