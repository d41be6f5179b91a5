/**
 * A process that sends frames at a pace and listens at the socket: it takes the time from when a frame was due to be sent to when
 * the alert it caused arrived. Due, not sent: a request that had to wait for the answer before it counts with its waiting.
 * Forked; told what to do by a message, answers with what it saw.
 */
import WebSocket from "ws";
import { quantile } from "../../test/support/figures.ts";
import { type Connection, openConnection } from "./connection.ts";
import { createTape, SENSORS } from "./tape.ts";

export type Pacing = {
  readonly url: string;
  /** Where the socket is, should another process tell what this one takes in. */
  readonly socketUrl?: string;
  /** All that the tape has, unless said. */
  readonly sensors?: number;
  readonly framesPerSecond: number;
  /** Frames of that many sensors share a request. */
  readonly framesPerBody: number;
  readonly connections: number;
  readonly seconds: number;
  /** What is sent before does not count. */
  readonly warmSeconds: number;
};
export type Paced = {
  readonly frames: number;
  readonly framesPerSecond: number;
  readonly alerts: number;
  /** Alerts that caused no measure, since their frame was sent before anything counted. */
  readonly warm: number;
  readonly quantiles: readonly number[];
};

const QUANTILES = [0.5, 0.9, 0.99, 0.999, 1];
/** Milliseconds for the last alerts to arrive. */
const REST_MS = 2000;

const FILTER = [
  {
    sensorId: "*",
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
    rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
  },
];

type Told = { readonly alerts?: readonly { readonly rule_type: string; readonly cause: { readonly to: { readonly id: string } } }[] };

const listen = async (url: string, onAlert: (frame: number) => void): Promise<WebSocket> => {
  const address = `${url.replace("http", "ws")}/api/v2/alerts/ws?filter=${encodeURIComponent(JSON.stringify(FILTER))}`;
  const socket = new WebSocket(address, "tallywire.v1");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    // Acknowledged: whatever is committed from here on is told.
    socket.once("message", () => resolve());
  });
  socket.on("message", (data: Buffer) => {
    const { alerts } = JSON.parse(data.toString("utf8")) as Told;
    // Rules that look at the time raise alerts when time has passed, not when a frame comes: their latency is their rule's.
    for (const { rule_type, cause } of alerts ?? []) if (rule_type === "increment") onAlert(Number(cause.to.id));
  });
  return socket;
};

const pace = async (pacing: Pacing): Promise<Paced> => {
  const { url, socketUrl = url, sensors = SENSORS, framesPerSecond, framesPerBody, connections, seconds, warmSeconds } = pacing;
  const everyMs = (1000 * sensors) / framesPerSecond;
  const tape = createTape({ start: Date.now(), stepMs: everyMs });
  const dueAt: number[] = [];
  const latencies: number[] = [];
  let warm = 0;
  let countFrom = Number.POSITIVE_INFINITY;
  const socket = await listen(socketUrl, (frame) => {
    const due = dueAt[frame] as number;
    if (due < countFrom) warm++;
    else latencies.push(performance.now() - due);
  });
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(new URL(url), "/api/v2/frames")));
  // Bodies go to the connection their first sensor belongs to, in order, whoever else shares it.
  const queues: Buffer[][][] = open.map(() => []);
  const underWay = new Set<Promise<void>>();
  const drain = async (connection: Connection, queue: Buffer[][]): Promise<void> => {
    for (let body = queue.shift(); body !== undefined; body = queue.shift()) await connection.post(body);
  };
  const send = (to: number, body: Buffer[]): void => {
    (queues[to] as Buffer[][]).push(body);
    const connection = open[to] as Connection;
    if (connection.busy) return;
    const draining = drain(connection, queues[to] as Buffer[][]).finally(() => underWay.delete(draining));
    underWay.add(draining);
  };

  const bodiesPerSecond = framesPerSecond / framesPerBody;
  const start = performance.now();
  countFrom = start + warmSeconds * 1000;
  const bodies = Math.floor((warmSeconds + seconds) * bodiesPerSecond);
  let frames = 0;
  for (let sent = 0; sent < bodies; ) {
    const now = performance.now();
    for (; sent < bodies && start + (1000 * sent) / bodiesPerSecond <= now; sent++) {
      const body: Buffer[] = [];
      const due = start + (1000 * sent) / bodiesPerSecond;
      const group = sent % (sensors / framesPerBody);
      for (let i = 0; i < framesPerBody; i++) {
        const { line, id } = tape.next(group * framesPerBody + i);
        dueAt[id] = due;
        body.push(Buffer.from(line));
        if (due >= countFrom) frames++;
      }
      send(group % connections, body);
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(underWay);
  const took = (performance.now() - countFrom) / 1000;
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  for (const connection of open) connection.close();
  socket.close();
  return {
    frames,
    framesPerSecond: frames / took,
    alerts: latencies.length,
    warm,
    quantiles: QUANTILES.map((q) => quantile(latencies, q)),
  };
};

process.on("message", (pacing: Pacing) => {
  pace(pacing).then(
    (paced: Paced) => process.send?.({ done: paced }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
