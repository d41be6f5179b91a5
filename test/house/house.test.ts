import { existsSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { metrics } from "../../domain/metrics.ts";
import { imports, type Room, read, roomOf, root, sources, tracked } from "./sources.ts";

const MAY_IMPORT: Record<Room, readonly Room[]> = {
  domain: [],
  analytics: ["domain"],
  projections: ["domain"],
  adapters: ["domain"],
  ingest: ["domain"],
  api: ["domain", "projections"],
};
/** Math that gives the same bits in every engine. */
const MATH = /\bMath\.(?!(?:floor|ceil|round|trunc|abs|min|max|sqrt|imul)\b)\w+/;
const IMPURE = [
  /\bDate\.now\b/,
  /\bnew Date\(\s*\)/,
  MATH,
  /\blocaleCompare\b/,
  /\bsetTimeout\b/,
  /\bsetInterval\b/,
  /\bprocess\./,
  /\bperformance\b/,
];
const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");

describe("the house", () => {
  it("is looked at as a whole", () => {
    expect(sources().length).toBeGreaterThan(40);
  });

  it("has no arrow that the plan does not have", () => {
    const wrong: string[] = [];
    for (const path of sources()) {
      const room = roomOf(path);
      if (room === undefined) continue;
      for (const target of imports(read(path))) {
        if (!target.startsWith(".")) continue;
        const to = roomOf(posix.join(posix.dirname(path), target));
        if (to === undefined || (to !== room && !MAY_IMPORT[room].includes(to))) wrong.push(`${path} -> ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("keeps its pure rooms free of packages, clocks, chance and the platform", () => {
    const wrong: string[] = [];
    for (const path of sources()) {
      const room = roomOf(path);
      if (room !== "domain" && room !== "analytics") continue;
      const text = read(path);
      for (const target of imports(text))
        if (!target.startsWith(".") && !(room === "analytics" && target === "rxjs")) wrong.push(`${path} imports ${target}`);
      for (const pattern of IMPURE) if (pattern.test(withoutComments(text))) wrong.push(`${path} has ${pattern}`);
    }
    expect(wrong).toEqual([]);
  });

  it("has no file over 400 lines", () => {
    expect(sources().filter((path) => read(path).split("\n").length > 401)).toEqual([]);
  });

  it("has no file whose name says nothing", () => {
    expect(sources().filter((path) => /(^|\/)(utils?|helpers?|misc|common|manager|service|handler)(\.|\/|$)/i.test(path))).toEqual([]);
  });

  it("reads the environment in config.ts only", () => {
    expect(
      sources().filter((path) => !/^(config|main|vitest\.config)\.ts$/.test(path) && /process\.env/.test(withoutComments(read(path)))),
    ).toEqual([]);
  });

  it("names an adapter in the composition root and adapters/open.ts only", () => {
    const allowed = new Set(["main.ts", "compose.ts", "serve.ts"]);
    const wrong = sources().filter(
      (path) =>
        roomOf(path) !== "adapters" &&
        !allowed.has(path) &&
        imports(read(path)).some((target) => posix.join(posix.dirname(path), target).startsWith("adapters/")),
    );
    expect(wrong).toEqual([]);
  });

  it("lists every limit with its default in docs/limits.md", () => {
    const text = read("docs/limits.md");
    const missing = Object.entries(limits).filter(
      ([name, value]) => !new RegExp(`\\|\\s*\`${name}\`\\s*\\|\\s*${value}\\s*\\|`).test(text),
    );
    expect(missing).toEqual([]);
  });

  it("lists every metric in docs/operations.md", () => {
    const text = read("docs/operations.md");
    expect(Object.keys(metrics).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  it("has no link in its documents that leads nowhere", () => {
    const wrong: string[] = [];
    for (const path of tracked().filter((file) => file.endsWith(".md")))
      for (const match of read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
        const target = posix.join(posix.dirname(path), match[1] as string);
        if (!existsSync(root + target)) wrong.push(`${path} -> ${match[1]}`);
      }
    expect(wrong).toEqual([]);
  });

  it("switches no test off and leaves none alone", () => {
    const pattern = new RegExp(`\\.(${["skip", "todo", "only"].join("|")})\\(`);
    expect(tracked().filter((path) => /^test\/.*\.ts$/.test(path) && pattern.test(read(path)))).toEqual([]);
  });
});
