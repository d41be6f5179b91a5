/** What only the LMDB store promises: one owner, damage that is found, kill -9. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { open } from "lmdb";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import type { Decision } from "../../domain/ports.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tallywire-store-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const decision = (n: number): Decision => ({ id: randomUUID(), type: "tested", data: n, at: 1 });

test("a directory belongs to one opener", async () => {
  const store = await openLmdbStore({ dir });
  await expect(openLmdbStore({ dir })).rejects.toMatchObject({ code: "in-use" });
  await store.close();
  await (await openLmdbStore({ dir })).close();
});

test("a corrupt decision is reported with its place and what to do, by reading and by following, and is never skipped", async () => {
  const store = await openLmdbStore({ dir });
  for (const n of [0, 1, 2]) await store.append("s", n, [decision(n)]);
  await store.append("t", 0, [decision(3)]);
  await store.close();
  const root = open<Buffer, string | number>({ path: dir, maxDbs: 8, encoding: "binary", overlappingSync: false });
  const events = root.openDB<Buffer, string | number>({ name: "events", encoding: "binary" });
  const stored = Buffer.from(events.getBinary(1) as Buffer);
  stored.writeUInt8(stored.readUInt8(60) ^ 1, 60);
  await events.put(1, stored);
  await root.close();

  const again = await openLmdbStore({ dir });
  const reading = again.read("s");
  await expect(reading).rejects.toMatchObject({ code: "corrupt", retryable: false });
  await expect(reading).rejects.toThrow(`Record events/1 in ${join(dir, "data.mdb")} is corrupt`);
  await expect(reading).rejects.toThrow("restore it from a copy");
  await expect(again.follow(0)[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "corrupt" });
  expect((await again.read("t")).length).toBe(1);
  await again.close();
});

test("kill -9 takes nothing that was acknowledged and parts no append", async () => {
  const script = `
    import { writeSync } from "node:fs";
    import { randomUUID } from "node:crypto";
    import { openLmdbStore } from ${JSON.stringify(new URL("../../adapters/store-lmdb.ts", import.meta.url).href)};
    const store = await openLmdbStore({ dir: ${JSON.stringify(dir)} });
    for (;;) {
      const ids = [randomUUID(), randomUUID(), randomUUID()];
      const revision = await store.append("s", "any", ids.map((id) => ({ id, type: "tested", data: null, at: 1 })));
      writeSync(1, JSON.stringify({ ids, revision }) + "\\n");
    }`;
  const acknowledged: { readonly ids: readonly string[]; readonly revision: number }[] = [];
  for (const lines of [15, 40, 70]) {
    const writer = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    let seen = 0;
    for await (const line of createInterface({ input: writer.stdout })) {
      acknowledged.push(JSON.parse(line));
      if (++seen === lines) writer.kill("SIGKILL");
    }
    if (writer.exitCode === null && writer.signalCode === null) await once(writer, "exit");
    expect(writer.signalCode).toBe("SIGKILL");
    const store = await openLmdbStore({ dir });
    const read = await store.read("s");
    for (const { ids, revision } of acknowledged) expect(read.slice(revision - 3, revision).map(({ id }) => id)).toEqual(ids);
    expect(read.length % 3).toBe(0);
    await store.close();
  }
  expect(acknowledged.length).toBeGreaterThanOrEqual(125);
});
