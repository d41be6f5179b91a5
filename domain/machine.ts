import type { Instant, Json } from "./envelope.ts";

/** What a step gives: the state to keep and what came out. An array without elements may be shared. */
export type Step<S, Out> = readonly [state: S, out: readonly Out[]];

/** What remembers. Pure: the same inputs in the same order give the same outputs, also after save and load between any two. */
export type Machine<In, S, Out> = {
  readonly name: string;
  /** Raised when the saved form of S changes shape. */
  readonly version: number;
  /** `undefined`: not for me. */
  readonly keyOf: (input: In) => string | undefined;
  readonly at: (input: In) => Instant;
  readonly initial: () => S;
  /** May change and return the state it was given. */
  readonly step: (state: S, input: In) => Step<S, Out>;
  /** Wake me then, in event time. */
  readonly due?: (state: S) => Instant | undefined;
  readonly ring?: (state: S, at: Instant, key: string) => Step<S, Out>;
  readonly save: (state: S) => Json;
  /** `undefined`: this version of the saved form is not known; derive it again from a base. */
  readonly load: (saved: Json, version: number) => S | undefined;
};
