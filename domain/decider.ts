/**
 * What may refuse. `decide` says what follows from a command, `evolve` what an event makes of the state. Where `own` is, `evolve` may change
 * the state it is given, and whoever folds gives it one of its own: a table copied for each of a thousand events takes seconds.
 */
export type Decider<C, S, E> = {
  readonly initial: () => S;
  readonly own?: (state: S) => S;
  readonly decide: (command: C, state: S) => readonly E[] | Refusal;
  readonly evolve: (state: S, event: E) => S;
  /**
   * For streams without end: what a state comes to as one event, which stands at each place of the stream that `every` divides. A fold begins
   * with the newest of them, so `evolve` makes of it that state, whatever was before.
   */
  readonly sum?: { readonly type: string; readonly every: number; readonly of: (state: S) => E };
};

/** Why a command was not followed: a closed union. Surfaces translate it; there is no HTTP number here. */
export type Refusal = {
  readonly refused: "invalid" | "unknown-camera" | "unknown-place" | "unknown-rule" | "too-many" | "conflict";
  /** Where in what was sent, e.g. `tripwires[0].wire`. */
  readonly path: string;
  readonly detail: string;
};

export const refuse = (refused: Refusal["refused"], path: string, detail: string): Refusal => ({ refused, path, detail });

export const isRefusal = (answer: object): answer is Refusal => "refused" in answer;
