/**
 * The programs `ffmpeg` and `ffprobe` as sessions: asked in data, ended with us, bounded in number, time and memory, without credentials
 * in anything they are given or say.
 */
import { realpath } from "node:fs/promises";
import { execa } from "execa";
import { limits } from "../domain/limits.ts";
import type { MediaFailure as Failure } from "../domain/media.ts";
import { AdapterError, type CameraNetwork, type Journal } from "../domain/ports.ts";
import { readRtsp } from "../domain/rtsp.ts";
import { type Arguments, argv, type Input, listOfAddress, listOfPieces } from "./ffmpeg/arguments.ts";
import { bindingOf, launch, shellOf } from "./ffmpeg/launch.ts";
import { endLeftovers, markFor } from "./ffmpeg/leftovers.ts";
import { openLists } from "./ffmpeg/lists.ts";
import { type Probed, type ProbeSource, probeInput, probeWords, readProbe } from "./ffmpeg/probe.ts";
import { programAt, usualPath } from "./ffmpeg/programs.ts";
import { type How, type Prepared, type Session, startSession } from "./ffmpeg/session.ts";
import { credentialsOf } from "./rtsp/authorization.ts";
import { openRtspRelay, type RtspRelay } from "./rtsp-relay.ts";

export type FfmpegSettings = {
  /** Of ours alone, on this machine: made where it is not there, private. Children are known by it, so each server has its own. */
  readonly folder: string;
  readonly network: CameraNetwork;
  readonly journal: Pick<Journal, "info" | "warn">;
  /** PATH: where programs are looked for. */
  readonly searchPath?: string;
  /** Names on the search path, or whole paths. */
  readonly ffmpeg?: string;
  readonly ffprobe?: string;
  /** Whether the certificates of cameras (rtsps) must be good. True by default. */
  readonly certificates?: boolean;
  /** In place of the limits ffmpegProcesses, ffmpegMemoryBytes and ffmpegStopMs. */
  readonly processes?: number;
  /** How much of them one tenant's cameras may take; in place of the limit ffmpegTenantShare. */
  readonly tenantShare?: number;
  readonly memoryBytes?: number;
  readonly stopMs?: number;
};

export type Found = {
  readonly ffmpeg: string;
  readonly ffprobe: string /** Of ffmpeg, as it says it: `5.1.9-0+deb12u1`. */;
  readonly version: string;
};

export type Ffmpeg = {
  /** Whole paths and the version. Throws AdapterError `unavailable` that names what is missing; looks again each time. */
  find(): Promise<Found>;
  /**
   * Throws AdapterError `full` (retryable) where too many run, `closed`, `bad-query` for arguments that are none. What goes wrong later is
   * told by the session.
   */
  execute(args: Arguments, how: How): Session;
  /** Throws as `execute` does. */
  probe(source: ProbeSource, how?: Partial<How>): Promise<Probed | { readonly failed: Failure }>;
  /** Kills what an earlier life has left running. To be called once, before the first session. Says how many those were. */
  endLeftovers(): Promise<number>;
  /** How many run. */
  running(): number;
  /** Cancels all sessions and waits for their end. */
  close(): Promise<void>;
};

/** Milliseconds: later than the relay's own, so that the relay says why. */
const CAMERA_TIMEOUT = limits.cameraConnectMs + 2 * limits.cameraSilenceMs;

/** Lists with options, by which a camera's address stays off the command line, are of this version. */
const LEAST_VERSION = 5;

/** Shorter ones stand in innocent words, too; and ffmpeg is told none of them. */
const LEAST_SECRET = 6;

/** What may be secret in an address. Some cameras want the password in their path. */
const secretsOf = ({ from }: Input): readonly string[] => {
  if (!("camera" in from)) return [];
  const parts = readRtsp(from.camera);
  if ("flaw" in parts) return [];
  const password = parts.userinfo?.split(":")[1] ?? "";
  const path = parts.rest.includes("=") ? [parts.rest, parts.rest.slice(1)] : [];
  return [password, credentialsOf(parts.userinfo ?? "").password, ...path].filter((one) => one.length >= LEAST_SECRET);
};

/** Whose camera is looked at. Undefined where no camera is. */
const ownerOf = (inputs: readonly Input[]): string | undefined => {
  for (const { from } of inputs) if ("camera" in from) return from.whose ?? "";
  return undefined;
};

export const openFfmpeg = async (settings: FfmpegSettings): Promise<Ffmpeg> => {
  const { network, journal, searchPath = usualPath, ffmpeg = "ffmpeg", ffprobe = "ffprobe", certificates = true } = settings;
  const { tenantShare = limits.ffmpegTenantShare } = settings;
  const { processes = limits.ffmpegProcesses, memoryBytes = limits.ffmpegMemoryBytes, stopMs = limits.ffmpegStopMs } = settings;
  const lists = await openLists(settings.folder);
  const folder = await realpath(settings.folder);
  const mark = await markFor(folder);
  const [binding, shell] = await Promise.all([bindingOf(searchPath), shellOf(searchPath)]);
  if (binding === "watcher") journal.info({}, "There is no setpriv here: each ffmpeg gets a watcher that ends it with this server");

  /** By whose camera they look at; undefined: at what was recorded, and those wait for their turn elsewhere. */
  const sessions = new Map<Session, string | undefined>();
  let next = 1;
  let isClosed = false;

  const programOf = async (name: string): Promise<string> => {
    const path = await programAt(name, searchPath);
    if (path === undefined) throw new AdapterError("unavailable", `The program ${name} is not on this machine`, { retryable: true });
    return path;
  };

  const prepared = async (
    name: string,
    inputs: readonly Input[],
    words: (lists: readonly (string | undefined)[]) => readonly string[],
    givesWay: boolean,
  ): Promise<Prepared> => {
    const program = await programOf(name);
    const relays: RtspRelay[] = [];
    const written: (string | undefined)[] = [];
    const forget = async (): Promise<void> => {
      for (const path of written.splice(0)) if (path !== undefined) await lists.remove(path);
    };
    const listOf = async ({ from, options = {} }: Input): Promise<string | undefined> => {
      if ("pieces" in from) return lists.write(listOfPieces(from.pieces));
      if (!("camera" in from)) return undefined;
      const relay = await openRtspRelay(from.camera, { network, certificates, whose: from.whose ?? "" });
      relays.push(relay);
      return lists.write(listOfAddress(relay.url, { ...options, rtsp_transport: "tcp", timeout: CAMERA_TIMEOUT * 1000 }));
    };
    const finished = async () => {
      await forget();
      for (const relay of relays) relay.close();
      return Promise.all(relays.map(({ ended }) => ended));
    };
    try {
      for (const input of inputs) written.push(await listOf(input));
    } catch (error) {
      await finished();
      throw error;
    }
    const args = words([...written]);
    return {
      launch: () => launch(binding, program, args, { shell, givesWay, searchPath, mark, memoryBytes }),
      secrets: [...inputs.flatMap(secretsOf), ...relays.map(({ url }) => url.slice(url.lastIndexOf("/") + 1))],
      started: () =>
        void forget().catch((error: unknown) => journal.warn({ error: String(error) }, "A list for ffmpeg could not be removed")),
      finished,
    };
  };

  const start = (
    name: string,
    inputs: readonly Input[],
    words: (lists: readonly (string | undefined)[]) => readonly string[],
    how: How,
  ): Session => {
    if (isClosed) throw new AdapterError("closed", "ffmpeg is not started any more", { retryable: false });
    const whose = ownerOf(inputs);
    const owners = [...sessions.values()];
    // What is cut from recordings does not wait for cameras, nor they for it.
    const alike = owners.filter((owner) => (owner === undefined) === (whose === undefined));
    if (alike.length >= processes)
      throw new AdapterError("full", `${processes} ffmpeg processes are running, and no more may`, { retryable: true });
    const share = Math.max(1, Math.floor(processes * tenantShare));
    if (whose !== undefined && whose !== "" && owners.filter((owner) => owner === whose).length >= share)
      throw new AdapterError("full", `${share} ffmpeg processes look at cameras of this tenant, and no more may`, { retryable: true });
    // Throws for what cannot be asked, before anything is begun.
    words(inputs.map(() => ""));
    for (const { from, options = {} } of inputs) "pieces" in from ? listOfPieces(from.pieces) : listOfAddress("", options);
    const session = startSession(String(next), () => prepared(name, inputs, words, how.givesWay ?? false), how, stopMs);
    next += 1;
    sessions.set(session, whose);
    void session.done.then(() => sessions.delete(session));
    return session;
  };

  return {
    async find() {
      const found = { ffmpeg: await programOf(ffmpeg), ffprobe: await programOf(ffprobe) };
      const said = await execa(found.ffmpeg, ["-version"], {
        env: { PATH: searchPath },
        extendEnv: false,
        reject: false,
        stdin: "ignore",
        cleanup: false,
        forceKillAfterDelay: false,
        killSignal: "SIGKILL",
        timeout: limits.ffmpegFindMs,
      });
      const [, version] = /^ffmpeg version (\S+)/.exec(said.stdout) ?? [];
      if (version === undefined)
        throw new AdapterError("unavailable", `The program ${found.ffmpeg} does not say its version`, { retryable: true });
      const [, major] = /^[nN]?(\d+)\./.exec(version) ?? [];
      if (major !== undefined && Number(major) < LEAST_VERSION)
        throw new AdapterError("unavailable", `ffmpeg ${version} is too old: ${LEAST_VERSION}.0 is the least`, { retryable: true });
      return { ...found, version };
    },
    execute: (args, how) => start(ffmpeg, args.inputs, (written) => argv(args, written), how),
    async probe(source, how = {}) {
      const input = probeInput(source);
      const session = start(ffprobe, [input], ([list]) => probeWords(input, list), { mostMs: limits.probeMs, ...how });
      return readProbe(await session.done);
    },
    async endLeftovers() {
      const ended = await endLeftovers(folder, journal);
      await lists.clear();
      return ended;
    },
    running: () => sessions.size,
    async close() {
      isClosed = true;
      await Promise.all([...sessions.keys()].map((session) => session.cancel()));
    },
  };
};
