// URLs against the page's or worker's own address, as every API of the platform resolves them.

/**
 * Throws a SyntaxError DOMException with the message if it is not a URL, the platform's error being its cause; without a
 * document or worker around, it has to be absolute.
 */
export function resolveUrl(url: string | URL, message: string): URL {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (cause) {
    throw Object.assign(new DOMException(message, "SyntaxError"), { cause });
  }
}
