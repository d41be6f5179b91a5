/** A body of frames to a running server over HTTP. */
import type { Clock, Stop } from "../domain/ports.ts";
import { ImportError } from "./file-text.ts";

/** `retryAfter` in seconds. `answer` is the JSON body, where there was one. */
export type Sent = { readonly status: number; readonly retryAfter: number | undefined; readonly answer: unknown };
export type Send = (body: string, release: boolean) => Promise<Sent>;

/** What became of a body. `line` counts the body's own lines. */
export type Taken = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly { readonly line: number; readonly detail: string }[];
};

/** Frames without waiting for an answer longer than this (ms) are sent again: a repeat is only a duplicate. */
const ANSWER_MS = 60_000;
const ATTEMPTS = 30;
const LONGEST_PAUSE_MS = 10_000;

export const httpSend = (to: string, token: string | undefined): Send => {
  const url = new URL("/api/v2/frames", to);
  return async (body, release) => {
    const target = new URL(url);
    if (release) target.searchParams.set("release", "true");
    const response = await fetch(target, {
      method: "POST",
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { "content-type": "application/x-ndjson", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      body,
    });
    const text = await response.text();
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    return { status: response.status, retryAfter: Number.isFinite(seconds) ? seconds : undefined, answer: jsonOf(text) };
  };
};

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    // What is no JSON is told as it is: some proxy's page, not our server's answer.
    if (error instanceof SyntaxError) return text;
    throw error;
  }
};

/** Sends until it is answered: waits as long as a busy server asks, tries again a while where none answers. */
export const deliver = async (send: Send, body: string, lines: number, release: boolean, clock: Clock, signal?: Stop): Promise<Taken> => {
  for (let attempt = 1; ; ) {
    let sent: Sent | undefined;
    let cause: unknown;
    try {
      sent = await send(body, release);
    } catch (error) {
      cause = error;
    }
    if (sent?.status === 429) {
      await clock.sleep(Math.max(100, (sent.retryAfter ?? 1) * 1000), signal);
    } else if (sent === undefined || sent.status === 502 || sent.status === 503 || sent.status === 504) {
      if (attempt++ >= ATTEMPTS)
        throw new ImportError(`no server takes the frames: ${sent === undefined ? String(cause) : detailOf(sent)}`, { cause });
      await clock.sleep(Math.max((sent?.retryAfter ?? 0) * 1000, Math.min(LONGEST_PAUSE_MS, 100 * 2 ** attempt)), signal);
    } else return takenOf(sent, lines);
    if (signal?.aborted === true) throw new ImportError("stopped; the same command goes on from here");
  }
};

const detailOf = ({ status, answer }: Sent): string => {
  if (typeof answer === "object" && answer !== null && "detail" in answer) return `${status}: ${String(answer.detail)}`;
  return typeof answer === "string" && answer !== "" ? `${status}: ${answer.slice(0, 200)}` : String(status);
};

const takenOf = (sent: Sent, lines: number): Taken => {
  const { status, answer } = sent;
  const body = (typeof answer === "object" && answer !== null ? answer : {}) as Partial<Taken>;
  if (status === 202 && typeof body.accepted === "number") {
    return { accepted: body.accepted, duplicates: body.duplicates ?? 0, rejected: body.rejected ?? [] };
  }
  // Nothing of it was taken: that is told line by line, and the rest of the file goes on.
  if (status === 422) {
    const rejected = Array.isArray(body.rejected)
      ? body.rejected
      : Array.from({ length: lines }, (_, i) => ({ line: i + 1, detail: detailOf(sent) }));
    return { accepted: 0, duplicates: 0, rejected };
  }
  throw new ImportError(`the server refused the frames: ${detailOf(sent)}`);
};
