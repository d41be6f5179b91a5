/**
 * Writes down, on purpose, what now follows from the recorded facts: `node test/histories/record.ts`. Run it when a rule has changed
 * its meaning, read the difference, and say it in the changelog. `--facts` also makes the facts anew, out of the little world.
 */
import { mkdir, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import type { Fact } from "../../domain/event.ts";
import { ALERTS, MISHAPS, PLACES, silent, type Tally, tell } from "../laws/laws.ts";
import { factsOf, worlds } from "../support/world.ts";
import { derivedFile, derivedText, FOLDER, factsFile, histories, readFacts, ZONES_FILE } from "./history.ts";

const KINDS = [...ALERTS, ...PLACES, ...MISHAPS];

/** A few short ones that together say everything there is to say. */
const chosen = (): readonly (readonly Fact[])[] => {
  const candidates = fc.sample(worlds, { numRuns: 600, seed: 20_260_103 }).map((world) => {
    const facts = factsOf(world);
    const memory = createMemory();
    const tally: Tally = new Map();
    tell(
      tally,
      facts.flatMap((fact) => derive(memory, fact)),
    );
    return { facts, tally, length: JSON.stringify(facts).length };
  });
  const picked: (readonly Fact[])[] = [];
  let open: readonly string[] = KINDS;
  while (open.length > 0) {
    const value = ({ tally, length }: (typeof candidates)[number]): number =>
      (open.length - silent(tally, open).length) / Math.sqrt(length);
    const best = candidates.reduce((one, other) => (value(other) > value(one) ? other : one));
    if (value(best) === 0) throw new Error(`no world tells of ${open.join(", ")}`);
    picked.push(best.facts);
    open = silent(best.tally, open);
  }
  return picked;
};

/** The shortest one in which all comes together: decisions in the middle, time that passes at a silent camera, a lost camera, late frames. */
const eventful = (): readonly Fact[] => {
  const rich = fc.sample(worlds, { numRuns: 6000, seed: 20_260_104 }).flatMap((world) => {
    const facts = factsOf(world);
    const from = facts.findIndex(({ kind }) => kind === "frame");
    const to = facts.findLastIndex(({ kind }) => kind === "frame");
    const middle = facts.slice(from, to);
    let late = 0;
    const memory = createMemory();
    const watch = { late: () => late++, clockReset: () => undefined };
    const told = facts.flatMap((fact) => derive(memory, fact, watch));
    const has = (kind: Fact["kind"]): boolean => middle.some((fact) => fact.kind === kind);
    const isRich = has("definition") && has("heartbeat") && has("camera-state") && late > 0;
    const alerts = told.filter(({ kind }) => kind === "alert").length;
    return isRich && alerts >= 5 ? [{ facts, length: JSON.stringify(facts).length }] : [];
  });
  const shortest = rich.reduce((one, other) => (other.length < one.length ? other : one));
  return shortest.facts;
};

await mkdir(FOLDER, { recursive: true });
const linesOf = (facts: readonly Fact[]): string => facts.map((fact) => `${JSON.stringify(fact)}\n`).join("");
if (process.argv.includes("--facts")) {
  for (const [i, facts] of chosen().entries()) await writeFile(factsFile(`world-${i + 1}`), linesOf(facts));
  await writeFile(factsFile("eventful"), linesOf(eventful()));
}
for (const name of await histories()) await writeFile(derivedFile(name), derivedText(await readFacts(name)));
await writeFile(ZONES_FILE, `${JSON.stringify({ tz: process.versions.tz })}\n`);
