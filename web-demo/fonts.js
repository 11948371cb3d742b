// The font of both pages, as Vite builds them.

import subsetFont from "subset-font";

// What English is written with; anything else, Chinese above all, is in the fonts of the reader's system.
const letters = `${String.fromCharCode(...Array.from({ length: 95 }, (_, i) => 32 + i))}–—‘’“”…·−×`;

/** Leaves out of the font what the page does not write, and its kerning, which is half of what is left. */
export const slimFont = {
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
export const preloadFont = {
  name: "preload-font",
  transformIndexHtml(_html, { bundle }) {
    const fonts = Object.keys(bundle ?? {}).filter((file) => file.endsWith(".woff2"));
    return fonts.map((file) => ({
      tag: "link",
      attrs: { rel: "preload", as: "font", type: "font/woff2", href: `./${file}`, crossorigin: "" },
    }));
  },
};
