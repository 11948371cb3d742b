// The examples of the npm package, each a project of its own, with the package as it is here.

import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { root } from "./millrace-server.mjs";

export const examples = join(root, "examples/npm");

export function exampleNames() {
  return readdirSync(examples, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Returns a folder below build/ with all of them, where they find their packages. */
export function copyExamples(name) {
  const folder = join(root, "build", name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(examples, folder, { recursive: true, filter: (path) => !/node_modules|dist$/.test(path) });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}
