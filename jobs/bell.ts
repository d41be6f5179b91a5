/** Wakes the one who waits for it; rung before, it is not waited for. */
export type Bell = {
  ring(): void;
  /** Resolves when it was rung since the last time. */
  rung(): Promise<void>;
};

export const createBell = (): Bell => {
  let next = Promise.withResolvers<void>();
  return {
    ring: () => next.resolve(),
    rung: async () => {
      await next.promise;
      next = Promise.withResolvers();
    },
  };
};
