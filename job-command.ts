/** What commands for work that takes its time share: the job is asked for at a running server, looked at until it ends, and cancelled by Ctrl-C. */
import { SingleBar } from "cli-progress";
import { z } from "zod";
import { AdapterError, type Clock, type Stop } from "./domain/ports.ts";

export type JobServer = {
  /** E.g. `http://127.0.0.1:8080`. */
  readonly server: string;
  readonly token?: string | undefined;
};
export type JobParts = {
  readonly clock: Clock;
  /** Cancels the job. */
  readonly stop: Stop;
  readonly print: (line: string) => void;
  readonly complain: (line: string) => void;
};

const jobOf = z.looseObject({
  id: z.string(),
  state: z.enum(["queued", "running", "done", "failed", "cancelled"]),
  progress: z.object({ done: z.number(), of: z.number() }).optional(),
  result: z.unknown().optional(),
  reason: z.string().optional(),
});
export type ToldJob = z.infer<typeof jobOf>;

/** Milliseconds between two looks at a job. */
const LOOK_MS = 300;
/** Times in a row that the server does not answer while the job is looked at: the job outlives a start of the server. */
const TRIES = 10;
const LONGEST_PAUSE_MS = 10_000;

const failed = (message: string, retryable = false, cause?: unknown): AdapterError =>
  new AdapterError("unavailable", message, { retryable, cause });

/** Undefined for what is no JSON. */
export const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
};

const detailOf = (text: string): string => {
  const problem = z.looseObject({ detail: z.string() }).safeParse(parsed(text));
  return problem.success ? problem.data.detail : text;
};

const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** `path`: from /api/v2 on. Throws AdapterError that says what the server said. */
export const request = async (
  { server, token }: JobServer,
  method: string,
  path: string,
  { body, accept }: { readonly body?: object | undefined; readonly accept?: string } = {},
): Promise<{ readonly text: string; readonly link: string | null }> => {
  const url = `${server.replace(/\/+$/, "")}/api/v2${path}`;
  const headers = {
    // While tokens are off, this is asked for beside them.
    "user-type": "Admin",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(accept !== undefined && { accept }),
  };
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
    text = await response.text();
  } catch (cause) {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw failed(`${server} cannot be asked: ${why}`, true, cause);
  }
  if (!response.ok) throw failed(`${server} answered ${response.status}: ${detailOf(text)}`, RETRYABLE.has(response.status));
  return { text, link: response.headers.get("link") };
};

const ask = async (server: JobServer, method: string, path: string, body?: object): Promise<ToldJob> => {
  const { text } = await request(server, method, path, { body });
  const job = jobOf.safeParse(parsed(text));
  if (!job.success) throw failed(`${server.server} answered with something that is no job.`);
  return job.data;
};

/** Tries again while the server is away for a moment. */
const patiently = async <T>({ clock, stop }: JobParts, work: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof AdapterError && error.retryable) || tries === TRIES) throw error;
      await clock.sleep(Math.min(LOOK_MS * 2 ** tries, LONGEST_PAUSE_MS), stop);
    }
  }
};

export const barOf = () => {
  if (process.stderr.isTTY !== true) return { set: () => undefined, stop: () => undefined };
  const bar = new SingleBar({ format: "{bar} {percentage}%  ETA {eta_formatted}", stream: process.stderr, clearOnComplete: true });
  let isStarted = false;
  return {
    set: ({ done, of }: { readonly done: number; readonly of: number }): void => {
      if (!isStarted) bar.start(of, done);
      isStarted = true;
      bar.setTotal(of);
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
};

/** Resolves with the job as it ended, of whatever state. `resource`: `/backtests`. Throws AdapterError. */
export const runJob = async (parts: JobParts, server: JobServer, resource: string, wish: object): Promise<ToldJob> => {
  const { clock, stop, complain } = parts;
  let job = await ask(server, "POST", resource, wish);
  complain(`job ${job.id}`);
  const bar = barOf();
  try {
    while (job.state === "queued" || job.state === "running") {
      if (job.progress !== undefined) bar.set(job.progress);
      if (!stop.aborted) await clock.sleep(LOOK_MS, stop);
      const method = stop.aborted ? "DELETE" : "GET";
      job = await patiently(parts, () => ask(server, method, `${resource}/${job.id}`));
    }
    return job;
  } finally {
    bar.stop();
  }
};

/** How a job that is not done is told of. */
export const endingOf = ({ id, state, reason }: ToldJob): string => `job ${id} is ${state}${reason === undefined ? "" : `: ${reason}`}`;

/** Columns as wide as what is in them; numbers to the right. */
export const tableText = (columns: readonly string[], rows: readonly (readonly (string | number | undefined)[])[]): readonly string[] => {
  const texts = [columns, ...rows].map((row) => columns.map((_, i) => String(row[i] ?? "")));
  const widths = columns.map((_, i) => Math.max(...texts.map((row) => (row[i] as string).length)));
  const isNumber = columns.map((_, i) => rows.length > 0 && rows.every((row) => typeof (row[i] ?? 0) === "number"));
  return texts.map((row) =>
    row
      .map((text, i) => (isNumber[i] === true ? text.padStart(widths[i] as number) : text.padEnd(widths[i] as number)))
      .join("  ")
      .trimEnd(),
  );
};
