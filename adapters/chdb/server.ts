/**
 * The embedded warehouse's process: chDB behind the part of ClickHouse's HTTP dialect that its stock client speaks,
 * on a private Unix socket. A native crash ends this process only. Arguments: data folder, socket, memory cap in bytes.
 *
 * Looks odd and must stay so:
 * - Settings go inline with their statement. A `SET` would stick: a deduplication token left behind makes later inserts vanish.
 * - One Session does one thing at a time, whatever it is. So there is one each for questions, definitions and inserts.
 * - Bound parameters race between Sessions in the library; it runs them one after another, and all of them go to one Session here.
 * - An orphan kills itself at once. What was answered is on the disk, and the next owner needs the folder's lock.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import { Session } from "chdb";
import { boundParams, type Statement, statementOf, textWithSettings } from "./dialect.ts";
import { removeSocket } from "./socket.ts";

/** The longest request line and headers: bucket edges travel in the address, as the stock client sends them. */
const HEADER_BYTES = 8 * 1024 * 1024;
const DATABASE = "tallywire";
const INSERTERS = 2;

const [dir, socketPath, memoryBytes] = process.argv.slice(2);
if (dir === undefined || socketPath === undefined || memoryBytes === undefined)
  throw new Error("usage: chdb-server <folder> <socket> <bytes>");

const orphaned = (): void => {
  removeSocket(socketPath);
  process.kill(process.pid, "SIGKILL");
};
process.on("disconnect", orphaned);
// The owner may have died while this process was being loaded: nobody listened for it then.
if (!process.connected) orphaned();
// A terminal's Ctrl-C reaches the whole group; the parent still has batches to bring in and closes us itself.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);

const configure = (): string => {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, "engine.xml");
  const settings = {
    max_server_memory_usage: memoryBytes,
    mark_cache_size: 64 * 1024 * 1024,
    index_mark_cache_size: 16 * 1024 * 1024,
    uncompressed_cache_size: 0,
    mmap_cache_size: 0,
  };
  const lines = Object.entries(settings).map(([name, value]) => `  <${name}>${value}</${name}>`);
  writeFileSync(path, `<clickhouse>\n${lines.join("\n")}\n</clickhouse>\n`);
  return path;
};

const open = (): Session[] => {
  const config = configure();
  return Array.from({ length: 2 + INSERTERS }, (_, i) => {
    const session = new Session(join(dir, "data"), { connectionArgs: [`--config-file=${config}`] });
    if (i === 0) session.query(`CREATE DATABASE IF NOT EXISTS ${DATABASE} ENGINE = Atomic`);
    session.query(`USE ${DATABASE}`);
    return session;
  });
};

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
};

const serve = (sessions: readonly Session[]) => {
  const [asking, defining, ...inserting] = sessions as [Session, Session, ...Session[]];
  let turn = 0;
  const nextInserter = (): Session => inserting[turn++ % inserting.length] as Session;

  const run = async (statement: Statement): Promise<Uint8Array | undefined> => {
    if (statement.kind === "insert") {
      await nextInserter().insert({
        table: statement.table,
        values: statement.rows,
        format: "JSONEachRow",
        settings: Object.fromEntries(statement.settings),
      });
      return undefined;
    }
    const text = textWithSettings(statement);
    const params = boundParams(statement);
    const how = { format: statement.format };
    if (Object.keys(params).length > 0) return (await asking.queryBindAsync(text, params, how)).bytes();
    return (await (statement.kind === "ask" ? asking : defining).queryAsync(text, how)).bytes();
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === "/ping") return void response.end("Ok.\n");
    try {
      const statement = statementOf(new URL(request.url ?? "/", "http://engine"), await bodyOf(request));
      const bytes = await run(statement);
      response.writeHead(200, { "content-type": "application/x-ndjson", "x-clickhouse-summary": "{}" }).end(bytes);
    } catch (error) {
      const { message, clickhouseCode } = error as Error & { readonly clickhouseCode?: number };
      // A statement this dialect does not know has no code of the engine's: 62 is its syntax error.
      const text = /^Code: \d+/.test(message) ? message : `Code: ${clickhouseCode ?? 62}. DB::Exception: ${message} (NOT_UNDERSTOOD)`;
      response.writeHead(500, { "x-clickhouse-exception-code": String(clickhouseCode ?? 62) }).end(text);
    }
  };
  return createServer(
    { maxHeaderSize: HEADER_BYTES, keepAliveTimeout: 0, requestTimeout: 0 },
    (request, response) => void answer(request, response),
  );
};

try {
  const sessions = open();
  const server = serve(sessions);
  process.on("message", (message) => {
    if (message !== "close") return;
    server.close();
    server.closeAllConnections();
    for (const session of sessions) session.close();
    process.off("disconnect", orphaned);
    process.exit(0);
  });
  server.listen(socketPath, () => process.send?.({ ready: true }));
} catch (error) {
  process.send?.({ ready: false, message: error instanceof Error ? error.message : String(error) }, () => process.exit(1));
}
