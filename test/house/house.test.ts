import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { metrics } from "../../domain/metrics.ts";
import { mutants } from "../mutants/mutants.ts";
import { imports, type Room, read, roomOf, sources, tracked } from "./sources.ts";

const MAY_IMPORT: Record<Room, readonly Room[]> = {
  domain: [],
  analytics: ["domain"],
  projections: ["domain"],
  adapters: ["domain"],
  ingest: ["domain"],
  video: ["domain"],
  jobs: ["domain"],
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

  it("has no files that import each other in a round in what is said to the outside", () => {
    const round = (path: string, above: readonly string[]): readonly string[] => {
      if (above.includes(path)) return [[...above.slice(above.indexOf(path)), path].join(" -> ")];
      if (passed.has(path)) return [];
      const rounds = imports(read(path))
        .filter((target) => target.startsWith("."))
        .map((target) => posix.join(posix.dirname(path), target))
        .filter((target) => roomOf(target) === "api")
        .flatMap((target) => round(target, [...above, path]));
      passed.add(path);
      return rounds;
    };
    const passed = new Set<string>();
    expect(sources().flatMap((path) => (roomOf(path) === "api" ? round(path, []) : []))).toEqual([]);
    expect(passed.size).toBeGreaterThan(20);
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
    const allowed = new Set(["main.ts", "compose.ts", "serve.ts", "open-data.ts"]);
    const wrong = sources().filter(
      (path) =>
        roomOf(path) !== "adapters" &&
        !allowed.has(path) &&
        imports(read(path)).some((target) => posix.join(posix.dirname(path), target).startsWith("adapters/")),
    );
    expect(wrong).toEqual([]);
  });

  it("keeps no limit and no metric that nothing heeds", () => {
    const code = sources()
      .filter((path) => path !== "domain/limits.ts" && path !== "domain/metrics.ts")
      .map((path) => withoutComments(read(path)))
      .join("\n");
    const names = [...Object.keys(limits), ...Object.keys(metrics)];
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });

  it("exports no value that nothing else uses", () => {
    const files = tracked()
      .filter((path) => path.endsWith(".ts"))
      .map((path) => ({ path, code: withoutComments(read(path)) }));
    const exported = files.flatMap(({ path, code }) =>
      [...code.matchAll(/^export (?:async )?(?:const|let|class|function\*?) (\w+)/gm)].map(([, name]) => ({ path, name: name as string })),
    );
    const unused = exported.filter(({ path, name }) => {
      const word = new RegExp(`\\b${name}\\b`);
      return !files.some((file) => file.path !== path && word.test(file.code));
    });
    expect(unused).toEqual([]);
  });

  it("says nothing of one machine, and leaves nothing for later", () => {
    const machine = ["work", "home", "tmp", "Users"].map((folder) => `/${folder}/`).join("|");
    const later = ["TO" + "DO", "FIX" + "ME", "HA" + "CK"].map((word) => `\\b${word}\\b`).join("|");
    const pattern = new RegExp(`${machine}|${later}`);
    const texts = tracked().filter((path) => /\.(?:ts|md|json)$|^\.ci\//.test(path) && path !== "package-lock.json");
    expect(texts.filter((path) => pattern.test(read(path)))).toEqual([]);
  });

  it("puts nothing in the place of its own parts in tests: a double is a fake that is written out", () => {
    const pattern = new RegExp(`\\bvi\\.(${["mock", "doMock", "fn", "hoisted"].join("|")})\\(`);
    expect(tracked().filter((path) => path.startsWith("test/") && path.endsWith(".ts") && pattern.test(read(path)))).toEqual([]);
  });

  it("can make every fault that the tests are to notice, and has the tests", () => {
    const cannot = mutants.filter(({ file, find }) => read(file).split(find).length !== 2).map(({ name }) => name);
    expect(cannot).toEqual([]);
    const isThere = (path: string): boolean => tracked().some((file) => file === path || file.startsWith(`${path}/`));
    expect(mutants.filter(({ tests }) => tests.length === 0 || !tests.every(isThere)).map(({ name }) => name)).toEqual([]);
  });

  it("switches no test off and leaves none alone", () => {
    const pattern = new RegExp(`\\.(${["skip", "todo", "only"].join("|")})\\(`);
    expect(tracked().filter((path) => /^test\/.*\.ts$/.test(path) && pattern.test(read(path)))).toEqual([]);
  });
});
