// Sharing: whether all tabs of this browser read one stream. The name of that stream and the choice are one entry of the
// browser's storage: as two, a tab could learn of the one before the other, and take a name that no other tab has.

const key = "millrace-shared-stream";

/** A name for a stream, like no other. */
export function newName(kind: string): string {
  return `${kind}-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
}

/** The name of the stream that all tabs share; undefined: each has its own. */
export function sharedName(): string | undefined {
  return ("locks" in navigator && stored()) || undefined;
}

/** Has all tabs share a stream, or each have its own. Returns what sharedName() does from now on. */
export function chooseShared(share: boolean): string | undefined {
  const name = share ? sharedName() || newName("browser") : "";
  try {
    localStorage.setItem(key, name);
  } catch {
    // Then it holds until the page is left.
  }
  return name || undefined;
}

/** Tells when another tab has chosen. */
export function onShared(listener: (name: string | undefined) => void): void {
  addEventListener("storage", (event) => {
    if (event.key === key) listener(sharedName());
  });
}

function stored(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // a browser that keeps nothing
  }
}
