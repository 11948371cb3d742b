// The module's exports. shared-values.ts has the enums that they take and return.

/** exports.txt in TypeScript. Pointers, lengths and handles are numbers; a batch is a pointer to a batch. */
export interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  input(bytes: number): number;
  source_new(lastEventIdBytes: number, seed: number, ...policy: number[]): number;
  source_delete(source: number): void;
  source_tell(source: number, input: number, now: number, ...rest: number[]): number;
  source_next_timeout(source: number): number;
  parser_new(lastEventIdBytes: number): number;
  parser_delete(parser: number): void;
  parser_feed(parser: number, bytes: number): number;
  parser_reset(parser: number): void;
}
