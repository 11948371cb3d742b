// The text of the core's batches as strings, where it comes as UTF-8.

export class DecodedText {
  // A byte order mark at the front of a batch's text is data: the parser has taken away the one that is not.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /** The text at `at` in the module's memory, so many bytes long. */
  of(memory: Uint8Array, at: number, length: number): string {
    return length === 0 ? "" : this.#decoder.decode(memory.subarray(at, at + length));
  }
}
