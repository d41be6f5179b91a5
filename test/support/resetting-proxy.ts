/** A proxy that resets a connection on purpose: before anything of the next request is passed on, or when its answer begins. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type When = "before" | "after";

export const startResettingProxy = async (to: number) => {
  const sockets = new Set<Socket>();
  let pending: When[] = [];
  let resets = 0;
  const isTime = (when: When): boolean => {
    if (pending[0] !== when) return false;
    pending = pending.slice(1);
    resets += 1;
    return true;
  };
  const server = createServer((client) => {
    const behind = connect(to, "127.0.0.1");
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => sockets.delete(socket));
    }
    client.on("data", (bytes) => {
      if (!isTime("before")) return void behind.write(bytes);
      client.resetAndDestroy();
      behind.resetAndDestroy();
    });
    behind.on("data", (bytes) => {
      if (!isTime("after")) return void client.write(bytes);
      client.resetAndDestroy();
      behind.destroy();
    });
    client.once("close", () => behind.destroy());
    behind.once("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    resets: () => resets,
    resetNext: (when: When, times = 1): void => {
      pending = Array.from({ length: times }, () => when);
    },
    close: async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
