// The WebAssembly module as printable ASCII, so that the package is one file that every bundler and server accepts
// unchanged.
//
// Frequent bytes (small numbers and the commonest instructions) are one character, others two. Compressed, the text is
// 1 % larger than the module itself; Base64, which splits bytes, would be 26 % larger. build.mjs does the encoding.

/**
 * Each byte is subtracted from it, which brings frequent bytes below singleCodes, and the most frequent to the letters
 * of the rest of a bundle, which compresses 1 % better.
 */
export const zero = 84;
/**
 * Number of characters, from the space on, that stand for one byte; each later character begins a pair, for the next
 * pairCodes bytes.
 */
export const singleCodes = 93;
export const pairCodes = 82;

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i) - 32;
    if (code >= singleCodes) code = singleCodes + (code - singleCodes) * pairCodes + text.charCodeAt(++i) - 32;
    bytes.push(zero - code);
  }
  return new Uint8Array(bytes);
}
