/** A driven partition over real logs and a fake clock, with an eye on what the driver asks of its ports. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { type Driven, type DriveParts, drive } from "../../analytics/drive.ts";
import { betweenLog, betweenLogs } from "../../domain/between.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Base, Feed, Journal, Log, Logs, Meter, Owned, Position } from "../../domain/ports.ts";
import { type FakeClock, fakeClock } from "./fake-clock.ts";

export type Commit = Parameters<Owned["commit"]>[0];
export type Watched = { readonly logs: Logs; readonly commits: Commit[]; readonly bases: Base[] };

const quiet: Journal = { debug() {}, info() {}, warn() {}, error() {}, fatal() {} };
const unmetered: Meter = { count() {}, set() {}, observe() {} };

/** The logs as they are, and what was committed and put there. `before` a commit something may go wrong, and `after` it. */
export const watched = (
  logs: Logs,
  clock: FakeClock,
  before: (work: Commit) => void = () => {},
  after: (work: Commit) => void = () => {},
): Watched => {
  const commits: Commit[] = [];
  const bases: Base[] = [];
  const { during } = clock;
  const { facts } = logs;
  const eyed = betweenLogs(logs, {
    facts: betweenLog(facts, {
      append: (events) => during(facts.append(events)),
      bounds: (partition) => during(facts.bounds(partition)),
    }),
    claim: (own) =>
      logs.claim((owned) =>
        own({
          partition: owned.partition,
          lost: owned.lost,
          restore: () => during(owned.restore()),
          commit: async (work) => {
            before(work);
            await during(owned.commit(work));
            commits.push(work);
            after(work);
          },
        }),
      ),
    putBase: async (base) => {
      await during(logs.putBase(base));
      bases.push(base);
    },
    baseBefore: (camera, at) => during(logs.baseBefore(camera, at)),
  });
  return { logs: eyed, commits, bases };
};

export const partsOf = (logs: Logs, clock: FakeClock, meter: Meter = unmetered): DriveParts => ({
  logs,
  clock,
  meter,
  journal: quiet,
  watch: { late: () => {}, clockReset: () => {} },
});

export type Driving = { readonly driven: Driven; readonly release: () => Promise<void>; readonly failed: () => unknown };

/** Claims the one partition and drives it. */
export const driving = async (
  { logs }: Watched,
  clock: FakeClock,
  options = { checkpointMs: 5000, checkpointFrames: 50_000 },
  pause?: () => Promise<void>,
): Promise<Driving> => {
  const driven: Driven = { position: 0, caughtUp: false, stopped: [] };
  let failure: unknown;
  const release = await logs.claim((owned) =>
    drive({ ...partsOf(logs, clock), createPause: pause && (() => pause) }, options, owned, driven).catch((error: unknown) => {
      failure = error;
    }),
  );
  await clock.pass(0);
  return { driven, release, failed: () => failure };
};

const read = async <E>(feed: Feed<E>): Promise<readonly E[]> => {
  const all: E[] = [];
  for await (const { events } of feed) all.push(...events);
  return all;
};
export const allOf = async <E extends Fact | Derived>(
  log: Log<E>,
  partition = 0,
  from: Position | "start" = "start",
): Promise<readonly E[]> => read(log.read(partition, from));

/** Both embedded logs, each made anew for every test. */
export const kinds: readonly (readonly [
  name: string,
  open: (partitions?: number) => Promise<{ logs: Logs; remove: () => Promise<void> }>,
])[] = [
  [
    "in memory",
    async (partitions = 1) => {
      const logs = openMemoryLogs({ partitions, factsPerBatch: 10 });
      return { logs, remove: () => logs.close() };
    },
  ],
  [
    "in LMDB",
    async (partitions = 1) => {
      const dir = mkdtempSync(join(tmpdir(), "tallywire-drive-"));
      const logs = await openLmdbLogs({ dir, partitions, factsPerBatch: 10 });
      return {
        logs,
        remove: async () => {
          await logs.close();
          rmSync(dir, { recursive: true, force: true });
        },
      };
    },
  ],
];
export { fakeClock };
