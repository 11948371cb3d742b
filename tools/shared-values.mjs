// Writes client-wasm/src/shared-values.ts: the enums and constants that C++ and TypeScript share, from the C++ headers
// that define them. `--check` writes nothing, and fails if the file is stale.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const target = "client-wasm/src/shared-values.ts";

/** Every enum of this header. */
const abi = "client-wasm/src/abi.h";

/** What else is shared: by the name in C++, the name in TypeScript. */
const stateHeader = "core/include/millrace/core/event_source_state.h";
const constants = {
  "core/include/millrace/core/limits.h": {
    kDefaultReconnectionTime: "defaultBase",
    kMaxBackoff: "defaultMax",
    kMaxEventBytes: "defaultEventBytes",
  },
  "server/include/millrace/server/limits.h": { kMaxTopicsPerEvent: "maxTopics" },
  "core/include/millrace/core/protocol.h": { kGapEventType: "gapType", kCursorEventType: "cursorType" },
};

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);
const plain = (name) => lowerFirst(name.replace(/^k(?=[A-Z])/, ""));
const kebab = (name) => plain(name).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The text of consecutive `///` lines. */
const said = (lines) => [...lines.matchAll(/^\s*\/\/\/ ?(.*)$/gm)].map(([, line]) => line);

function comment(lines, indent) {
  if (lines.length === 0) return "";
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

/** An enum of a header's text: what is said of it, and its members, each with its number if it is written. */
function enumOf(text, name) {
  const pattern = new RegExp(
    `((?:^ *///.*\\n)*)^ *enum (?:class )?${name}(?: : [\\w:]+)? \\{\\n([\\s\\S]*?)^ *\\};`,
    "m",
  );
  const [, above, body] = pattern.exec(text) ?? [];
  if (body === undefined) throw new Error(`enum ${name}: not found, or not written with a member on each line`);
  const members = [];
  let before = [];
  for (const line of body.split("\n").slice(0, -1)) {
    const [, alone] = /^\s*\/\/\/ ?(.*)$/.exec(line) ?? [];
    if (alone !== undefined) {
      before.push(alone);
      continue;
    }
    const [, member, number, behind] = /^\s*(\w+)(?: = (\d+))?,(?:\s*\/\/\/< (.*))?$/.exec(line) ?? [];
    if (!member) throw new Error(`enum ${name}: "${line.trim()}" is not a member: write NAME, or NAME = NUMBER,`);
    members.push({ member, number, said: behind === undefined ? before : [...before, behind] });
    before = [];
  }
  return { said: said(above), members };
}

function writtenEnum(text, name) {
  const { said, members } = enumOf(text, name);
  const lines = members.map(
    ({ member, number, said }) =>
      `${comment(said, "  ")}  ${plain(member)}${number === undefined ? "" : ` = ${number}`},\n`,
  );
  return `${comment(said, "")}export enum ${name} {\n${lines.join("")}}\n`;
}

/** A number with a product of numbers as its value, or a text. */
function writtenValue(name, written) {
  const [, quoted] = /^ = ("[^"\\]*")$/.exec(written) ?? [];
  if (quoted) return quoted;
  const [, product] = /^(?: = |\{)([\d' *]+)\}?$/.exec(written) ?? [];
  if (!product) throw new Error(`${name}: "${written}" is neither a text nor a product of numbers`);
  const number = product
    .replaceAll("'", "")
    .split("*")
    .reduce((all, factor) => all * Number(factor), 1);
  return number < 10_000 ? `${number}` : `${number}`.replace(/\B(?=(\d{3})+$)/g, "_");
}

function writtenConstant(text, name, nameHere) {
  const pattern = new RegExp(`((?:^ *///.*\\n)*)^inline constexpr [\\w:]+ ${name}(.*);$`, "m");
  const [, above, written] = pattern.exec(text) ?? [];
  if (written === undefined) throw new Error(`${name}: not found`);
  return `${comment(said(above), "")}export const ${nameHere} = ${writtenValue(name, written)};\n`;
}

/** The file's text. `read`: returns the text of a header, by its path in the tree. */
export function sharedValues(read) {
  const enums = [...read(abi).matchAll(/^enum (?:class )?(\w+)/gm)].map(([, name]) => name);
  const reasons = enumOf(read(stateHeader), "Reason").members.map(({ member }) => `  "${kebab(member)}",\n`);
  return [
    "// Enums and constants that C++ and TypeScript share. Generated from the headers by tools/shared-values.mjs: change\n" +
      `// them there, and run it. Enums: ${abi}. As enums, so that bundles contain only the numbers.\n`,
    'import type { LossReason } from "./types.js";\n',
    ...enums.map((name) => writtenEnum(read(abi), name)),
    `/** Indexed by EventSourceState::Reason. */\nexport const reasons: readonly LossReason[] = [\n${reasons.join("")}];\n`,
    ...Object.entries(constants).flatMap(([header, names]) =>
      Object.entries(names).map(([name, nameHere]) => writtenConstant(read(header), name, nameHere)),
    ),
  ].join("\n");
}

const read = (path) => readFileSync(new URL(path, root), "utf8");

/** Throws if the file is not what the headers say. */
export function checkSharedValues() {
  if (read(target) === sharedValues(read)) return;
  throw new Error(`${target} is stale: run node tools/shared-values.mjs, and commit it with the header`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) checkSharedValues();
  else writeFileSync(new URL(target, root), sharedValues(read));
}
