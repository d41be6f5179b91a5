/** How a server is after all that: what was found, and what it says of itself. */
import type { Fuzzed, Tried } from "./fuzz.ts";
import type { Guarded } from "./guarded-server.ts";

/** Mebibytes by which its memory may have grown: what it may live with (guarded-server.ts), the young beside it, and what the logs keep mapped. */
const MOST_GROWN = 640;

/** What shows recordings. No camera of the data has a film, so nothing is recorded, and they are to say so: 404. */
const RECORDINGS: ReadonlySet<string> = new Set([
  "myvms GET /api/playback/event/{id}",
  "myvms GET /hls/{cam}/{date}/{hour}/index.m3u8",
  "myvms GET /hls/{cam}/{date}/{hour}/{file}",
]);

/** Likewise of ivms: there is nothing to play, no session, no event with a film; a camera that leads nowhere is 1504. */
const isFilm = ({ surface, name }: Tried): boolean =>
  surface === "ivms" && /^\w+ \/REST\/loc(?:al|la)\/(?:start|stop|live|archive|event|hls)/.test(name);

const isHoped = (one: Tried, status: number): boolean => {
  if (isFilm(one)) return status === 404 || status === 500;
  return RECORDINGS.has(`${one.surface} ${one.name}`) ? status === 404 : status < 300;
};

/** A socket succeeds with 101. */
const neverSucceeded = ({ tried }: Fuzzed): readonly string[] =>
  tried
    .filter((one) => ![...one.statuses.keys()].some((status) => isHoped(one, status)))
    .map(({ surface, name, requests }) => `${surface} ${name}: none of ${requests} requests was let succeed`);

export const faultsAfter = async (server: Guarded, fuzzed: Fuzzed): Promise<readonly string[]> => {
  const get = async (target: string): Promise<string> => (await server.call({ method: "GET", target })).body.toString();
  const ready = await server.call({ method: "GET", target: "/readyz" });
  const stopped = /^tallywire_stopped_cameras (\d+)$/m.exec(await get("/metrics"))?.[1];
  const { before, after } = fuzzed.memory;
  return [
    ...fuzzed.faults,
    ...neverSucceeded(fuzzed),
    ...(ready.status === 200 ? [] : [`afterwards it is not ready: ${ready.body}`]),
    ...(stopped === "0" ? [] : [`afterwards ${stopped} cameras stand still`]),
    ...(after - before <= MOST_GROWN ? [] : [`its memory grew from ${before} to ${after} MiB`]),
    ...server.errors.map((line) => `it logged ${line}`),
  ];
};
