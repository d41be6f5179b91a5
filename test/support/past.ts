/** The past asked again, in tests: nothing held back, never stopped. */
import { type Asked, type Begin, type History, rerun } from "../../analytics/past.ts";
import type { CameraKey } from "../../domain/envelope.ts";
import type { Derived } from "../../domain/event.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";

export const unhurried: Pick<Asked, "pause" | "stop"> = { pause: () => Promise.resolve(), stop: createStop().signal };

export const historyOf = (logs: Logs, archive?: History["archive"]): History => ({ logs, archive });

/** All that follows for these cameras of one partition, up to the log's end where nothing else is said. */
export const pastOf = async (
  history: History,
  cameras: readonly (CameraKey & { readonly since?: Position; readonly begin?: Begin })[],
  more: Partial<Asked> = {},
): Promise<{ readonly facts: number; readonly derived: readonly Derived[] }> => {
  const partition = more.partition ?? 0;
  const to = more.to ?? (await history.logs.facts.bounds(partition)).end;
  const derived: Derived[] = [];
  let facts = 0;
  const asked = {
    ...unhurried,
    ...more,
    partition,
    to,
    cameras: cameras.map(({ since = 0, begin, ...key }) => (begin === undefined ? { ...key, since } : { ...key, begin })),
  };
  for await (const slice of rerun(history, asked)) {
    facts += slice.facts;
    derived.push(...slice.derived);
  }
  return { facts, derived };
};
