// URLs against the page's or worker's own address, as every API of the platform resolves them.

/**
 * Throws a SyntaxError DOMException with the message, and the platform's error as its cause, if `url` is invalid.
 * Without a document or worker, the URL must be absolute.
 */
export function resolveUrl(url: string | URL, message: string): URL {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch (cause) {
    throw Object.assign(new DOMException(message, "SyntaxError"), { cause });
  }
}
