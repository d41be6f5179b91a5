/**
 * Loaded into every Node process of a run (`--import`): looks through what it prints, which tests catch before anybody outside could see it,
 * and through what its servers send. What it saw goes to a file of the process in the folder CANARY_SIGHTS, a line each.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { Socket } from "node:net";
import { join } from "node:path";
import { CANARY } from "../support/canary.ts";
import { formsOf, lookIn } from "./forms.ts";

/** A line of such a file: what was seen, or how many bytes were looked through since the line before. */
export type Inside = { readonly what: "printed" | "sent"; readonly form: string } | { readonly printed: number; readonly sent: number };

const OFTEN = 256 * 1024;

const start = (folder: string): void => {
  const forms = formsOf(CANARY);
  const path = join(folder, String(process.pid));
  let counted = { printed: 0, sent: 0 };
  const tell = (line: Inside): void => fs.appendFileSync(path, `${JSON.stringify(line)}\n`);
  const flush = (): void => {
    if (counted.printed + counted.sent > 0) tell(counted);
    counted = { printed: 0, sent: 0 };
  };
  const look = (what: "printed" | "sent", chunk: unknown, encoding?: unknown): void => {
    const bytes =
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" && Buffer.isEncoding(encoding) ? encoding : "utf8")
        : ArrayBuffer.isView(chunk)
          ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
          : undefined;
    if (bytes === undefined) return;
    counted[what] += bytes.length;
    for (const { form } of lookIn(bytes, forms).sights) tell({ what, form });
    if (counted.printed + counted.sent > OFTEN) flush();
  };

  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream) as (...all: unknown[]) => boolean;
    stream.write = ((...all: unknown[]) => {
      look("printed", all[0], all[1]);
      return write(...all);
    }) as typeof stream.write;
  }
  // The journal writes to the descriptor itself.
  const isPrinted = (fd: unknown): boolean => fd === 1 || fd === 2;
  for (const name of ["write", "writeSync"] as const) {
    const write = fs[name] as (...all: unknown[]) => unknown;
    const watched = (...all: unknown[]): unknown => {
      if (isPrinted(all[0]))
        look(
          "printed",
          all[1],
          all.find((one) => typeof one === "string" && one !== all[1]),
        );
      return write(...all);
    };
    Object.assign(fs, { [name]: Object.assign(watched, write) });
  }
  // For those who import the functions by name.
  syncBuiltinESMExports();
  // Of Node's inside, but all that a socket sends goes through it. A socket that was accepted knows its server; what clients send is theirs to say.
  type Chunk = { readonly chunk: unknown; readonly encoding: unknown };
  type Sending = { server?: unknown; _writeGeneric(many: boolean, data: unknown, encoding: unknown, done: unknown): void };
  const socket = Socket.prototype as unknown as Sending;
  const generic = socket._writeGeneric;
  socket._writeGeneric = function (this: Sending, many, data, encoding, done) {
    if (this.server) for (const one of many ? (data as Chunk[]) : [{ chunk: data, encoding }]) look("sent", one.chunk, one.encoding);
    generic.call(this, many, data, encoding, done);
  };
  tell(counted);
  process.on("exit", flush);
  // Who is killed leaves his figures behind all the same.
  setInterval(flush, 1000).unref();
};

const folder = process.env.CANARY_SIGHTS;
if (folder !== undefined) start(folder);
