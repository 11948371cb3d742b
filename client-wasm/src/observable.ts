// `millrace/observable`: an event stream as an observable, for RxJS's `from()` and whatever else knows `Symbol.observable`.

import {
  type ConnectOptions,
  connect,
  type EventOf,
  type EventsOf,
  type NoOptions,
  type OptionsFor,
  type Unstated,
} from "millrace";

/** What is called of a subscription: any of these. */
export interface EventObserver<Event> {
  /** Called with each event. */
  next?(event: Event): void;
  /** Without it the error is thrown where nobody can catch it, as a listener's is. */
  error?(error: unknown): void;
  /** Called when the server has no more to send. */
  complete?(): void;
}

/** What `subscribe()` returns. */
export interface EventSubscription {
  /** Closes the connection; nothing is called any more. */
  unsubscribe(): void;
}

/** What RxJS and others take for an observable. */
export interface EventObservable<Event> {
  /** Connects; unsubscribing closes the connection at once. */
  subscribe(observer: EventObserver<Event> | ((event: Event) => void)): EventSubscription;
  /** Itself. `Symbol.observable` does the same, where there is one. */
  "@@observable"(): EventObservable<Event>;
}

/** Each subscriber has a connection of its own. */
export function observeEvents<Events extends object = Unstated, Options extends ConnectOptions = NoOptions>(
  url: string | URL,
  ...options: OptionsFor<Events, Options>
): EventObservable<EventOf<EventsOf<Events, Options>>> {
  type Map = EventsOf<Events, Options>;
  const self = () => observable;
  const observable: EventObservable<EventOf<Map>> = {
    subscribe(given) {
      const observer: EventObserver<EventOf<Map>> = typeof given === "function" ? { next: given } : given;
      const connection = connect<Events, Options>(url, ...options);
      let isLeft = false;
      const run = async () => {
        for await (const event of connection) observer.next?.(event);
        if (!isLeft) observer.complete?.();
      };
      run().catch((error) => {
        if (isLeft) return;
        if (observer.error) observer.error(error);
        else
          queueMicrotask(() => {
            throw error;
          });
      });
      return {
        unsubscribe() {
          isLeft = true;
          connection.close();
        },
      };
    },
    "@@observable": self,
  };
  const { observable: key } = Symbol as { observable?: symbol };
  return key ? Object.assign(observable, { [key]: self }) : observable;
}
