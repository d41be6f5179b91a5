import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Crawled, crawl } from "./crawl.ts";
import { type Guarded, startGuarded } from "./guarded-server.ts";
import { beta, own } from "./mirror.ts";
import { sightsIn, wanted } from "./sightings.ts";

/** Of what `npm run crawl` asks. */
const SHARE = 0.003;

describe("two tenants with the same data and the same ids", () => {
  let data: string;
  let server: Guarded;
  let crawled: Crawled;
  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "tallywire-crawl-"));
    server = await startGuarded(data);
    crawled = await crawl(server, { share: SHARE, directions: 1 });
  }, 600_000);
  afterAll(async () => {
    await server.stop();
    await rm(data, { recursive: true, force: true });
  });

  it("see nothing of each other in any answer, and on no socket", () => {
    expect(crawled.seen, crawled.seen.join("\n")).toEqual([]);
    for (const [surface, operations] of crawled.operations) expect(crawled.requests.get(surface), surface).toBeGreaterThan(operations);
    expect(Math.min(...["emdx", "myvms"].map((surface) => crawled.messages.get(surface) ?? 0))).toBeGreaterThan(0);
  });

  it("are told of the other's ids what they are told of nobody's, and keep what is theirs when the other writes", () => {
    // Texts, and as the message: a list would be shown without what is in it.
    expect(crawled.faults, crawled.faults.join("\n")).toEqual([]);
    expect(server.errors, server.errors.join("\n")).toEqual([]);
  });

  it("see what is theirs, and would see the other's where it were shown", () => {
    expect(crawled.shown).toBeGreaterThan(30);
    expect(crawled.planted).toBeGreaterThan(20);
  });
});

describe("a mark", () => {
  const word = "0b9a1c2d-0000-5000-8000-00000000abcd";
  const looked = wanted(beta, new Set([word]));
  const title = own(beta, "title");

  it("is seen in a text, encoded, in a cursor, as a tenant's name and as an id that only the other was given", () => {
    const texts = [
      `{"name":"${title}"}`,
      `{"next":"${Buffer.from(`..${title}..`).toString("base64url")}"}`,
      Buffer.from(title).toString("hex"),
      '{"tenant_id":"beta"}',
      `{"id":"${word}"}`,
    ];
    for (const text of texts) expect(sightsIn(text, looked), text).not.toEqual([]);
    expect(sightsIn('{"name":"title.albatross","tenant_id":"alpha"}', looked)).toEqual([]);
  });

  it("is not what a caller said himself, but is anything beside that", () => {
    const sent = [own(beta, "cam")];
    expect(sightsIn(`There is no ${own(beta, "cam")}.`, looked, { sent })).toEqual([]);
    expect(sightsIn(`There is no ${own(beta, "cam")}, called ${title}.`, looked, { sent })).not.toEqual([]);
  });

  it("of a tenant's name may stand in what operators are told, no other may", () => {
    expect(sightsIn('{tenant="beta"}', looked, { isOperators: true })).toEqual([]);
    expect(sightsIn(`{camera="${title}"}`, looked, { isOperators: true })).not.toEqual([]);
  });
});
