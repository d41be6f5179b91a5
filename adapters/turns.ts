/** Questions one after another, where the engine answers no two at once: a bounded line, and nobody stands in it for long. */
import { AdapterError } from "../domain/ports.ts";

type Waiting = { readonly go: () => void };

/** Refuses with `unavailable`, retryable: whom the line has no room for, and who stood in it for `waitMs`. */
export const turns = ({ most, waitMs }: { readonly most: number; readonly waitMs: number }) => {
  const line = new Set<Waiting>();
  let busy = false;
  const refusal = (why: string): AdapterError => new AdapterError("unavailable", `The warehouse is busy: ${why}.`, { retryable: true });
  const myTurn = (): Promise<void> => {
    if (!busy) {
      busy = true;
      return Promise.resolve();
    }
    if (line.size >= most) return Promise.reject(refusal(`${most} questions wait already`));
    return new Promise((resolve, reject) => {
      const leave = setTimeout(() => {
        line.delete(one);
        reject(refusal(`no turn within ${waitMs} ms`));
      }, waitMs);
      const one: Waiting = {
        go: () => {
          clearTimeout(leave);
          line.delete(one);
          resolve();
        },
      };
      line.add(one);
    });
  };
  const next = (): void => {
    const [first] = line;
    if (first === undefined) busy = false;
    else first.go();
  };
  return async <T>(work: () => Promise<T>): Promise<T> => {
    await myTurn();
    try {
      return await work();
    } finally {
      next();
    }
  };
};
