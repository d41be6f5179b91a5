/** No more statements at once than the other side takes: a bounded line, and nobody stands in it for long. */
import { AdapterError } from "../domain/ports.ts";

type Waiting = { readonly go: () => void };

type Turns = {
  readonly atOnce: number;
  /** Who may wait, and for how long; without it everybody may, as long as it takes. */
  readonly line?: { readonly most: number; readonly waitMs: number };
};

/** Refuses with `unavailable`, retryable: whom the line has no room for, and who stood in it for `waitMs`. */
export const turns = ({ atOnce, line: bounds }: Turns) => {
  const line = new Set<Waiting>();
  let busy = 0;
  const refusal = (why: string): AdapterError => new AdapterError("unavailable", `The warehouse is busy: ${why}.`, { retryable: true });
  const myTurn = (): Promise<void> => {
    if (busy < atOnce) {
      busy += 1;
      return Promise.resolve();
    }
    if (bounds !== undefined && line.size >= bounds.most) return Promise.reject(refusal(`${bounds.most} questions wait already`));
    return new Promise((resolve, reject) => {
      const late = (waitMs: number): void => {
        line.delete(one);
        reject(refusal(`no turn within ${waitMs} ms`));
      };
      const leave = bounds === undefined ? undefined : setTimeout(late, bounds.waitMs, bounds.waitMs);
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
    if (first === undefined) busy -= 1;
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
