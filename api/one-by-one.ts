/** One after another, of each in turn: work that together may cost no more than one at a time does. */
import { createFairLine } from "../domain/fair-line.ts";

type Waiting = { readonly go: () => void; readonly refuse: () => void };

/** Does the work when its turn comes. Rejects with what `full` gives where no more than `most` may wait. */
export type OneByOne = <T>(whose: string, work: () => Promise<T>, full: () => Error) => Promise<T>;

export const createOneByOne = (most: number): OneByOne => {
  const line = createFairLine<Waiting>(most);
  let isBusy = false;
  const myTurn = (whose: string, full: () => Error): Promise<void> =>
    new Promise((go, reject) => void line.join({ go, refuse: () => reject(full()) }, whose)?.refuse());
  return async (whose, work, full) => {
    if (isBusy) await myTurn(whose, full);
    isBusy = true;
    try {
      return await work();
    } finally {
      const next = line.next();
      if (next === undefined) isBusy = false;
      else next.go();
    }
  };
};
