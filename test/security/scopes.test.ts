import { connect as dial } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { scopes } from "../../api/caller.ts";
import { read } from "../house/sources.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { type Served, serveCore } from "../support/surface.ts";
import { type Operation, operationsIn, pathWith, readDocuments } from "./documents.ts";
import { scopesText } from "./scopes-table.ts";

const tokens = new FakeTokens();
const only = new Map(scopes.map((scope) => [scope, tokens.give(`only-${scope}`, { scopes: new Set([scope]) })]));
const allBut = new Map(
  scopes.map((scope) => [scope, tokens.give(`all-but-${scope}`, { scopes: new Set(scopes.filter((each) => each !== scope)) })]),
);
const none = tokens.give("none", { scopes: new Set() });
const core = new FakeCore();
let served: Served;
let operations: readonly Operation[];
beforeAll(async () => {
  served = await serveCore(core, { tokens });
  operations = operationsIn(await readDocuments(served.url));
});
afterAll(() => served.close());

/** What the table in the docs says, route by route, read as a reader would. */
const rowsOfTable = (): readonly (readonly string[])[] =>
  read("docs/scopes.md")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );

type Answered = { readonly status: number; readonly challenge: string | null; readonly text: string };

const ask = async (operation: Operation, target: string, token: string | undefined): Promise<Answered> => {
  const answer = await fetch(served.url + target, {
    method: operation.method,
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    ...(operation.method === "GET" ? {} : { body: "{}" }),
  });
  return { status: answer.status, challenge: answer.headers.get("www-authenticate"), text: await answer.text() };
};

/** By hand: an upgrade that is refused is an HTTP answer, which a WebSocket does not show. */
const upgrade = async (target: string, token: string | undefined): Promise<Answered> => {
  const { hostname, port } = new URL(served.url);
  const socket = dial(Number(port), hostname);
  const head = await new Promise<string>((resolve, reject) => {
    socket.on("error", reject).on("data", (data) => resolve(data.toString()));
    socket.write(
      `GET ${target} HTTP/1.1\r\nhost: ${hostname}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${token === undefined ? "" : `authorization: Bearer ${token}\r\n`}\r\n`,
    );
  });
  socket.destroy();
  return {
    status: Number(head.split(" ")[1]),
    challenge: /^www-authenticate: (.*)$/im.exec(head)?.[1] ?? null,
    text: head.slice(head.indexOf("\r\n\r\n") + 4),
  };
};

const every = (operation: Operation): readonly ((token: string | undefined) => Promise<Answered>)[] =>
  operation.bases.flatMap((base) => {
    const target = base + pathWith({ ...operation, bases: [""] }, "cam-1");
    const plain = (token: string | undefined) => ask(operation, target, token);
    return operation.protocols === undefined ? [plain] : [plain, (token: string | undefined) => upgrade(target, token)];
  });

describe("the table of scopes", () => {
  it("is made from the documents, and is the one in docs/scopes.md", () => {
    expect(read("docs/scopes.md")).toBe(scopesText(operations));
    expect(rowsOfTable()).toHaveLength(operations.length);
    expect(operations.length).toBeGreaterThan(45);
  });

  it("lets a token with one scope in exactly where it says so, and names the scope elsewhere", { timeout: 60_000 }, async () => {
    const asked = { in: 0, out: 0 };
    const table = rowsOfTable();
    for (const [at, operation] of operations.entries()) {
      const [route = "", ...cells] = table[at] ?? [];
      expect(route).toContain(`${operation.bases[0]}${operation.path}\``);
      for (const call of every(operation)) {
        for (const [column, scope] of scopes.entries()) {
          const { status, challenge, text } = await call(only.get(scope));
          const name = `${route} with ${scope}`;
          if (cells[column] === "yes") {
            asked.in++;
            expect([401, 403], name).not.toContain(status);
          } else if (operation.scope !== undefined) {
            asked.out++;
            expect(status, name).toBe(403);
            expect(text, name).toContain(operation.scope);
            expect(challenge, name).toContain(`scope="${operation.scope}"`);
          }
        }
      }
    }
    expect(asked.in).toBeGreaterThan(operations.length);
    expect(asked.out).toBeGreaterThan(5 * operations.length);
  });

  it("keeps out a token with every scope but the one that is needed, one without any, and no token", async () => {
    for (const operation of operations.filter(({ scope }) => scope !== undefined)) {
      for (const call of every(operation)) {
        for (const token of [allBut.get(operation.scope as (typeof scopes)[number]), none]) {
          const refused = await call(token);
          expect([refused.status, refused.text], operation.name).toEqual([403, expect.stringContaining(operation.scope as string)]);
        }
        for (const token of [undefined, "unknown"]) {
          const refused = await call(token);
          expect([refused.status, refused.challenge], operation.name).toEqual([401, expect.stringMatching(/^Bearer realm=/)]);
        }
      }
    }
    expect(core.commands).toEqual([]);
    expect(core.states).toEqual([]);
  });

  it("has open routes answered without a token, and no others", async () => {
    const open = operations.filter(({ scope }) => scope === undefined);
    // Where the address itself is what opens, one that was made up opens nothing.
    const statusOf = ({ path }: Operation): number => (path.includes("{grant}") ? 404 : 200);
    for (const operation of open)
      for (const call of every(operation)) expect((await call(undefined)).status, operation.name).toBe(statusOf(operation));
    expect(open.map(({ name }) => name).sort()).toEqual([
      "GET /REST/local/hls/{grant}/{file}",
      "GET /health",
      "GET /health/ready",
      "GET /metrics",
    ]);
  });
});
