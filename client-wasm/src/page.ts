// What a page, or a worker, goes through that concerns its connections: the network comes and goes, tabs are hidden, pages
// are put aside in the back/forward cache and taken out again. In Node.js there is none of it.

export interface Resting {
  online(): void;
  suspend(): void;
  resume(): void;
}

/**
 * Tells the connection until the signal is aborted. Returns what looks again whether it is to rest, for what else `isHidden`
 * depends on.
 */
export function followPage(connection: Resting, signal: AbortSignal, isHidden = () => false): () => void {
  const { addEventListener } = globalThis;
  let isAside = false;
  let isResting = false;
  const look = () => {
    const rests = isAside || isHidden();
    if (rests === isResting) return;
    isResting = rests;
    if (rests) connection.suspend();
    else connection.resume();
  };
  const moved = ({ type, persisted }: Event & { persisted?: boolean }) => {
    isAside = type === "pagehide" && persisted === true;
    look();
  };
  addEventListener?.("online", () => connection.online(), { signal });
  addEventListener?.("pagehide", moved, { signal });
  addEventListener?.("pageshow", moved, { signal });
  return look;
}
