/** Recorded frames of a sensor as lines that POST /frames takes again, or as MOT text. */
import type { FactsAsked, FactsTold } from "../../domain/replay.ts";
import { cursorFault } from "../after.ts";
import { formatInstant } from "../instant.ts";
import { readInstant } from "../parameters.ts";
import { unprocessable } from "../problem.ts";
import type { Emdx } from "./emdx.ts";
import { type Asked, type Due, gapHeader, lineOf, NDJSON, paced, type Stream } from "./replay-asked.ts";

const sinceOf = ({ cursors }: Emdx["house"], { tenant, since }: Asked): FactsAsked["since"] => {
  if (since === undefined) return undefined;
  const arrivedAt = readInstant(since);
  if (arrivedAt !== undefined) return { arrivedAt };
  const read = cursors.readPosition(tenant, since);
  if (!read.ok) throw unprocessable("since", cursorFault(read.why));
  return { after: read.value };
};

const MOT = { type: "text/plain; charset=utf-8", filler: undefined } as const;

export const factStream = async ({ house }: Emdx, asked: Asked, format: "ndjson" | "mot", signal: AbortSignal): Promise<Stream> => {
  const { core, cursors } = house;
  const { tenant, range, states, follow, fps } = asked;
  const facts: FactsAsked = {
    camera: { tenant, camera: (asked.sensors as readonly [string])[0] },
    ...range,
    since: sinceOf(house, asked),
    signal,
  };
  async function* lines({ lines, partition }: FactsTold): AsyncGenerator<Due> {
    for await (const piece of lines) {
      for (const { at, text, position } of piece) {
        if (format === "ndjson") {
          const cursor = asked.cursors ? cursors.position(tenant, new Map([[partition, position]])) : undefined;
          yield { at, text: lineOf(text, cursor) };
        } else if (text !== "") yield { at, text };
      }
      // What comes is not kept until more comes.
      if (follow) yield undefined;
    }
  }
  const streamOf = (told: FactsTold) => paced(core, asked.pace, lines(told), signal);
  if (format === "ndjson") {
    const told = await core.facts.lines({ ...facts, states, follow });
    if ("elsewhere" in told) throw unprocessable("since", told.elsewhere);
    return { ...NDJSON, headers: gapHeader(told.missing), parts: streamOf(told) };
  }
  const told = await core.facts.mot({ ...facts, fps });
  if ("elsewhere" in told) throw unprocessable("since", told.elsewhere);
  if ("notMot" in told) throw unprocessable("format", told.notMot);
  const { key } = told;
  const type = key.type === undefined ? "" : ` type=${encodeURIComponent(key.type)};`;
  const read = `fps=${key.fps}; start=${formatInstant(key.start)};${type} late=${key.late}`;
  return { ...MOT, headers: { ...gapHeader(told.missing), "tallywire-mot": read }, parts: streamOf(told) };
};
