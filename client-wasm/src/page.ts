// Events of a page or worker that concern its connections: the network is lost or back, tabs are hidden, pages enter
// and leave the back/forward cache. Does nothing in Node.js.

export interface Resting {
  networkBack(): void;
  setAside(): void;
  takeBack(): void;
}

/**
 * Listens until the signal is aborted. Does not use the `signal` option, because jsdom's window accepts only signals of
 * its own class.
 */
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
 * Suspends and resumes the connection until the signal is aborted. Returns a function that checks again, for other
 * conditions of `isHidden`.
 */
export function followPage(connection: Resting, signal: AbortSignal, isHidden = () => false): () => void {
  let isAside = false;
  let isResting = false;
  const look = () => {
    const rests = isAside || isHidden();
    if (rests === isResting) return;
    isResting = rests;
    if (rests) connection.setAside();
    else connection.takeBack();
  };
  const moved = ({ type, persisted }: Event & { persisted?: boolean }) => {
    isAside = type === "pagehide" && Boolean(persisted);
    look();
  };
  listenUntil(signal, globalThis, "online", () => connection.networkBack());
  listenUntil(signal, globalThis, "pagehide", moved);
  listenUntil(signal, globalThis, "pageshow", moved);
  return look;
}
