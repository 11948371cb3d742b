// The four bundlers people use, each with its own defaults for a browser build of one module.

import { join } from "node:path";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import { build as viteBuild } from "vite";
import webpack from "webpack";

/** Each builds `entry` into `outdir`, as ES modules of which `main.js` is the first. */
export const bundlers = {
  async esbuild(entry, outdir) {
    await esbuild.build({
      entryPoints: { main: entry },
      outdir,
      bundle: true,
      minify: true,
      splitting: true,
      format: "esm",
      logLevel: "error",
    });
  },

  async vite(entry, outDir) {
    await viteBuild({
      configFile: false,
      root: join(entry, ".."),
      logLevel: "error",
      build: {
        outDir,
        modulePreload: false,
        rollupOptions: { input: entry, output: { entryFileNames: "main.js" } },
      },
    });
  },

  // Rollup leaves looking into node_modules to a plugin; for one package these lines do.
  async rollup(entry, dir) {
    const installed = join(entry, "../node_modules/millrace/dist");
    const find = { name: "find", resolveId: (id) => (id === "millrace" ? join(installed, "index.js") : null) };
    const bundle = await rollup({ input: { main: entry }, plugins: [find] });
    await bundle.write({ dir, format: "es" });
    await bundle.close();
  },

  async webpack(entry, path) {
    const compiler = webpack({
      mode: "production",
      entry: { main: entry },
      output: { path, module: true, filename: "[name].js", publicPath: "auto" },
      experiments: { outputModule: true },
    });
    const stats = await new Promise((resolve, reject) => {
      compiler.run((error, result) => (error ? reject(error) : resolve(result)));
    });
    await new Promise((resolve) => compiler.close(resolve));
    if (stats.hasErrors() || stats.hasWarnings())
      throw new Error(stats.toString({ all: false, errors: true, warnings: true }));
  },
};
