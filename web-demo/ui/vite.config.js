// Builds the page of `millrace serve --ui` into ui/dist: its files stand side by side, as the program reads them.

import { join } from "node:path";
import { defineConfig } from "vite";
import { preloadFont, slimFont } from "../fonts.js";

export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  publicDir: false,
  plugins: [slimFont, preloadFont],
  // The package of this tree, also where node_modules is another's.
  resolve: { alias: { millrace: join(import.meta.dirname, "../../client-wasm/dist/index.js") } },
  build: {
    outDir: join(import.meta.dirname, "dist"),
    emptyOutDir: true,
    assetsDir: "",
    target: "es2022",
    assetsInlineLimit: 0, // the page's CSP forbids `data:`
    modulePreload: { polyfill: false },
  },
});
