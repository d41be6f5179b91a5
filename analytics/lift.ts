import { Observable, type OperatorFunction } from "rxjs";
import { advance, type Machine, type States } from "../domain/machine.ts";

/**
 * A machine as an RxJS operator over the states it was handed: save them, and another operator goes on from there.
 *
 * 1. Each input goes to the state of its key (`keyOf`); inputs without a key pass unheard.
 * 2. Before an input is stepped, the timers of its key due at or before it ring, in time order.
 * 3. States are kept up to date before anything is emitted, so a subscriber that saves them sees what it was told.
 * 4. Completion and errors of the source pass on; nothing rings at the end, for time has not passed.
 * 5. What a step throws is this operator's error.
 */
export const lift =
  <In, S, Out>(machine: Machine<In, S, Out>, states: States<S> = new Map()): OperatorFunction<In, Out> =>
  (source) =>
    new Observable<Out>((subscriber) =>
      source.subscribe({
        next: (input) => {
          let given: readonly Out[];
          try {
            given = advance(machine, states, input);
          } catch (thrown) {
            subscriber.error(thrown);
            return;
          }
          for (let i = 0; i < given.length && !subscriber.closed; i++) subscriber.next(given[i] as Out);
        },
        error: (error) => subscriber.error(error),
        complete: () => subscriber.complete(),
      }),
    );
