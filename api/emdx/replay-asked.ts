/** What is asked of a replay over HTTP, and what it is answered with. Types, and what both kinds share. */
import type { EventRange } from "../../domain/replay.ts";
import type { Core } from "../core.ts";
import { Pace } from "../pace.ts";

export type Asked = {
  readonly tenant: string;
  /** Undefined: all. */
  readonly sensors: readonly string[] | undefined;
  readonly range: EventRange;
  readonly since: string | undefined;
  readonly pace: number | undefined;
  readonly follow: boolean;
  readonly states: boolean;
  readonly cursors: boolean;
  readonly fps: number;
};

/** `headers`: what has to be known before the first line. `filler`: what stands for nothing in it. */
export type Stream = {
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly filler: string | undefined;
  readonly parts: AsyncGenerator<string, void>;
};

/** An empty line is no line. */
export const NDJSON = { type: "application/x-ndjson", filler: "\n" } as const;

/** Where an answer lacks something of what was asked for. */
export const gapHeader = (missing: boolean): Readonly<Record<string, string>> =>
  missing ? { "tallywire-gap": "what was asked for begins before the oldest that is kept" } : {};

/** Characters that go out at once. */
const MOST = 64 * 1024;

/** A text and its time in the recording. Without a text: what was read ends here for the moment. */
export type Due = { readonly at: number; readonly text: string } | undefined;

/** Texts put together, each not before its time. */
export async function* paced(
  core: Core,
  pace: number | undefined,
  due: AsyncIterable<Due>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const clock = pace === undefined ? undefined : new Pace(core, pace);
  let texts = "";
  for await (const one of due) {
    const early = one === undefined ? 0 : (clock?.until(one.at) ?? 0);
    if (texts !== "" && (one === undefined || early > 0 || texts.length > MOST)) {
      yield texts;
      texts = "";
    }
    if (early > 0) await core.sleep(early, signal);
    if (signal.aborted) return;
    if (one !== undefined) texts += one.text;
  }
  if (texts !== "") yield texts;
}

/** The line of a JSON text, with a cursor at its end where one is wished for. */
export const lineOf = (json: string, cursor: string | undefined): string =>
  cursor === undefined ? `${json}\n` : `${json.slice(0, -1)},"cursor":${JSON.stringify(cursor)}}\n`;
