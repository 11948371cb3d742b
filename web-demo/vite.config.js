import { readFileSync } from "node:fs";
import { join } from "node:path";
import subsetFont from "subset-font";
import { defineConfig } from "vite";

// `npm run dev` serves the page with live reload; the events come from a `millrace serve --insecure --demo` beside it.
const server = process.env.MILLRACE_URL ?? "http://127.0.0.1:8080";

// What English is written with; anything else, Chinese above all, is in the fonts of the reader's system.
const letters = `${String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i))}–—‘’“”…·−×`;

/** Leaves out of the font what the page does not write, and its kerning, which is half of what is left. */
const slimFont = {
  name: "slim-font",
  async generateBundle(_options, bundle) {
    for (const [file, asset] of Object.entries(bundle)) {
      if (!file.endsWith(".woff2")) continue;
      asset.source = await subsetFont(Buffer.from(asset.source), letters, {
        targetFormat: "woff2",
        keepFeatures: ["tnum"],
        variationAxes: { wght: { min: 400, max: 640, default: 400 } }, // what the style sheets ask for
      });
    }
  },
};

/** Has the font fetched along with the style sheet that names it, so that it is there for the first paint. */
const preloadFont = {
  name: "preload-font",
  transformIndexHtml(_html, { bundle }) {
    const fonts = Object.keys(bundle ?? {}).filter((file) => file.endsWith(".woff2"));
    return fonts.map((file) => ({
      tag: "link",
      attrs: { rel: "preload", as: "font", type: "font/woff2", href: `./${file}`, crossorigin: "" },
    }));
  },
};

/** The licence that the page links to. */
const licence = {
  name: "licence",
  generateBundle() {
    const source = readFileSync(join(import.meta.dirname, "../LICENSE"));
    this.emitFile({ type: "asset", fileName: "license.txt", source });
  },
};

export default defineConfig({
  base: "./",
  plugins: [slimFont, preloadFont, licence],
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
