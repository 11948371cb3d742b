// How the types of events follow from a map of events, or from the options of connect(). README.md explains them with
// examples.

import type { ConnectOptions, StandardSchema } from "./types.js";

/** Stands for a map of events that was not given: the options decide. */
export interface Unstated {
  readonly "millrace: no map of events": never;
}

/** Stands for options that were not given. */
export interface NoOptions extends ConnectOptions {
  readonly "millrace: no options"?: never;
}

/** The type of an event's data with these options; `unknown` if they do not determine it. */
export type DataOf<Options> = Options extends { schema: StandardSchema<infer Data> }
  ? Data
  : "millrace: no options" extends keyof Options
    ? string
    : "schema" extends keyof Options
      ? unknown
      : Options extends { decode?: infer Decode }
        ? "decode" extends keyof Options
          ? DecodedBy<Decode>
          : string
        : string;

/** The type of an event's data with this decoding. */
export type DecodedBy<Decode> = Decode extends "json" ? unknown : Decode extends "base64" ? Uint8Array : string;

/** The types that the options name; any without them. */
export type TypesOf<Options> = Options extends { types: readonly (infer Type extends string)[] } ? Type : string;

/** The map of events as given, or from the options. Either way `types` narrows it, if the options were inferred. */
export type EventsOf<Events, Options> = [Events] extends [Unstated]
  ? { [Type in TypesOf<Options>]: DataOf<Options> }
  : "millrace: no options" extends keyof Options
    ? Events
    : { [Type in keyof Events & TypesOf<Options>]: Events[Type] };

/**
 * A URL that carries the type of its map of events: `"/events" as EventsUrl<Orders>`. Then the map and the options are
 * both inferred, and `types` narrows the map. It cannot narrow the map of `connect<Orders>(…)`, because TypeScript
 * infers all type arguments of a call or none: there, state the part, `connect<Pick<Orders, "created">>(…)`.
 */
export type EventsUrl<Events> = (string | URL) & { readonly "millrace: events": Events };

/** A URL, with or without the type of its map of events. */
export type UrlOf<Events> = string | URL | EventsUrl<Events>;

/**
 * The arguments after the URL: options of the kind `Base`. With a map of events, `types` must be among its keys, and
 * data other than text must be decoded.
 */
export type OptionsFor<Events, Options, Base = ConnectOptions> = [Events] extends [Unstated]
  ? [options?: Options]
  : [Events[keyof Events]] extends [string]
    ? [options?: Inferred<Options> & StatedOptions<Events, Base> & { decode?: "text" }]
    : [
        options: Inferred<Options> &
          StatedOptions<Events, Base> &
          ({ decode: "json" | "base64" } | { schema: StandardSchema<Events[keyof Events]> }),
      ];

/** The options as inferred; anything if they were not. */
export type Inferred<Options> = "millrace: no options" extends keyof Options ? unknown : Options;

/** Options whose `types` are keys of the map. */
export type StatedOptions<Events, Base> = Omit<Base, "types"> & { types?: readonly (keyof Events & string)[] };
