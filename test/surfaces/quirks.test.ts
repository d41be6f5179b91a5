import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const tests = new URL("..", import.meta.url);
/** Titles of the tests of one file, as they are written. */
const titlesOf = (file: string): readonly string[] => {
  const text = readFileSync(new URL(`${file}.test.ts`, tests), "utf8");
  return [...text.matchAll(/(?:\bit|\))\(\s*"([^"\n]+)"/g)].map(([, title]) => title as string);
};

/** The list at the head of a surface's routes: each quirk with the tests under it. */
const quirksOf = (surface: string) => {
  const head = readFileSync(new URL(`../api/${surface}/routes.ts`, tests), "utf8").split("*/")[0] ?? "";
  const [, ...entries] = head.split(/^ \* - /m);
  return entries.map((entry) => ({
    quirk: entry.split("\n")[0] ?? "",
    tests: [...entry.matchAll(/^ \* {3}([\w-]+\/[\w-]+): "([^"\n]+)"$/gm)].map(([, file = "", title = ""]) => ({ file, title })),
  }));
};

const surfaces = readdirSync(new URL("../api", tests), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

describe.each(surfaces)("%s", (surface) => {
  it("lists its quirks", () => expect(quirksOf(surface).length).toBeGreaterThan(5));

  it.each(quirksOf(surface))("locks: $quirk", ({ tests: locks }) => {
    expect(locks.length).toBeGreaterThan(0);
    for (const { file, title } of locks) expect(titlesOf(file)).toContain(title);
  });
});
