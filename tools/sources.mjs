// The C++ sources of the tree, by what is done with them.

import { readdirSync } from "node:fs";
import { join } from "node:path";

/** What we ship: the folders of libraries and program. */
export const shipped = [
  "core/src",
  "server/src",
  "server/metrics",
  "server/stores",
  "client-native/src",
  "cli",
  "bench/load",
  "web-demo/server",
];

/** Sources that take the place of others in builds without a part: the developers' build does not compile them. */
export const replacements = [
  "cli/cpu_profiler_without.cpp",
  "server/src/log/gzip_block_without_zlib.cpp",
  "server/src/tls/no_tls.cpp",
  "server/stores/redis/redis_no_tls.cpp",
];

/** What clang-format formats, headers included. */
export const formatted = [
  ...["core", "json", "sockets", "threads", "server", "client-native", "client-wasm/src", "cli", "web-demo/server"],
  ...["tests", "bench", "examples"],
];

/** The files below the folders with one of the extensions, sorted. */
export function filesBelow(folders, ...extensions) {
  return folders
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
    .filter((file) => extensions.some((extension) => file.endsWith(extension)) && !file.includes("node_modules"))
    .sort();
}
