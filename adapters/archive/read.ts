/** Archived facts and bases, read back. */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";
import type { CameraKey } from "../../domain/envelope.ts";
import type { Fact } from "../../domain/event.ts";
import { AdapterError, type Base, type Batch, type Position } from "../../domain/ports.ts";
import { factText } from "../codec.ts";
import { cameraFolder, filesIn } from "./names.ts";
import type { Foot, Head } from "./take.ts";

const gunzipped = promisify(gunzip);
const text = factText();
const BATCH = 500;

const damaged =
  (path: string) =>
  (cause: unknown): never => {
    if (cause instanceof AdapterError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    if (cause instanceof SyntaxError || code?.startsWith("Z_"))
      throw new AdapterError("corrupt", `The archived ${path} is damaged: ${message}`, { retryable: false, cause });
    if (code === undefined) throw cause;
    throw new AdapterError("unavailable", `The archived ${path} cannot be read: ${message}`, { retryable: true, cause });
  };

/** The lines of one file, the first its head. */
const linesOf = async function* (path: string): AsyncGenerator<unknown> {
  const bytes = createReadStream(path);
  const plain = createGunzip();
  // A stream that fails must fail whoever reads the one behind it.
  bytes.on("error", (error) => plain.destroy(error));
  try {
    for await (const line of createInterface({ input: bytes.pipe(plain), crlfDelay: Number.POSITIVE_INFINITY })) yield JSON.parse(line);
  } finally {
    bytes.destroy();
    plain.destroy();
  }
};

export const readFacts = async function* (folder: string, camera: CameraKey, from: Position, to: Position): AsyncGenerator<Batch<Fact>> {
  const own = cameraFolder(folder, camera);
  let next = from;
  for (const file of (await filesIn(own)).facts) {
    if (file.to <= next || file.from >= to) continue;
    const path = join(own, file.name);
    let head: Head | undefined;
    let foot: Foot | undefined;
    let facts = 0;
    let events: Fact[] = [];
    let positions: Position[] = [];
    const batch = (): Batch<Fact> => {
      const given = { partition: (head as Head).partition, events, positions, next };
      events = [];
      positions = [];
      return given;
    };
    try {
      for await (const line of linesOf(path)) {
        if (head === undefined) {
          head = line as Head;
          continue;
        }
        if (!Array.isArray(line)) {
          foot = line as Foot;
          continue;
        }
        facts += 1;
        const [position, fact] = line as [Position, unknown];
        // What an earlier file held is not given again.
        if (position < next || position >= to) continue;
        events.push(text.lift(fact, head.schema));
        positions.push(position);
        next = position + 1;
        if (events.length === BATCH) yield batch();
      }
      if (foot?.facts !== facts) throw new SyntaxError("it is cut off");
    } catch (error) {
      damaged(file.name)(error);
    }
    if (events.length > 0) yield batch();
  }
};

export const readBase = async (folder: string, camera: CameraKey, position: Position): Promise<Base | undefined> => {
  const own = cameraFolder(folder, camera);
  const found = (await filesIn(own)).bases.findLast((base) => base.position <= position);
  if (found === undefined) return undefined;
  try {
    return JSON.parse((await gunzipped(await readFile(join(own, found.name)))).toString("utf8")) as Base;
  } catch (error) {
    return damaged(found.name)(error);
  }
};
