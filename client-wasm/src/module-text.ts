// The WebAssembly module as printable ASCII, so that the package is one file that every bundler and server takes as it is.
//
// A byte is one character where the module has it often (small numbers and the commonest instructions), two where not.
// Compressed, that is 1 % larger than the module itself; Base64, which tears bytes apart, would be 26 % larger.
// build.mjs has the other direction.

/**
 * What each byte is taken from: brings those that are frequent below singleCodes, and the most frequent to the letters that
 * the rest of a bundle is made of, which compresses 1 % better.
 */
export const zero = 84;
/** Characters that stand for a byte alone, from the space on; each that follows begins a pair, for the next pairCodes. */
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
