// What a page, or a worker, goes through that concerns its connections: the network comes and goes, tabs are hidden, pages
// are put aside in the back/forward cache and taken out again. In Node.js there is none of it.

export interface Resting {
  online(): void;
  suspend(): void;
  resume(): void;
}

/** Tells the connection until the signal is aborted. */
export function followPage(connection: Resting, closeWhenHidden: boolean, signal: AbortSignal): void {
  const { document, addEventListener } = globalThis;
  if (!addEventListener) return;
  let isAside = false;
  let isResting = false;
  const look = () => {
    const rests = isAside || (closeWhenHidden && document?.visibilityState === "hidden");
    if (rests === isResting) return;
    isResting = rests;
    if (rests) connection.suspend();
    else connection.resume();
  };
  const moved = ({ type, persisted }: Event & { persisted?: boolean }) => {
    isAside = type === "pagehide" && persisted === true;
    look();
  };
  addEventListener("online", () => connection.online(), { signal });
  addEventListener("pagehide", moved, { signal });
  addEventListener("pageshow", moved, { signal });
  document?.addEventListener("visibilitychange", look, { signal });
  look();
}
