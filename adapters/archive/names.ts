/**
 * Where archived facts stand, under a folder for each log (a name that follows from its epoch: positions mean nothing in another):
 *
 *      <partition>.json                                                   how far the partition's facts are here
 *      <tenant>/<camera>/<day>.<partition>.<from>-<to>.ndjson.gz          facts that arrived on that day (UTC), of these positions
 *      <tenant>/<camera>/<position>.base.json.gz                          the camera's memory there
 *
 * A file comes here by being renamed: it is there whole, or not at all. The first line of facts says whose they are, the last how many,
 * each between is a position and a fact. One may hold what another holds already, where a server was killed between the two: positions tell.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CameraKey } from "../../domain/envelope.ts";
import { AdapterError, type Position } from "../../domain/ports.ts";
import { folderName } from "../folder-name.ts";

export type FactsFile = { readonly name: string; readonly from: Position; readonly to: Position };
export type BaseFile = { readonly name: string; readonly position: Position };

const FACTS = /^\d{4}-\d\d-\d\d\.\d{1,4}\.(\d{1,16})-(\d{1,16})\.ndjson\.gz$/;
const BASE = /^(\d{1,16})\.base\.json\.gz$/;

/** The epoch is a secret; its digest is none. */
export const logFolder = (root: string, epoch: string): string => join(root, createHash("sha256").update(epoch).digest("hex").slice(0, 16));
export const cameraFolder = (log: string, { tenant, camera }: CameraKey): string => join(log, folderName(tenant), folderName(camera));
export const progressFile = (log: string, partition: number): string => join(log, `${partition}.json`);
export const factsFile = (day: string, partition: number, from: Position, to: Position): string =>
  `${day}.${partition}.${from}-${to}.ndjson.gz`;
export const baseFile = (position: Position): string => `${position}.base.json.gz`;

/** What the file system refused, as an adapter tells it. `ENOSPC` is a disk that is full. */
export const refused =
  (what: string) =>
  (cause: unknown): never => {
    if (cause instanceof AdapterError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    const full = code === "ENOSPC" || code === "EDQUOT";
    throw new AdapterError(full ? "full" : "unavailable", `${what}: ${message}`, { retryable: true, cause });
  };

const namesIn = async (folder: string): Promise<readonly string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    return refused("The archive cannot be read")(error);
  }
};

/** In the order of their positions. */
export const filesIn = async (folder: string): Promise<{ readonly facts: readonly FactsFile[]; readonly bases: readonly BaseFile[] }> => {
  const names = await namesIn(folder);
  const facts = names.flatMap((name): readonly FactsFile[] => {
    const [, from, to] = FACTS.exec(name) ?? [];
    return from === undefined ? [] : [{ name, from: Number(from), to: Number(to) }];
  });
  const bases = names.flatMap((name): readonly BaseFile[] => {
    const [, position] = BASE.exec(name) ?? [];
    return position === undefined ? [] : [{ name, position: Number(position) }];
  });
  return {
    facts: facts.sort((a, b) => a.from - b.from || (a.name < b.name ? -1 : 1)),
    bases: bases.sort((a, b) => a.position - b.position),
  };
};

/** What was renamed is there after a loss of power too. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const PART = ".part";

/** Puts bytes behind what was put into this file before; it is not there under its name before `place`. */
export const appendPart = async (path: string, bytes: Uint8Array, isFirst: boolean): Promise<void> => {
  if (isFirst) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // One that a killed server left is begun anew.
  const handle = await open(path + PART, isFirst ? "w" : "a", 0o600);
  try {
    await handle.write(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

export const place = async (path: string): Promise<void> => {
  await rename(path + PART, path);
  await syncFolder(dirname(path));
};
