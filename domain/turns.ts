/** One thing of a name after the other; of others at the same time. */
export type Turns = {
  <T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when all that was begun before has ended, however it ended. */
  ended(): Promise<void>;
};

export const createTurns = (): Turns => {
  const last = new Map<string, Promise<unknown>>();
  const turn = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const mine = (last.get(name) ?? Promise.resolve()).then(work, work);
    last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (last.get(name) === mine) last.delete(name);
    }
  };
  return Object.assign(turn, { ended: async () => void (await Promise.allSettled(last.values())) });
};
