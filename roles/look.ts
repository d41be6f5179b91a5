import { AdapterError, type Clock, type Stop } from "../domain/ports.ts";
import { within } from "../domain/within.ts";

/** What was seen, or why nothing was. */
export type Look<T> = { readonly seen: T } | { readonly failed: string };

/** Asks once at a time: whoever looks meanwhile shares the answer, even one that is late; nobody waits longer than so long for it. */
export const createLook = <T>(
  patience: { readonly clock: Clock; readonly stop: Stop },
  mostMs: number,
  ask: () => Promise<T>,
): (() => Promise<Look<T>>) => {
  let underWay: Promise<Look<T>> | undefined;
  const begin = async (): Promise<Look<T>> => {
    try {
      return { seen: await ask() };
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      return { failed: error.message };
    }
  };
  const ended = (): void => {
    underWay = undefined;
  };
  return () => {
    if (underWay === undefined) {
      underWay = begin();
      underWay.then(ended, ended);
    }
    return within(patience, mostMs, underWay, () => ({ failed: `does not answer within ${mostMs} ms` }));
  };
};
