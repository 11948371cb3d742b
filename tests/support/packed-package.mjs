// The package as it would be published: packed by npm, and installed from the archive into an empty project.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./millrace-server.mjs";

// Neither npm's own checks nor a registry have a part in this.
const quiet = ["--offline", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];

/** Packs the package; the archive's path, and what npm says is in it. */
export function packPackage(folder) {
  mkdirSync(folder, { recursive: true });
  const parameters = ["pack", "--json", "--pack-destination", folder, ...quiet];
  const output = execFileSync("npm", parameters, { cwd: join(root, "client-wasm"), encoding: "utf8" });
  const packed = JSON.parse(output);
  const { filename, files } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  return { archive: join(folder, filename), files: files.map(({ path }) => path) };
}

/** An ES module project in build/`name`, with the package installed, and the workspace's packages `others`. */
export function projectWithPackage(name, others = []) {
  const folder = join(root, "build", name);
  rmSync(folder, { recursive: true, force: true });
  const { archive, files } = packPackage(folder);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  execFileSync("npm", ["install", "--legacy-peer-deps", ...quiet, archive], { cwd: folder, encoding: "utf8" });
  for (const other of others) symlinkSync(join(root, "node_modules", other), join(folder, "node_modules", other));
  const installed = join(folder, "node_modules/millrace");
  return {
    folder,
    archive,
    files,
    installed,
    manifest: JSON.parse(readFileSync(join(installed, "package.json"), "utf8")),
  };
}
