/** A port on which nobody answers: connecting to it neither succeeds nor fails, as when the packets are lost. */
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

/** Milliseconds after which a connection to one's own machine is taken for unanswered. */
const UNANSWERED_MS = 100;

/**
 * Node takes every connection as soon as it comes. So the port is held by a thread that sleeps, and its queue is filled with
 * connections of our own: from then on the kernel drops what knocks, and the knocking repeats itself, as TCP does.
 */
const thread = `
  const { createServer } = require("node:net");
  const { parentPort, workerData } = require("node:worker_threads");
  const server = createServer();
  server.on("error", (error) => { throw error; });
  server.listen({ port: workerData.port, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage("listening");
    Atomics.wait(new Int32Array(workerData.asleep), 0, 0);
    process.exit();
  });
`;

export const deafListener = async (port: number): Promise<{ close(): Promise<void> }> => {
  const asleep = new SharedArrayBuffer(4);
  const worker = new Worker(thread, { eval: true, workerData: { port, asleep } });
  await new Promise<void>((resolve, reject) => {
    worker.once("message", () => resolve());
    worker.once("error", reject);
  });
  const fillers: Socket[] = [];
  for (let answered = true; answered; ) {
    const filler = connect(port, "127.0.0.1");
    filler.on("error", () => undefined);
    fillers.push(filler);
    answered = await new Promise<boolean>((resolve) => {
      filler.once("connect", () => resolve(true));
      setTimeout(resolve, UNANSWERED_MS, false);
    });
  }
  return {
    close: async () => {
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      Atomics.store(new Int32Array(asleep), 0, 1);
      Atomics.notify(new Int32Array(asleep), 0);
      await ended;
      for (const filler of fillers) filler.destroy();
    },
  };
};
