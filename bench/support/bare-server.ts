/**
 * What the least server would do that keeps what it is sent: takes a body, appends it to a file, answers when the disk has it.
 * Bodies that come while the disk is busy share the next write and fsync. Arguments: the file. Prints its port.
 */
import { open } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("usage: bare-server <file>");
const file = await open(path, "a");

let waiting: { readonly body: Buffer; readonly done: () => void }[] = [];
let writing = false;
const writeAll = async (): Promise<void> => {
  writing = true;
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    await file.writev(group.map(({ body }) => body));
    await file.datasync();
    for (const { done } of group) done();
  }
  writing = false;
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const done = (): void => {
      const answer = '{"accepted":1}';
      response.writeHead(202, { "content-type": "application/json", "content-length": answer.length }).end(answer);
    };
    waiting.push({ body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), done });
    if (!writing) void writeAll();
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit(0));
