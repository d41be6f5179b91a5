/** Shows the canary on purpose, in every way that must be noticed: what a run is tried on before it is believed. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { zstdCompressSync } from "node:zlib";
import { CANARY } from "../support/canary.ts";
import { formsOf } from "./forms.ts";
import { ON_PURPOSE } from "./processes.ts";

const folder = join(tmpdir(), "planted", "deep");
mkdirSync(folder, { recursive: true });
const around = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from("before "), bytes, Buffer.from(" after")]);
for (const { name, bytes } of formsOf(CANARY)) writeFileSync(join(folder, name), around(bytes));
// As somebody else would encode it, with other text before and after.
for (const before of ["", "a", "ab"])
  writeFileSync(join(folder, `encoded-${before.length}`), Buffer.from(`${before}${CANARY}: and more`).toString("base64"));
writeFileSync(join(folder, "squeezed"), around(zstdCompressSync(Buffer.from(`${"much the same, ".repeat(99)}${CANARY}`))));
// Far inside of a file, and far behind a hole.
writeFileSync(join(folder, "large"), Buffer.concat([Buffer.alloc(9_000_000, "x"), Buffer.from(CANARY), Buffer.alloc(5_000_000, "y")]));
truncateSync(join(folder, "large"), 200_000_000);
writeFileSync(join(folder, "hole"), "");
truncateSync(join(folder, "hole"), 50_000_000);
writeFileSync(join(folder, "hole"), CANARY, { flag: "a" });

console.log(`a line with ${CANARY} in it`);
// Caught by who starts it, as the tests do with servers: nobody outside sees what it prints.
const caught = spawn(process.execPath, ["-e", "process.stderr.write(process.env.WORD)"], {
  env: { ...process.env, WORD: CANARY },
  stdio: "pipe",
});
const shown = spawn(process.execPath, ["-e", "setTimeout(() => {}, 400)", CANARY, ON_PURPOSE], { stdio: "ignore" });
const server = createServer((socket) => socket.end(`an answer with ${CANARY}`));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };
await new Promise<void>((resolve) => connect(port, "127.0.0.1").on("close", resolve).resume());
server.close();
await Promise.all([caught, shown].map((child) => new Promise((resolve) => child.on("exit", resolve))));

// Found once while it was empty; what is written afterwards is removed at once.
const late = join(folder, "late");
writeFileSync(late, "");
await sleep(3000);
writeFileSync(late, CANARY);
rmSync(late);
