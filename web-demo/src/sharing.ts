// Sharing: whether all tabs of this browser read one stream, which they then have to agree on the name of.

const shareKey = "millrace-share";
const nameKey = "millrace-browser";

/** A name for a stream, like no other. */
export function newName(kind: string): string {
  return `${kind}-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
}

export function storedShare(): boolean {
  return "locks" in navigator && stored(shareKey) === "yes";
}

export function storeShare(share: boolean): void {
  store(shareKey, share ? "yes" : "no");
}

/** Tells when another tab has changed its mind: all of them share, or none. */
export function onShare(listener: (share: boolean) => void): void {
  addEventListener("storage", ({ key }) => {
    if (key === shareKey) listener(storedShare());
  });
}

/** The name of the stream that all tabs share. */
export function browserName(): string {
  const name = stored(nameKey) ?? newName("browser");
  store(nameKey, name);
  return name;
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // a browser that keeps nothing
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Then it holds until the page is left.
  }
}
