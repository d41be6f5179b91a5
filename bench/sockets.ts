/**
 * Sockets: 10,000 with different filters in a second process.
 *
 *   node --expose-gc bench/sockets.ts [sockets]
 *
 * 1. What matching one alert costs, against the number of subscribers it does not concern.
 * 2. Deliveries a second through the surface, against a bare loop over `ws` in the same process and run. Wanted: 0.8 or more.
 * 3. Memory a socket.
 *
 * Both kinds are open together, so `ulimit -n` must allow twice as many files as sockets, and some.
 */
import { type ChildProcess, fork } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { WebSocket, WebSocketServer } from "ws";
import { createApp } from "../api/app.ts";
import { compileWants, WantIndex } from "../api/wants.ts";
import { FakeCore } from "../test/support/core.ts";
import { median } from "../test/support/figures.ts";
import { anAlert, openOptions } from "../test/support/surface.ts";

const ROUNDS = 30;
const WARM = 5;
const TRIALS = 5;

const filterOf = (i: number) =>
  JSON.stringify([
    {
      sensorId: `cam-${i}`,
      tripwires: [{ tripwireId: `TW${i}`, alertRuleTypes: ["increment", "flowrate"] }],
      rois: [],
      fov: { alertRuleTypes: ["occupancy"] },
    },
    { sensorId: "everyone", tripwires: [], rois: [], fov: { alertRuleTypes: ["increment"] } },
  ]);

/** The second process: opens the sockets, counts what arrives, says when as much as expected has come. */
const clients = async (url: string, count: number): Promise<void> => {
  let arrived = 0;
  let expected = Number.POSITIVE_INFINITY;
  const tell = () => {
    if (arrived < expected) return;
    process.send?.({ done: arrived });
    arrived = 0;
    expected = Number.POSITIVE_INFINITY;
  };
  const sockets: WebSocket[] = [];
  for (let i = 0; i < count; i += 200) {
    await Promise.all(
      Array.from({ length: Math.min(200, count - i) }, (_, j) => {
        const socket = new WebSocket(url, { perMessageDeflate: false });
        sockets.push(socket);
        socket.on("message", () => {
          arrived++;
          tell();
        });
        return new Promise<void>((resolve, reject) =>
          socket
            .once("open", () => {
              socket.send(filterOf(i + j));
              resolve();
            })
            .once("error", reject),
        );
      }),
    );
  }
  process.on("message", (message: { expect: number } | "end") => {
    if (message === "end") process.exit(0);
    expected = message.expect;
    tell();
  });
  process.send?.("open");
};

const said = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.once("message", resolve));

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

/** Deliveries a second of `ROUNDS` alerts to every socket, one alert a turn. */
const deliveries = async (child: ChildProcess, count: number, tellAll: () => void): Promise<number> => {
  const run = async (rounds: number): Promise<number> => {
    const done = said(child);
    child.send({ expect: rounds * count });
    const start = performance.now();
    for (let i = 0; i < rounds; i++) {
      tellAll();
      // The surface sends in slices; were the next alert raised between two, it would travel in the same frame and count once.
      for (let slice = 0; slice <= count / 2000; slice++) await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    return (rounds * count) / ((performance.now() - start) / 1000);
  };
  await run(WARM);
  return run(ROUNDS);
};

const matching = (): void => {
  for (const others of [0, 1000, 10_000, 100_000]) {
    const index = new WantIndex<number>();
    for (let i = 0; i < others; i++) {
      index.add(i, compileWants("default", [{ sensor: `cam-${i}`, analytic: "fov", place: "*", ruleType: "increment" }]));
    }
    index.add(-1, compileWants("default", [{ sensor: "everyone", analytic: "fov", place: "*", ruleType: "increment" }]));
    const alert = anAlert({ camera: "everyone" });
    const match = (times: number): number => {
      let told = 0;
      for (let i = 0; i < times; i++) index.concerned(alert, () => told++);
      return told;
    };
    match(20_000);
    const start = performance.now();
    const told = match(200_000);
    console.log(`matching, ${others} unconcerned: ${(((performance.now() - start) * 1000) / told).toFixed(2)} µs an alert`);
  }
};

const megabytes = (): number => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
};

const main = async (count: number): Promise<void> => {
  const core = new FakeCore({ filterWaitMs: 60_000 });
  const app = createApp(core, openOptions);
  const server = createServer(app.serverOptions, getRequestListener(app.fetch));
  app.attach(server);
  const bare = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: true });
  const bareServer = createServer();
  bareServer.on("upgrade", (request, socket, head) =>
    bare.handleUpgrade(request, socket, head, (accepted) => accepted.on("message", () => {})),
  );
  const [port, barePort] = [await listening(server), await listening(bareServer)];

  const before = megabytes();
  const child = fork(import.meta.filename, ["clients", `ws://127.0.0.1:${port}/api/v2/alerts/ws`, String(count)]);
  await said(child);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const open = megabytes();
  const bareChild = fork(import.meta.filename, ["clients", `ws://127.0.0.1:${barePort}`, String(count)]);
  await said(bareChild);
  const alsoBare = megabytes();
  const kilobytes = (from: number, to: number) => (((to - from) * 1024) / count).toFixed(1);
  console.log(
    `memory: ${kilobytes(before, open)} kB a socket of the surface, ${kilobytes(open, alsoBare)} kB a bare one, resident ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MB in all`,
  );

  const ratios: number[] = [];
  for (let trial = 0; trial < TRIALS; trial++) {
    // Built anew for every alert, as the surface does: the bare loop is spared the matching and the order, not the bytes.
    const theirs = await deliveries(bareChild, count, () => {
      const frame = Buffer.from(JSON.stringify({ alerts: [anAlert({ camera: "everyone" })] }));
      for (const socket of bare.clients) socket.send(frame, { binary: false });
    });
    const ours = await deliveries(child, count, () => core.raise(anAlert({ camera: "everyone" })));
    ratios.push(ours / theirs);
    console.log(`deliveries/s: surface ${Math.round(ours)}, bare ws ${Math.round(theirs)}, ratio ${(ours / theirs).toFixed(2)}`);
  }
  console.log(`median ratio ${median(ratios).toFixed(2)} over ${TRIALS} trials, ${count} sockets`);
  child.send("end");
  bareChild.send("end");
  await app.close(1000);
  bare.close();
  bareServer.close();
  bareServer.closeAllConnections();
  matching();
};

if (process.argv[2] === "clients") await clients(process.argv[3] as string, Number(process.argv[4]));
else await main(Number(process.argv[2] ?? 10_000));
