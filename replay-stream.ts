/** One connection of `tallywire replay`: what the server answers, line by line. */

/** What the command ends with. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** A connection that did not come about, or broke: another may do. */
export class Broken extends Error {
  override readonly name = "Broken";
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number, options?: { readonly cause: unknown }) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** What an answer's head says: that something is missing; how MOT is to be read. */
export type Found = { readonly gap: string | undefined; readonly mot: string | undefined };
type Stream = Found & { lines(): AsyncGenerator<readonly string[]> };

type Asking = {
  readonly server: string;
  readonly token: string | undefined;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal | undefined;
};

const AGAIN: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const detailOf = async (response: Response): Promise<string> => {
  const text = await response.text().catch(() => "");
  try {
    const { detail } = JSON.parse(text) as { readonly detail?: unknown };
    if (typeof detail === "string") return `${response.status}: ${detail}`;
  } catch (error) {
    // Some proxy's page, not our server's answer.
    if (!(error instanceof SyntaxError)) throw error;
  }
  return `${response.status}: ${text.slice(0, 200)}`;
};

/** Throws ReplayError for what the server refuses, Broken for what may be tried again. */
export const openStream = async ({ server, token, query, signal }: Asking): Promise<Stream> => {
  const url = new URL("/api/v2/replay", server);
  url.search = query.toString();
  let response: Response;
  try {
    response = await fetch(url, {
      redirect: "error",
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      ...(signal && { signal }),
    });
  } catch (cause) {
    throw new Broken(`The server cannot be reached: ${reasonOf(cause)}.`, 0, { cause });
  }
  if (AGAIN.has(response.status)) {
    const seconds = Number(response.headers.get("retry-after") ?? 1);
    throw new Broken(`The server is busy: ${await detailOf(response)}`, Number.isFinite(seconds) ? 1000 * seconds : 1000);
  }
  if (!response.ok || response.body === null) throw new ReplayError(`The server refused: ${await detailOf(response)}`);
  const { body, headers } = response;
  return {
    gap: headers.get("tallywire-gap") ?? undefined,
    mot: headers.get("tallywire-mot") ?? undefined,
    lines: () => linesOf(body),
  };
};

/** undici says why in the cause. */
const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== "" ? cause.message : message;
};

/** Whole lines; what stands behind the last line's end is none yet. Throws Broken where the stream does not come to its end. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<readonly string[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      let read: Awaited<ReturnType<typeof reader.read>>;
      try {
        read = await reader.read();
      } catch (cause) {
        throw new Broken(`The connection broke: ${reasonOf(cause)}.`, 0, { cause });
      }
      if (read.done) return;
      const lines = (rest + decoder.decode(read.value, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      const whole = lines.filter((line) => line !== "");
      if (whole.length > 0) yield whole;
    }
  } finally {
    // Whoever reads no further lets the server go.
    await reader.cancel().catch(() => undefined);
  }
}
