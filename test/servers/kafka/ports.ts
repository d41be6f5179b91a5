import { createServer } from "node:net";

/**
 * Below the range from which the system takes ports for outgoing connections: while a broker is down, one of its own clients' attempts
 * could otherwise be given the broker's port, and even be connected to itself.
 */
const FIRST = 20_000;
const COUNT = 12_000;

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });

/** Ports of the loopback interface that nobody listens on now. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const found = new Set<number>();
  while (found.size < count) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
};
