/** What the API answers for a camera, as a whole: every alert, crossing, stay and frame, and the counts. */
import { setTimeout as sleep } from "node:timers/promises";
import { client } from "../client.ts";

/** Wide enough for what is long past and for what is live. */
const RANGE = "fromTimestamp=2026-01-01T00:00:00Z&toTimestamp=2030-01-01T00:00:00Z&limit=1000";
const LISTS = ["alerts", "crossings", "stays", "frames"] as const;

export type Answers = { readonly [name in (typeof LISTS)[number] | "counts"]: readonly string[] };

/** A projector that is far behind: 503 until it has passed the position. A kept connection may be closed just as it is used again. */
const patiently = async <T>(ask: () => Promise<T>, ms: number): Promise<T> => {
  for (const begin = performance.now(); ; await sleep(200)) {
    try {
      return await ask();
    } catch (error) {
      if (!/ 503 |fetch failed/.test(String(error)) || performance.now() - begin > ms) throw error;
    }
  }
};

/** `after`: a position that must be in the answers. Throws when it is not within `patienceMs`. */
export const answersOf = async (url: string, sensorId: string, after: string, patienceMs = 120_000): Promise<Answers> => {
  const call = client(url);
  const query = `sensorId=${sensorId}&${RANGE}${after === "" ? "" : `&after=${after}`}`;
  const found: Record<string, readonly string[]> = {};
  for (const name of LISTS)
    found[name] = (await patiently(() => call.all(`/${name}`, query, name), patienceMs)).map((row) => JSON.stringify(row));
  const counts = await patiently(() => call("GET", `/alerts/count?${query}`), patienceMs);
  found.counts = (counts.alerts as readonly unknown[]).map((row) => JSON.stringify(row)).sort();
  return found as Answers;
};

/** What differs, in words; empty where nothing does. */
export const differences = (camera: string, is: Answers, should: Answers): readonly string[] =>
  (Object.keys(should) as (keyof Answers)[]).flatMap((name) => {
    const [mine, theirs] = [is[name], should[name]];
    const at = Array.from({ length: Math.max(mine.length, theirs.length) }, (_, i) => i).find((i) => mine[i] !== theirs[i]);
    if (at === undefined) return [];
    return [`${name} of ${camera}: ${mine.length} instead of ${theirs.length}; number ${at} is ${mine[at]} instead of ${theirs[at]}`];
  });
