/** `tallywire replay`: recorded alerts or facts from a running server into a file, to standard output, or into a topic, on from where the connection broke. */
import type { Instant } from "./domain/envelope.ts";
import type { Clock, Stop } from "./domain/ports.ts";
import { Broken, type Found, openStream, ReplayError } from "./replay-stream.ts";

export { ReplayError } from "./replay-stream.ts";

/** A line without its end, and the sensor it is of. */
export type ReplayLine = { readonly sensor: string; readonly text: string };
/** Where lines go. `write` resolves when they are where they are to be. `isDone`: whether all came; else what nothing came into does not stay behind. */
export type Output = { write(lines: readonly ReplayLine[]): Promise<void>; close(isDone: boolean): Promise<void> };

export type ReplayOptions = {
  /** The server, e.g. `http://127.0.0.1:8080`. */
  readonly server: string;
  readonly token?: string | undefined;
  readonly what: "alerts" | "facts";
  readonly sensors: readonly string[];
  readonly from?: Instant | undefined;
  readonly to?: Instant | undefined;
  readonly since?: string | undefined;
  readonly pace?: string | undefined;
  readonly follow?: boolean | undefined;
  readonly states?: boolean | undefined;
  readonly format?: "ndjson" | "mot" | undefined;
  readonly fps?: string | undefined;
  readonly output: Output;
  readonly clock: Clock;
  /** What whoever called should know: that something is not kept any more, that a connection broke. */
  readonly tell: (line: string) => void;
  readonly signal?: AbortSignal;
};

/** `cursor`: from where `--since` goes on; undefined where no line came, and with MOT. */
export type Replayed = { readonly lines: number; readonly cursor: string | undefined };

/** Times in a row that nothing came of asking, and the longest pause between them. */
const ATTEMPTS = 10;
const LONGEST_PAUSE_MS = 10_000;

const queryOf = (options: ReplayOptions, since: string | undefined): URLSearchParams => {
  const { what, sensors, from, to, pace, follow, states, format = "ndjson", fps } = options;
  const instant = (at: Instant | undefined) => (at === undefined ? undefined : new Date(at).toISOString());
  const given = {
    what,
    fromTimestamp: instant(from),
    toTimestamp: instant(to),
    since,
    pace,
    follow: follow === true ? "true" : undefined,
    states: states === true ? "true" : undefined,
    format: what === "facts" ? format : undefined,
    fps,
    cursors: format === "mot" ? undefined : "true",
  };
  const query = new URLSearchParams();
  for (const sensor of sensors) query.append("sensorId", sensor);
  for (const [name, value] of Object.entries(given)) if (value !== undefined) query.set(name, value);
  return query;
};

/** The cursor stands at the line's end, where the server put it. */
const CURSOR = /,"cursor":"([\w-]+)"\}$/;
const apart = (line: string): { readonly text: string; readonly cursor: string } => {
  const [end, cursor] = CURSOR.exec(line) ?? [];
  if (end === undefined || cursor === undefined) throw new ReplayError("The server sends lines without cursors: it is of another version.");
  return { text: `${line.slice(0, -end.length)}}`, cursor };
};

const sensorOf = (text: string): string => String((JSON.parse(text) as { readonly sensorId?: unknown }).sensorId);

/** One replay, over as many connections as it takes. */
class Replaying {
  readonly #options: ReplayOptions;
  #since: string | undefined;
  #lines = 0;
  #told: Found | undefined;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#since = options.since;
  }

  async run(): Promise<Replayed> {
    const { clock, signal, tell } = this.#options;
    for (let failed = 0; ; ) {
      const before = this.#lines;
      try {
        await this.#once();
        return this.#done();
      } catch (error) {
        if (signal?.aborted === true) return this.#done();
        if (!(error instanceof Broken)) throw error;
        if (this.#options.format === "mot" && this.#lines > 0)
          throw new ReplayError(`${error.message} MOT cannot be gone on with: the ${this.#lines} lines written are a part only.`, {
            cause: error,
          });
        failed = this.#lines > before ? 1 : failed + 1;
        if (failed > ATTEMPTS) throw new ReplayError(`${error.message} It was not gone on with. ${this.#where()}`, { cause: error });
        tell(`${error.message} It is gone on with after ${this.#lines} lines.`);
        await clock.sleep(Math.max(error.retryAfterMs, Math.min(LONGEST_PAUSE_MS, 100 * 2 ** failed)), signal as Stop | undefined);
      }
    }
  }

  async #once(): Promise<void> {
    const { server, token, signal, output, format, what, sensors } = this.#options;
    const stream = await openStream({ server, token, query: queryOf(this.#options, this.#since), signal });
    this.#tell(stream);
    for await (const some of stream.lines()) {
      const found = some.map((line): ReplayLine & { readonly cursor?: string } => {
        if (format === "mot") return { sensor: sensors[0] ?? "", text: line };
        const { text, cursor } = apart(line);
        return { sensor: what === "facts" ? (sensors[0] ?? "") : sensorOf(text), text, cursor };
      });
      try {
        await output.write(found);
      } catch (cause) {
        throw new ReplayError(`The lines cannot be written: ${(cause as Error).message} ${this.#where()}`, { cause });
      }
      this.#lines += found.length;
      this.#since = found.at(-1)?.cursor ?? this.#since;
    }
  }

  /** Once of each, however often it connects. */
  #tell(found: Found): void {
    const { tell } = this.#options;
    if (found.gap !== undefined && this.#told?.gap === undefined) tell(`Not all of it is there: ${found.gap}.`);
    if (found.mot !== undefined && this.#told?.mot === undefined) tell(`To be read with: ${found.mot}.`);
    this.#told = found;
  }

  #where(): string {
    return `${this.#lines} lines were written${this.#since === undefined ? "." : `; --since ${this.#since} goes on after them.`}`;
  }

  #done(): Replayed {
    return { lines: this.#lines, cursor: this.#since };
  }
}

/** Ends when all is written, or when the signal is aborted; closes the output. Throws ReplayError. */
export const replay = async (options: ReplayOptions): Promise<Replayed> => {
  let isDone = false;
  try {
    const replayed = await new Replaying(options).run();
    isDone = true;
    return replayed;
  } finally {
    await options.output.close(isDone);
  }
};
