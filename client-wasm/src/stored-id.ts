// The last event ID of a stream, kept in sessionStorage: for this tab, until it is closed, and over reloads.

export class StoredId {
  readonly #key: string;

  constructor(url: string) {
    this.#key = `millrace:${url}`;
  }

  /** Empty if there is none. */
  get value(): string {
    return this.#use((storage) => storage.getItem(this.#key)) ?? "";
  }

  set(id: string): void {
    if (id) this.#use((storage) => storage.setItem(this.#key, id));
  }

  clear(): void {
    this.#use((storage) => storage.removeItem(this.#key));
  }

  // There may be no storage, or it may be forbidden or full: then a reload begins anew, as it would without all this.
  #use<Result>(act: (storage: Storage) => Result): Result | undefined {
    try {
      return act(sessionStorage);
    } catch {
      return undefined;
    }
  }
}
