/**
 * A process that sends frames: as fast as answers come over so many connections, one body at a time on each. Each sensor stays on
 * one connection, so that its frames arrive in order. Forked; told what to do by messages, answers each with what it saw.
 */

import { quantile } from "../../test/support/figures.ts";
import { type Connection, openConnection } from "./connection.ts";
import { createTape, SENSORS, type Tape } from "./tape.ts";

export type Order = {
  readonly url: string;
  readonly connections: number;
  readonly framesPerBody: number;
  /** Ends after so many seconds, or so many frames. */
  readonly seconds?: number;
  readonly frames?: number;
};
export type Flooded = {
  readonly frames: number;
  readonly requests: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
};

/** Long past, so that no frame is ever ahead of its arrival however fast it goes. */
const START = Date.UTC(2025, 0, 1);
const tapes = new Map<string, Tape>();

const flood = async ({ url, connections, framesPerBody, seconds = Number.POSITIVE_INFINITY, frames = Number.POSITIVE_INFINITY }: Order) => {
  const tape = tapes.get(url) ?? createTape({ start: START, stepMs: 100 });
  tapes.set(url, tape);
  const open = await Promise.all(Array.from({ length: connections }, () => openConnection(new URL(url), "/api/v2/frames")));
  const took: number[] = [];
  let sent = 0;
  const start = performance.now();
  const run = async (connection: Connection, first: number): Promise<void> => {
    let sensor = first;
    while (performance.now() - start < seconds * 1000 && sent < frames) {
      const body: Buffer[] = [];
      // A sensor's line is overwritten by its next: a body with more frames than this connection has sensors copies.
      for (let i = 0; i < framesPerBody; i++) {
        const { line } = tape.next(sensor);
        body.push(framesPerBody === 1 ? line : Buffer.from(line));
        sensor = sensor + connections < SENSORS ? sensor + connections : first;
      }
      sent += framesPerBody;
      const at = performance.now();
      await connection.post(body);
      took.push(performance.now() - at);
    }
  };
  await Promise.all(open.map(run));
  const elapsed = (performance.now() - start) / 1000;
  for (const connection of open) connection.close();
  return { frames: sent, requests: took.length, seconds: elapsed, p50: quantile(took, 0.5), p99: quantile(took, 0.99) };
};

process.on("message", (order: Order) => {
  flood(order).then(
    (flooded: Flooded) => process.send?.({ done: flooded }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
