// The last event ID of a stream, kept in sessionStorage for this tab, over reloads, until the tab is closed.

export class StoredId {
  readonly #key: string;

  constructor(url: string) {
    this.#key = `millrace:${url}`;
  }

  /** Empty without a stored ID. */
  get value(): string {
    return this.#use((storage) => storage.getItem(this.#key)) ?? "";
  }

  set(id: string): void {
    if (id) this.#use((storage) => storage.setItem(this.#key, id));
  }

  clear(): void {
    this.#use((storage) => storage.removeItem(this.#key));
  }

  // Storage may be missing, forbidden or full: then a reload does not resume.
  #use<Result>(act: (storage: Storage) => Result): Result | undefined {
    try {
      return act(sessionStorage);
    } catch {
      return undefined;
    }
  }
}
