/** How a forked program of a bench does what it is told: one message in, one out, and it ends with whoever forked it. */
export const doAsTold = <Asked, Done>(work: (asked: Asked) => Promise<Done>): void => {
  process.on("message", (asked: Asked) => {
    work(asked).then(
      (done) => process.send?.({ done }),
      (error: unknown) => process.send?.({ failed: String(error) }),
    );
  });
  process.on("disconnect", () => process.exit(0));
};
