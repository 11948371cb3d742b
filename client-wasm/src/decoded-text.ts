// The text of the core's batches, from UTF-8 to strings.

export class DecodedText {
  // A byte order mark at the front of a batch's text is data: the parser has removed the stream's own.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** The text at `at` in the module's memory, `length` bytes long. */
  of(memory: Uint8Array, at: number, length: number): string {
    return length === 0 ? "" : this.#decoder.decode(memory.subarray(at, at + length));
  }
}
