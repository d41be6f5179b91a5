/** Facts of one partition that arrived on one day, from the log into files. */
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { type CameraKey, type Instant, type Json, keyText } from "../../domain/envelope.ts";
import type { Fact } from "../../domain/event.ts";
import type { Base, Logs, Position, Stop } from "../../domain/ports.ts";
import { factText } from "../codec.ts";
import { appendPart, baseFile, cameraFolder, factsFile, place } from "./names.ts";

const gzipped = promisify(gzip);
const text = factText();
/** Characters of facts held before they are written, over all cameras. */
const HELD = 16 * 1024 * 1024;

export type Taking = {
  /** The log's folder. */
  readonly folder: string;
  readonly logs: Pick<Logs, "facts" | "baseBefore">;
  readonly partition: number;
  readonly from: Position;
  readonly to: Position;
  readonly pause: () => Promise<void>;
  readonly stop: Stop;
};

/** What goes into one file. */
type Book = { readonly path: string; lines: string[]; facts: number; isBegun: boolean };

/** What stands at the head of a file. */
export type Head = CameraKey & { readonly schema: number; readonly partition: number; readonly from: Position; readonly to: Position };

/** And at its end: without it the file was cut off. */
export type Foot = { readonly facts: number };

export const dayOf = (at: Instant): string => new Date(at).toISOString().slice(0, 10);

/** Undefined when it was stopped: nothing of it is there then. */
export const takeDay = async (taking: Taking): Promise<number | undefined> => {
  const { folder, logs, partition, from, to, pause, stop } = taking;
  const books = new Map<string, Book>();
  const cameras = new Map<string, CameraKey>();
  let held = 0;
  let facts = 0;
  const bookOf = (fact: Fact): Book => {
    const day = dayOf(fact.receivedAt);
    const camera = keyText(fact.tenant, fact.camera);
    const name = `${day}\0${camera}`;
    const known = books.get(name);
    if (known !== undefined) return known;
    const key = { tenant: fact.tenant, camera: fact.camera };
    cameras.set(camera, key);
    const head: Head = { schema: text.version, ...key, partition, from, to };
    const path = join(cameraFolder(folder, key), factsFile(day, partition, from, to));
    const book: Book = { path, lines: [`${JSON.stringify(head)}\n`], facts: 0, isBegun: false };
    books.set(name, book);
    return book;
  };
  const flush = async (): Promise<void> => {
    for (const book of books.values()) {
      if (book.lines.length === 0) continue;
      // Each lot is a member of its own: gunzip reads one after the other.
      await appendPart(book.path, await gzipped(book.lines.join("")), !book.isBegun);
      book.isBegun = true;
      book.lines = [];
    }
    held = 0;
  };
  for await (const { events, positions } of logs.facts.read(partition, from, { to })) {
    for (let i = 0; i < events.length; i++) {
      const fact = events[i] as Fact;
      const line = `[${positions[i]},${text.write(fact)}]\n`;
      const book = bookOf(fact);
      book.lines.push(line);
      book.facts += 1;
      held += line.length;
    }
    facts += events.length;
    if (held > HELD) await flush();
    await pause();
    if (stop.aborted) return undefined;
  }
  for (const { lines, facts: n } of books.values()) lines.push(`${JSON.stringify({ facts: n } satisfies Foot)}\n`);
  await flush();
  for (const { path } of books.values()) await place(path);
  for (const camera of cameras.values()) await takeBases(taking, camera);
  return facts;
};

/** Those that stand among what was taken. */
const takeBases = async ({ folder, logs, from, to }: Taking, camera: CameraKey): Promise<void> => {
  for (let at = Number.MAX_SAFE_INTEGER; ; ) {
    const base: Base | undefined = await logs.baseBefore(camera, at);
    if (base === undefined || base.position < from) return;
    at = base.at - 1;
    if (base.position >= to) continue;
    const path = join(cameraFolder(folder, camera), baseFile(base.position));
    await appendPart(path, await gzipped(JSON.stringify(base satisfies Base & Json)), true);
    await place(path);
  }
};
