/**
 * From the POST of a frame to the alert at a socket, over Kafka: one process that does everything, and then a process at the doors, one
 * engine, one that projects and answers. Cameras send at a pace; the time runs from when a frame was due to be sent.
 */
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { startFakeKurrentDb } from "../../test/servers/fake-kurrentdb.ts";
import { defineSensors, EACH, ready } from "../support/house.ts";
import { memoryOf, startPace } from "../support/processes.ts";
import { load, round } from "../support/report.ts";
import type { Given, Row, Told } from "./part.ts";

const CAMERAS = 20;
/** Five and 25 frames a second at each camera. */
const RATES = [100, 500] as const;
const WARM_S = 5;

/** What each process does; frames go to the first, the socket is at the last. */
const ARRANGEMENTS = [["ingest,engine,projector,api"], ["ingest", "engine", "projector,api"]] as const;

export const latency = async ({ bench, size }: Given): Promise<Told> => {
  const rows: Row[] = [];
  const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-"));
  try {
    for (const arrangement of ARRANGEMENTS)
      for (const framesPerSecond of size.quick ? [100] : RATES) {
        const prefix = `latency-${randomUUID().slice(0, 8)}`;
        // Decisions are few; who keeps them bears on nothing here, but doors and answers apart need one they share.
        const store = await startFakeKurrentDb();
        const env = { TALLYWIRE_LOG: `${bench.url}/${prefix}`, TALLYWIRE_PARTITIONS: String(size.partitions), TALLYWIRE_STORE: store.url };
        const servers: RunningServer[] = [];
        try {
          for (const [i, roles] of arrangement.entries())
            servers.push(await startServer({ data: join(folder, `${prefix}-${i}`), env: { ...env, TALLYWIRE_ROLES: roles } }));
          for (const { url } of servers) await ready(url);
          const [door, told] = [servers[0], servers.at(-1)] as [RunningServer, RunningServer];
          await defineSensors(told.url, EACH, CAMERAS);
          const client = startPace();
          const paced = await client.run({
            url: door.url,
            socketUrl: told.url,
            sensors: CAMERAS,
            framesPerSecond,
            framesPerBody: 1,
            connections: CAMERAS,
            seconds: size.seconds,
            warmSeconds: WARM_S,
          });
          client.close();
          const [p50, p90, p99, , most] = paced.quantiles.map((ms) => round(ms, 1));
          const memory = servers.map(({ process }) => memoryOf(process.pid as number).server.most);
          rows.push({
            processes: arrangement.join(" | "),
            "frames/s": round(paced.framesPerSecond),
            alerts: paced.alerts,
            "p50 ms": p50,
            "p90 ms": p90,
            "p99 ms": p99,
            "max ms": most,
            "peak MB each": memory.join(", "),
            load: load(),
          });
        } finally {
          await Promise.all(servers.map((server) => server.stop()));
          await store.stop();
        }
        await bench.drop(await bench.topicsOf(prefix));
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return {
    title: `From the POST of a frame to the alert at a socket, ${CAMERAS} cameras with 20 objects each, ${size.seconds} s`,
    rows,
    ratios: [],
  };
};
