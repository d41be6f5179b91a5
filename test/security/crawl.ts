/** The whole crawl: two tenants with the same data, each looked for in all that the other is told. */

import { changesBetween, crawlReads, goodAnswers, stateOf, type Trying } from "./crawl-reads.ts";
import { crawlSockets, cursorsOf } from "./crawl-sockets.ts";
import { crawlWrites } from "./crawl-writes.ts";
import { Crawler, type Found, nothingFound } from "./crawler.ts";
import { type Operation, operationsIn, readDocuments } from "./documents.ts";
import { furnish, positionOf } from "./furnish.ts";
import type { Guarded } from "./guarded-server.ts";
import { alpha, BEGIN, beta, framesOf, neverShown, own, ownIds, ownTexts, type Tenant } from "./mirror.ts";
import { type Given, textsFor } from "./pool.ts";
import { requestOf } from "./requests.ts";
import { textOf, wanted, wordsIn } from "./sightings.ts";

export type Crawled = Found & {
  /** Operations by document. */
  readonly operations: ReadonlyMap<string, number>;
  /** Marked texts that their own tenant was shown: so many could have been seen by the other. */
  readonly shown: number;
  /** Answers in which a planted mark was seen: asked with the other's token. */
  readonly planted: number;
};

/** What a tenant is told, of which the other must hear nothing. */
type Side = { readonly tenant: Tenant; readonly crawler: Crawler; after: string | undefined };

/** When frames come after the first, from BEGIN on: within what is asked for, and later than all before. */
const ROUNDS = [60_000, 120_000, 180_000] as const;

const words = async (
  side: Side,
  operations: readonly Operation[],
): Promise<{ readonly text: string; readonly cursors: readonly string[] }> => {
  const few = await goodAnswers(side.crawler, operations, side.after, "1");
  const all = await goodAnswers(side.crawler, operations, side.after);
  const text = [...few.values(), ...all.values()].flat().map(textOf).join("\n");
  const links = [...few.values()]
    .flat()
    .map(({ headers, body }) => /cursor=([\w-]+)/.exec(headers.link ?? "")?.[1] ?? /"next":"([\w-]+)"/.exec(String(body))?.[1]);
  const sockets = await cursorsOf(side.crawler, operations);
  const cursors = [
    ...new Set([links.find((link) => link !== undefined), links.findLast((link) => link !== undefined), ...sockets, side.after]),
  ];
  return { text, cursors: cursors.filter((cursor) => cursor !== undefined) };
};

const givenTo = (mine: Awaited<ReturnType<typeof words>>, others: Awaited<ReturnType<typeof words>>): Given => {
  const theirs = new Set(wordsIn(others.text));
  return { cursors: mine.cursors, words: new Set([...wordsIn(mine.text), ...mine.cursors].filter((word) => !theirs.has(word))) };
};

/** What stands at the root and belongs to no document, and what is not there at all. */
const crawlRoot = async (crawler: Crawler, operations: readonly Operation[], foreign: Tenant): Promise<void> => {
  const surfaces = [...new Set(operations.map(({ surface }) => surface))];
  const headers = { authorization: `Bearer ${crawler.token}` };
  const id = own(foreign, "cam");
  const paths = ["/", "/healthz", "/readyz", "/metrics", ...surfaces.flatMap((name) => [`/openapi/${name}.json`, `/reference/${name}`])];
  for (const target of paths) crawler.look(target, textOf(await crawler.server.call({ method: "GET", target, headers })), [], true);
  for (const { bases, path } of operations)
    for (const method of ["PUT", "OPTIONS", "TRACE"])
      await crawler.ask("errors", { method, target: bases[0] + path.replaceAll(/\{\w+\}/g, id), headers }, [id]);
  for (const target of [`/v2/api/cameras/${id}/nothing`, `/api/v2/${id}`, `/${id}`, `/api/v1/${id}`])
    await crawler.ask("errors", { method: "GET", target, headers }, [id]);
};

/** That what is looked for would be seen: the same reads, by mistake with the other's token. */
const plant = async (server: Guarded, crawling: Side, other: Side, operations: readonly Operation[], given: Given): Promise<number> => {
  const found = nothingFound();
  const mistaken = new Crawler(server, crawling.tenant, found, wanted(other.tenant, given.words), other.crawler.token);
  const surfaces = new Set(operations.map(({ surface }) => surface));
  await goodAnswers(mistaken, operations);
  for (const surface of surfaces)
    if (
      !operations.some(
        (operation) =>
          operation.surface === surface && found.seen.some((sight) => sight.includes(` ${requestOf(operation, undefined, {}).target}`)),
      )
    )
      throw new Error(`of ${surface} nothing was seen where it was shown on purpose`);
  return new Set(found.seen.map((sight) => sight.split(" in ")[1])).size;
};

type Told = Awaited<ReturnType<typeof words>>;
type Direction = {
  readonly crawling: Side;
  readonly other: Side;
  readonly crawler: Crawler;
  readonly trying: Trying;
  readonly begin: number;
};

/** Reads and sockets: they change nothing that is asked for. */
const look = async ({ crawling, other, crawler, trying, begin }: Direction, othersCursors: readonly string[]): Promise<void> => {
  const { operations } = trying;
  await crawlReads(crawler, trying);
  await crawlRoot(crawler, operations, other.tenant);
  const seen = await crawlSockets(crawler, other.crawler, { operations, begin, othersCursors });
  // What is compared from now on has these frames in it, and what followed from them.
  crawling.after = seen.own;
  other.after = seen.others;
  for (const side of [crawling, other]) await stateOf(side.crawler, operations, side.after);
};

/** Everything is written, changed, removed; what is the other's stays as it was. */
const change = async ({ crawling, other, crawler, trying }: Direction, found: Found): Promise<void> => {
  const { operations } = trying;
  const before = await stateOf(other.crawler, operations, other.after);
  const written = await crawlWrites(crawler, { ...trying, foreign: other.tenant });
  // All that was written, and what follows from it, has been through.
  await stateOf(crawler, operations, written);
  const changes = changesBetween(before, await stateOf(other.crawler, operations, other.after));
  found.faults.push(...changes.map((one) => `${other.tenant.name}'s own, by what ${crawling.tenant.name} wrote: ${one}`));
};

/** `share` of all requests that could be made, from 0 to 1. `directions`: 1 as alpha only, 2 then as beta too. */
type Extent = { readonly share: number; readonly directions: 1 | 2 };

export const crawl = async (server: Guarded, { share, directions }: Extent): Promise<Crawled> => {
  const found = nothingFound();
  const operations = operationsIn(await readDocuments(server.url));
  const sideOf = (tenant: Tenant): Side => ({ tenant, crawler: new Crawler(server, tenant, found), after: undefined });
  const [a, b] = [sideOf(alpha), sideOf(beta)];
  a.after = await furnish(a.crawler, operations);
  const alone = await stateOf(a.crawler, operations, a.after);
  b.after = await furnish(b.crawler, operations);
  const toldB = await words(b, operations);
  const toldA = await words(a, operations);
  const together = changesBetween(alone, await stateOf(a.crawler, operations, a.after));
  found.faults.push(...together.map((one) => `alpha's own, since beta is there: ${one}`));

  const shownTo = ({ tenant }: Side, { text }: Told): number => {
    const texts = [...ownIds(tenant), ...ownTexts(tenant)].filter((one) => !neverShown(tenant).includes(one));
    const missing = texts.filter((one) => !text.includes(one));
    found.faults.push(...missing.map((one) => `${one} is shown to nobody, not even to whose it is`));
    return texts.length - missing.length;
  };
  const directionOf = (crawling: Side, other: Side, mine: Told, others: Told, round: number): Direction => {
    const given = givenTo(others, mine);
    const crawler = new Crawler(server, crawling.tenant, found, wanted(other.tenant, given.words));
    const texts = textsFor(crawling.tenant, givenTo(mine, others), other.tenant, given);
    return { crawling, other, crawler, trying: { operations, texts, otherName: other.tenant.name, share }, begin: BEGIN + round };
  };
  const asA = directionOf(a, b, toldA, toldB, ROUNDS[0]);
  const asB = directionOf(b, a, toldB, toldA, ROUNDS[1]);
  const planted =
    (await plant(server, a, b, operations, givenTo(toldB, toldA))) + (await plant(server, b, a, operations, givenTo(toldA, toldB)));
  await look(asA, toldB.cursors);
  if (directions === 2) await look(asB, toldA.cursors);
  await change(asA, found);
  if (directions === 2) {
    // It has removed what it had: it is to have something again that could be changed.
    await furnish(a.crawler, operations);
    const again = framesOf(alpha, BEGIN + ROUNDS[2]);
    const answer = await a.crawler.ask("emdx", { ...again, headers: { ...again.headers, authorization: `Bearer ${a.crawler.token}` } });
    a.after = positionOf(answer);
    await change(asB, found);
  }

  const counts = new Map<string, number>();
  for (const { surface } of operations) counts.set(surface, (counts.get(surface) ?? 0) + 1);
  return { ...found, operations: counts, shown: shownTo(a, toldA) + shownTo(b, toldB), planted };
};
