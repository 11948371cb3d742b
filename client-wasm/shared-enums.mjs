// Compares what C++ and TypeScript call by number: the enums of src/abi.h with those of src/abi.ts, and the core's
// EventSourceState::Reason with the list `reasons`. build.mjs fails where they differ.

import { readFileSync } from "node:fs";

const bare = (text) => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);
const kebab = (name) => lowerFirst(name).replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** The enums of a C++ or TypeScript text: by name, a list of `member = number`, members as TypeScript writes them. */
function enumsIn(text) {
  const enums = {};
  for (const [, name, body] of bare(text).matchAll(/\benum (?:class )?(\w+)(?: : [\w:]+)? \{([^}]*)\}/g)) {
    let next = 0;
    const members = body.split(",").filter((member) => member.trim());
    enums[name] = members.map((member) => {
      const [, written, value] = /^\s*(\w+)\s*(?:=\s*(\w+)\s*)?$/.exec(member) ?? [];
      if (!written) throw new Error(`enum ${name}: "${member.trim()}" is not a name, or a name and a number`);
      const number = value === undefined ? next : Number(value);
      next = number + 1;
      return `${lowerFirst(written.replace(/^k(?=[A-Z])/, ""))} = ${number}`;
    });
  }
  return enums;
}

/** What differs, a sentence each. The parameters are texts of files: abi.h, event_source_state.h and abi.ts. */
export function differences(abiHeader, stateHeader, abiTypeScript) {
  const cpp = enumsIn(abiHeader);
  const typeScript = enumsIn(abiTypeScript);
  const { Reason } = enumsIn(stateHeader);
  const [, list] = /\breasons\b[^=]*= \[([^\]]*)\]/.exec(bare(abiTypeScript)) ?? [];
  if (!Reason || !list) return ["EventSourceState::Reason or the list `reasons` is not where it was"];
  cpp.reasons = Reason.map((member) => kebab(member.replace(/ = .*/, "")));
  typeScript.reasons = [...list.matchAll(/"([^"]*)"/g)].map(([, reason]) => reason);
  const names = new Set([...Object.keys(cpp), ...Object.keys(typeScript)]);
  return [...names]
    .filter((name) => `${cpp[name]}` !== `${typeScript[name]}`)
    .map((name) => `${name} is [${cpp[name] ?? "missing"}] in C++, [${typeScript[name] ?? "missing"}] in TypeScript`);
}

/** Throws where they differ. */
export function checkSharedEnums() {
  const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
  const state = read("../core/include/millrace/core/event_source_state.h");
  const found = differences(read("src/abi.h"), state, read("src/abi.ts"));
  if (found.length > 0) throw new Error(`C++ and TypeScript disagree: ${found.join("; ")}`);
}
