// What a page, or a worker, goes through that concerns its connections: the network comes and goes, tabs are hidden, pages
// are put aside in the back/forward cache and taken out again. In Node.js there is none of it.

export interface Resting {
  online(): void;
  suspend(): void;
  resume(): void;
}

/** Until the signal is aborted: without the option for it, since jsdom's window knows no signal but those of its own class. */
export function listenUntil(
  signal: AbortSignal,
  target: EventTarget,
  type: string,
  listener: (event: Event) => void,
): void {
  target.addEventListener?.(type, listener);
  signal.addEventListener("abort", () => target.removeEventListener?.(type, listener));
}

/**
 * Tells the connection until the signal is aborted. Returns what looks again whether it is to rest, for what else `isHidden`
 * depends on.
 */
export function followPage(connection: Resting, signal: AbortSignal, isHidden = () => false): () => void {
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
  listenUntil(signal, globalThis, "online", () => connection.online());
  listenUntil(signal, globalThis, "pagehide", moved);
  listenUntil(signal, globalThis, "pageshow", moved);
  return look;
}
