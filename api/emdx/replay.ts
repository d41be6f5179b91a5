/** GET /replay: recorded alerts or facts once more, as a stream of lines that ends, or goes on with what comes. */
import type { Instant } from "../../domain/envelope.ts";
import type { Caller } from "../caller.ts";
import type { Core } from "../core.ts";
import * as parameter from "../parameters.ts";
import { optional, readParameters, type Values } from "../parameters.ts";
import { tooMany, unprocessable } from "../problem.ts";
import { numberIn, pace } from "../replay-parameters.ts";
import type { Place } from "../replays.ts";
import { type Declared, route } from "../route.ts";
import { streamed } from "../streamed.ts";
import type { Emdx } from "./emdx.ts";
import { rangeOf } from "./question.ts";
import { alertStream } from "./replay-alerts.ts";
import { NDJSON, type Stream } from "./replay-asked.ts";
import { factStream } from "./replay-facts.ts";

/** MOT has whole numbers of frames for time: with so many a second there is one for each millisecond. */
const MOT_FPS = 1000;
const LEAST_FPS = 0.001;
const MOST_FPS = 1000;

const parameters = {
  what: parameter.oneOf("What is sent: alerts unless told otherwise.", "alerts", "facts"),
  sensorId: parameter.ids("Of which sensors; facts are of one. Absent: alerts of all.", "sensorIds"),
  fromTimestamp: parameter.from,
  toTimestamp: parameter.to,
  since: optional(
    {
      description:
        "From where in the log: an instant, RFC 3339 with a zone, from which on it arrived; for alerts a cursor of a socket, for facts a position that a write answered; and a cursor of this stream.",
      schema: { type: "string" },
    },
    (text) => text,
  ),
  pace,
  follow: parameter.flag("`true` goes on with what comes."),
  format: parameter.oneOf("How facts are written: as lines of JSON, or as MOT text.", "ndjson", "mot"),
  states: parameter.flag("With facts as ndjson: `true` also sends what became of the camera, among the frames."),
  cursors: parameter.flag("With ndjson: `true` puts into each line, at its end, a cursor from which since= goes on."),
  fps: optional(
    {
      description: "Frames a second of MOT text; 1000 unless told otherwise.",
      schema: { type: "number", minimum: LEAST_FPS, maximum: MOST_FPS },
    },
    (text, name) => {
      const fps = numberIn(text, LEAST_FPS, MOST_FPS);
      if (fps === undefined) throw unprocessable(name, `is not a number from ${LEAST_FPS} to ${MOST_FPS}`);
      return fps;
    },
  ),
} as const;

type Read = Values<typeof parameters>;

/** What does not go together. What merely means nothing beside the rest is dropped, as elsewhere. */
const clash = ({ what, sensorId, format, follow, toTimestamp }: Read): readonly [name: string, detail: string] | undefined => {
  if (follow && toTimestamp !== undefined) return ["follow", "goes on without end; leave toTimestamp out"];
  if (what === "facts" && sensorId?.length !== 1) return ["sensorId", "facts are of one sensor: name it"];
  if (format !== "mot") return undefined;
  if (what !== "facts") return ["format", "mot goes with what=facts"];
  return follow ? ["follow", "MOT is read through before it is sent, and so has to end"] : undefined;
};

/** setTimeout holds 24.8 days at most. */
const LONGEST_MS = 2 ** 31 - 1;

/** What ends the stream before its end: the client has gone, the server stops, the token holds no longer. */
const endings = (core: Core, { expiresAt }: Caller, place: Place) => {
  const gone = new AbortController();
  const expired = new AbortController();
  const expire = async (at: Instant): Promise<void> => {
    for (let left = at - core.now(); left > 0 && !gone.signal.aborted; left = at - core.now())
      await core.sleep(Math.min(left, LONGEST_MS), gone.signal);
    expired.abort();
  };
  if (expiresAt !== undefined) void expire(expiresAt);
  const end = (): void => {
    gone.abort();
    place.leave();
  };
  return { end, signal: AbortSignal.any([gone.signal, expired.signal, place.signal]) };
};

export const replayRoute = (emdx: Emdx): void => {
  const { core, replays } = emdx.house;
  const declared: Declared = {
    method: "get",
    path: "/replay",
    scope: "events:read",
    summary: "Recorded alerts or facts again, as lines, as fast as they are taken or at a pace.",
    parameters,
    responses: {
      200: {
        description: "One alert or one frame a line; with format=mot one box.",
        content: { [NDJSON.type]: { schema: { type: "string" } }, "text/plain": { schema: { type: "string" } } },
        headers: {
          "Tallywire-Gap": { schema: { type: "string" }, description: "Where something of what was asked for is not kept any more." },
          "Tallywire-Mot": {
            schema: { type: "string" },
            description: "With MOT: what it has to be read with (fps, start, type), and how many frames are left out since they came late.",
          },
        },
      },
    },
    refusals: [422],
  };
  const streamOf = (tenant: string, read: Read, signal: AbortSignal): Promise<Stream> => {
    const { what, sensorId: sensors, since, pace, follow, states, cursors, fps = MOT_FPS, format = "ndjson" } = read;
    const asked = { tenant, sensors, range: rangeOf(read), since, pace, follow, states, cursors, fps };
    return what === "facts" ? factStream(emdx, asked, format, signal) : alertStream(emdx, asked, signal);
  };
  route(emdx, declared, async (c, caller) => {
    const read = readParameters(parameters, new URL(c.req.url).searchParams, core.limits);
    const [name, detail] = clash(read) ?? [];
    if (name !== undefined && detail !== undefined) throw unprocessable(name, detail);
    const place = replays.enter(caller.tenant);
    if (typeof place === "string") throw tooMany(place);
    const { end, signal } = endings(core, caller, place);
    try {
      const stream = await streamOf(caller.tenant, read, signal);
      return streamed(c, { core, ...stream, signal, gone: end });
    } catch (error) {
      end();
      throw error;
    }
  });
};
