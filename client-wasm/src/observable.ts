// `millrace/observable`: an event stream as an observable, for RxJS's `from()` and other users of `Symbol.observable`.

import {
  type ConnectOptions,
  connect,
  type EventOf,
  type EventsOf,
  type NoOptions,
  type OptionsFor,
  type Unstated,
  type UrlOf,
} from "millrace";

/** A subscription's callbacks, each optional. */
export interface EventObserver<Event> {
  /** Called with each event. */
  next?(event: Event): void;
  /** Without it the error is reported as uncaught, like one of a listener. */
  error?(error: unknown): void;
  /** Called when the server has nothing more to send. */
  complete?(): void;
}

/** The result of `subscribe()`. */
export interface EventSubscription {
  /** Closes the connection; calls no further callback. */
  unsubscribe(): void;
}

/** An observable as RxJS and others accept it. */
export interface EventObservable<Event> {
  /** Connects; unsubscribing closes the connection at once. */
  subscribe(observer: EventObserver<Event> | ((event: Event) => void)): EventSubscription;
  /** Returns itself. `Symbol.observable` does the same, if it exists. */
  "@@observable"(): EventObservable<Event>;
}

/** Returns an observable; each subscriber has a connection of its own. */
export function observeEvents<Events extends object = Unstated, Options extends ConnectOptions = NoOptions>(
  url: UrlOf<Events>,
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
