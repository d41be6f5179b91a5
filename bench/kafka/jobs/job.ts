/** What a process of this bench does. Figures go back as JSON. */
export type Figures = Readonly<Record<string, number>>;

export interface Job {
  /** Before a pass, off the clock. `n` counts the passes from 0. */
  prepare?(n: number): Promise<void>;
  /** What is measured. */
  pass(n: number): Promise<Figures>;
  /** After a pass, off the clock. */
  finish?(n: number): Promise<void>;
  /** Closes what is open. */
  end(): Promise<void>;
}

export const secondsOf = async (work: () => Promise<void>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

/** As many at once as may be under way, each as soon as there is room. */
export const flood = async <T>(all: Iterable<T>, atOnce: number, send: (one: T) => Promise<unknown>): Promise<void> => {
  const each = all[Symbol.iterator]();
  const one = async (): Promise<void> => {
    for (let next = each.next(); next.done !== true; next = each.next()) await send(next.value);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
};
