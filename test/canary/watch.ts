/** Runs a command and looks for the canary in all that it shows meanwhile. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CANARY } from "../support/canary.ts";
import { Files } from "./files.ts";
import { type Form, formsOf, lookIn } from "./forms.ts";
import type { Inside } from "./inside.ts";
import { Processes } from "./processes.ts";

const FILES_MS = 1000;
const PROCESSES_MS = 50;

export type Seen = {
  readonly code: number;
  /** A line each: where, and in which form. Never the canary itself. */
  readonly sights: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
};

export type Watching = {
  readonly command: readonly string[];
  /** Folders looked through beside the one the command has for its temporary files. */
  readonly folders: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the command shows the canary on purpose. Otherwise what it prints goes on to whoever started us. */
  readonly isPlanted: boolean;
};

/** What comes in pieces, looked through with the end of the piece before. */
const stream = (forms: readonly Form[], tell: (form: string) => void) => {
  let before = Buffer.alloc(0);
  const longest = Math.max(...forms.map(({ bytes }) => bytes.length));
  return (chunk: Buffer): void => {
    const both = Buffer.concat([before, chunk]);
    for (const { form } of lookIn(both, forms).sights) tell(form);
    before = both.subarray(Math.max(0, both.length - longest + 1));
  };
};

/** What the processes of the run wrote of themselves, see inside.ts. */
const fromInside = async (folder: string): Promise<{ sights: readonly string[]; processes: number; printed: number; sent: number }> => {
  const sights = new Set<string>();
  const pids = await readdir(folder);
  const bytes = { printed: 0, sent: 0 };
  for (const pid of pids)
    for (const text of (await readFile(join(folder, pid), "utf8")).trimEnd().split("\n")) {
      const line = JSON.parse(text) as Inside;
      if ("what" in line) sights.add(`${line.what} by the process ${pid}: ${line.form}`);
      else for (const what of ["printed", "sent"] as const) bytes[what] += line[what];
    }
  return { sights: [...sights], processes: pids.length, ...bytes };
};

const until = async (over: AbortSignal, everyMs: number, look: () => Promise<void> | void): Promise<void> => {
  while (!over.aborted) {
    await look();
    await sleep(everyMs, undefined, { signal: over }).catch(() => undefined);
  }
};

export const watch = async ({ command, folders, env, isPlanted }: Watching): Promise<Seen> => {
  const base = await mkdtemp(join(tmpdir(), "canary-"));
  const [temporary, kept, inside] = ["t", "kept", "inside"].map((name) => join(base, name)) as [string, string, string];
  await Promise.all([temporary, inside].map((folder) => mkdir(folder)));
  const forms = formsOf(CANARY);
  const [files, processes, sights] = [new Files(kept, forms), new Processes(forms, isPlanted), new Set<string>()];
  const over = new AbortController();
  const options = `${env.NODE_OPTIONS ?? ""} --import=${new URL("inside.ts", import.meta.url)}`.trim();
  const child = spawn(command[0] as string, command.slice(1), {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...env, TMPDIR: temporary, CANARY_SIGHTS: inside, NODE_OPTIONS: options },
  });
  const stop = (): boolean => child.kill("SIGINT");
  process.on("SIGINT", stop).on("SIGTERM", stop);
  let printed = 0;
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    const look = stream(forms, (form) => sights.add(`printed: ${form}`));
    from.on("data", (chunk: Buffer) => {
      printed += chunk.length;
      look(chunk);
      if (!isPlanted) to.write(chunk);
    });
  }
  try {
    const ended = new Promise<number>((resolve, reject) => child.on("error", reject).on("close", (code) => resolve(code ?? 1)));
    const all = [temporary, ...folders];
    const looking = Promise.all([
      until(over.signal, PROCESSES_MS, () => processes.look()),
      until(over.signal, FILES_MS, () => files.look(all)),
    ]);
    const code = await Promise.race([ended, looking.then(() => ended)]);
    over.abort();
    await looking;
    await files.look(all, true);
    const told = await fromInside(inside);
    for (const { path, form } of files.sights) sights.add(`the file ${path.replace(temporary, "$TMPDIR")}: ${form}`);
    for (const { pid, program, form } of processes.sights) sights.add(`the command line of ${program} (${pid}): ${form}`);
    for (const line of told.sights) sights.add(line);
    const figures = {
      "bytes printed": printed,
      "bytes printed by the processes inside": told.printed,
      "bytes sent by servers inside": told.sent,
      "processes looked at from inside": told.processes,
      "looks at all processes": processes.figures.looks,
      "command lines": processes.figures.commandLines,
      files: files.figures.files,
      "bytes of files read": files.figures.bytes,
      "bytes of compressed records": files.figures.unpackedBytes,
      "files that could not be kept until read": files.figures.unkept,
    };
    return { code, sights: [...sights], figures };
  } finally {
    over.abort();
    child.kill("SIGKILL");
    process.off("SIGINT", stop).off("SIGTERM", stop);
    await rm(base, { recursive: true, force: true });
  }
};
