/** Starts the embedded engine's process, watches it and starts it again when it dies. */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { AdapterError, type Journal, type Meter } from "../../domain/ports.ts";
import { within } from "../../domain/within.ts";
import { systemClock } from "../clock.ts";
import { removeLeftovers, removeSocket, socketFor } from "./socket.ts";
import { MISSES, PING_MS, pings, watching } from "./watch.ts";

export type ChdbOptions = {
  readonly dir: string;
  readonly journal: Journal;
  readonly meter: Meter;
  /** Bytes the engine may use; a question beyond it fails, the process stays. */
  readonly memoryBytes?: number;
  /** How long another process may still hold the folder: one that was killed takes a moment to let go. */
  readonly lockWaitMs?: number;
  /** Seconds a question may compute. */
  readonly querySeconds?: number;
  /** Milliseconds between two looks whether the engine still turns, while statements wait for it. */
  readonly pingMs?: number;
};

const MEMORY_BYTES = 1_500_000_000;
const LOCK_WAIT_MS = 10_000;
const CLOSE_WAIT_MS = 10_000;
/** Opening many parts takes a while; what takes longer hangs. */
const START_WAIT_MS = 10 * 60_000;
const BACKOFF_MS = { first: 100, most: 5_000 };
/** Alive for so long, it starts from the first backoff again. */
const HEALTHY_MS = 60_000;

type Told = { readonly ready: true } | { readonly ready: false; readonly message: string };

const isLock = (message: string): boolean => /lock|another server instance|already (running|in use)/i.test(message);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Where cores are few, frames and alerts go before tables: the engine's threads, all begun later, inherit this. A process that is
 * gone already has no priority; its end is heard of below.
 */
const yieldToLive = (pid: number | undefined): void => {
  if (pid === undefined) return;
  try {
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch (error) {
    if (!(error instanceof Error && "info" in error)) throw error;
  }
};

export class ChdbProcess {
  readonly socketPath: string;
  readonly #options: ChdbOptions;
  #child: ChildProcess | undefined;
  #closing = false;
  /** Resolves when the engine answers; replaced when the process dies. */
  #ready: Promise<void>;
  #backoff = BACKOFF_MS.first;
  /** It has said that it listens, and has not died since. */
  #answers = false;

  /** Runs a statement and watches the engine meanwhile: one that hangs is killed, and started again as after any other death. */
  readonly watched: <T>(statement: () => Promise<T>) => Promise<T>;

  private constructor(options: ChdbOptions, socketPath: string) {
    this.#options = options;
    this.socketPath = socketPath;
    this.#ready = Promise.resolve();
    const everyMs = options.pingMs ?? PING_MS;
    this.watched = watching({
      pid: () => (this.#answers ? this.pid : undefined),
      ping: () => pings(socketPath, everyMs),
      kill: () => this.kill(`did not answer ${MISSES} times in a row`),
      everyMs,
    });
  }

  /** Throws AdapterError `in-use` when another process holds the folder, `unavailable` when the engine does not start. */
  static async start(options: ChdbOptions): Promise<ChdbProcess> {
    const made = new ChdbProcess(options, await socketFor(options.dir));
    for (let waited = 0; ; waited += 250) {
      try {
        await made.#spawn();
        removeLeftovers(made.socketPath);
        return made;
      } catch (error) {
        const locked = error instanceof AdapterError && error.code === "in-use";
        if (!locked || waited >= (options.lockWaitMs ?? LOCK_WAIT_MS)) {
          removeSocket(made.socketPath);
          throw error;
        }
        await pause(250);
      }
    }
  }

  /** Undefined while it is away. */
  get pid(): number | undefined {
    const child = this.#child;
    return child?.exitCode === null && child.signalCode === null ? child.pid : undefined;
  }

  /** Resolves when the engine answers. Throws AdapterError `unavailable` after so many milliseconds. */
  async available(ms: number): Promise<void> {
    await within({ clock: systemClock }, ms, this.#ready, () => {
      throw new AdapterError("unavailable", "The warehouse's process is being started.", { retryable: true });
    });
    if (this.#closing) throw new AdapterError("closed", "The warehouse is closed.", { retryable: false });
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      if (child.connected) child.send("close", () => undefined);
      const timer = setTimeout(() => child.kill("SIGKILL"), CLOSE_WAIT_MS);
      await gone;
      clearTimeout(timer);
    }
    removeSocket(this.socketPath);
  }

  /** Ends a process that is of no use any more; it is started again. */
  kill(why: string): void {
    this.#options.journal.error({ pid: this.pid, why }, "the warehouse's process is of no use and is killed");
    this.#child?.kill("SIGKILL");
  }

  /** A process that lives behind a socket somebody deleted answers nobody ever again. */
  killIfUnreachable(): void {
    if (this.#answers && !existsSync(this.socketPath)) this.kill("has lost its socket");
  }

  async #spawn(): Promise<void> {
    rmSync(this.socketPath, { force: true });
    mkdirSync(dirname(this.socketPath), { recursive: true, mode: 0o700 });
    const { dir, memoryBytes = MEMORY_BYTES } = this.#options;
    // Nothing of the environment goes along but the size of the pool its Sessions wait in: secrets have no business there.
    const child = fork(fileURLToPath(new URL("./server.ts", import.meta.url)), [dir, this.socketPath, String(memoryBytes)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: [],
      env: { UV_THREADPOOL_SIZE: "8", TZ: "UTC" },
    });
    this.#child = child;
    yieldToLive(child.pid);
    let lastWords = "";
    child.stderr?.on("data", (text: Buffer) => {
      lastWords = (lastWords + text.toString("utf8")).slice(-4096);
    });
    const started = new Promise<void>((resolve, reject) => {
      let told = "";
      child.once("message", (message: Told) => {
        if (message.ready) resolve();
        else told = message.message;
      });
      child.once("error", (cause) =>
        reject(new AdapterError("unavailable", "The warehouse's process did not start.", { retryable: false, cause })),
      );
      // `close` comes after the last of stderr, which is where the engine says why.
      child.once("close", (code, signal) => {
        const why = `${told} ${lastWords}`.trim();
        const message = `The warehouse's process ended (${signal ?? code}): ${why}`;
        reject(new AdapterError(isLock(why) ? "in-use" : "unavailable", message, { retryable: false }));
      });
    });
    const overdue = setTimeout(() => this.kill("did not start"), START_WAIT_MS);
    await started.finally(() => clearTimeout(overdue));
    const since = performance.now();
    this.#answers = true;
    child.once("exit", (code, signal) => {
      this.#answers = false;
      if (this.#closing) return;
      if (performance.now() - since > HEALTHY_MS) this.#backoff = BACKOFF_MS.first;
      this.#options.journal.error({ code, signal, stderr: lastWords.trim() }, "the warehouse's process died and is started again");
      this.#ready = this.#again();
    });
  }

  /** Starts it again until it answers or is closed. Never rejects: whoever waits has a time limit of its own. */
  async #again(): Promise<void> {
    while (!this.#closing) {
      await pause(this.#backoff);
      this.#backoff = Math.min(this.#backoff * 2, BACKOFF_MS.most);
      if (this.#closing) return;
      this.#options.meter.count("tallywire_warehouse_restarts_total");
      try {
        await this.#spawn();
        return;
      } catch (error) {
        this.#options.journal.error({ error: String(error) }, "the warehouse's process could not be started");
      }
    }
  }
}
