import { readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vite";
import { preloadFont, slimFont } from "./fonts.js";

// `npm run dev` serves the page with live reload; the events come from a `millrace serve --insecure --demo` beside it.
const server = process.env.MILLRACE_URL ?? "http://127.0.0.1:8080";

/** The licence that the page links to. */
const licence = {
  name: "licence",
  generateBundle() {
    const source = readFileSync(join(import.meta.dirname, "../LICENSE"));
    this.emitFile({ type: "asset", fileName: "license.txt", source });
  },
};

/** What the page may load and reach, as built: the development server needs more. */
const policy = {
  name: "policy",
  apply: "build",
  transformIndexHtml() {
    const content =
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; font-src 'self'; img-src 'self'; " +
      "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'";
    return [{ tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content }, injectTo: "head-prepend" }];
  },
};

export default defineConfig({
  base: "./",
  plugins: [slimFont, preloadFont, licence, policy],
  build: {
    target: "es2022",
    // The page's CSP forbids `data:` and inline scripts, so everything stays a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: ["index.html", "push.html"].map((page) => join(import.meta.dirname, page)) },
  },
  server: {
    proxy: { "/events": server, "/demo": server, "/push/": server },
  },
});
