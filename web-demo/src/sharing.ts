// Sharing: whether all tabs of this browser read one stream. The stream's name and the choice are one entry of the
// browser's storage: with two entries, a tab could see one before the other and use a name that no other tab has.

const key = "millrace-shared-stream";

/** A unique name for a stream. */
export function newName(kind: string): string {
  return `${kind}-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
}

/** The name of the stream that all tabs share; undefined if each has its own. */
export function sharedName(): string | undefined {
  return ("locks" in navigator && stored()) || undefined;
}

/** Makes all tabs share a stream, or gives each its own. Returns the new sharedName(). */
export function chooseShared(share: boolean): string | undefined {
  const name = share ? sharedName() || newName("browser") : "";
  try {
    localStorage.setItem(key, name);
  } catch {
    // Then the choice lasts until the page is closed.
  }
  return name || undefined;
}

/** Calls the listener when another tab has changed the choice. */
export function onShared(listener: (name: string | undefined) => void): void {
  addEventListener("storage", (event) => {
    if (event.key === key) listener(sharedName());
  });
}

function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // a browser without storage
  }
}
