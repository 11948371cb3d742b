// URLs against the page's or worker's own address, as every API of the platform resolves them.

/** Throws a SyntaxError DOMException if it is not a URL; without a document or worker around, it has to be absolute. */
export function resolveUrl(url: string | URL): URL {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    return new URL(url, base);
  } catch {
    throw new DOMException(
      `not a valid URL: "${url}"${base ? "" : " (there is no page it could be relative to)"}`,
      "SyntaxError",
    );
  }
}
