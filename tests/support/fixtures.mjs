// The fixtures of the event stream format, as bytes. tests/fixtures/README.md has the rules.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

const folder = new URL("../fixtures/", import.meta.url);

/** A text that is written in pieces, some of them repeated. */
export function textOf(pieces) {
  const list = Array.isArray(pieces) ? pieces : [pieces];
  return list.map((piece) => (typeof piece === "string" ? piece : piece.text.repeat(piece.repeat))).join("");
}

/** A stream, in which `<0A FF>` are bytes. */
export function bytesOf(pieces) {
  const parts = pieces.flatMap((piece) => {
    const whole = textOf(piece);
    return whole.split(/(<[^>]*>)/).map((part) => {
      if (!part.startsWith("<")) return Buffer.from(part, "utf8");
      assert.match(part, /^<[0-9A-F]{2}( [0-9A-F]{2})*>$/, `not a run of bytes: ${part}`);
      return Buffer.from(part.replace(/[<> ]/g, ""), "hex");
    });
  });
  return Buffer.concat(parts);
}

/** Each file's name and its cases. */
export function fixtureFiles() {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((file) => [file, JSON.parse(readFileSync(new URL(file, folder), "utf8")).cases]);
}
