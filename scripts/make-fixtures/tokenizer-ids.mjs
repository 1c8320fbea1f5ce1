// Writes the ids that llama.cpp gives for a list of texts, no control tokens read in them:
//   npm install node-llama-cpp@3.22.1
//   node scripts/make-fixtures/tokenizer-ids.mjs model.gguf texts.json > ids.json
import { readFileSync } from "node:fs";
import { getLlama } from "node-llama-cpp";

const [modelPath, textsPath] = process.argv.slice(2);
const llama = await getLlama({ gpu: false, build: "never", progressLogs: false });
const model = await llama.loadModel({ modelPath, gpuLayers: 0, useMmap: true });
// A list of texts, or what this script wrote before.
const texts = JSON.parse(readFileSync(textsPath, "utf8")).map((one) => one.text ?? one);
const cases = texts.map((text) => ({ text, ids: Array.from(model.tokenize(text, false)) }));
const lines = cases.map((one) => JSON.stringify(one));
process.stdout.write("[\n" + lines.join(",\n") + "\n]\n");
process.exit(0);
