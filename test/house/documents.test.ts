import { existsSync } from "node:fs";
import { posix } from "node:path";
import { describe, expect, it } from "vitest";
import { flags, readConfig, showConfig } from "../../config.ts";
import { limits } from "../../domain/limits.ts";
import { metrics } from "../../domain/metrics.ts";
import { comments, read, root, tracked } from "./sources.ts";

const written = tracked().filter((path) => path.endsWith(".md"));

/** The cells of every row of the table below a heading, as they read. */
const tableUnder = (text: string, heading: string): readonly (readonly string[])[] => {
  const [, section = ""] = text.split(`\n${heading}\n`);
  const lines = section.split(/\n#/)[0]?.split("\n") ?? [];
  const rows = lines.filter((line) => line.startsWith("|")).slice(2);
  return rows.map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};
const plain = (cell: string): string => cell.replaceAll("`", "");

/** Files a text speaks of: `domain/ids.ts`, `normalise.ts`, `gotchas.md`. */
const namesIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?<![\w./*<-])(?:[\w-]+\/)*[\w-]+(?:\.test|\.suite)?\.(?:ts|md)(?!\w)/g)].map(([name]) => name);

describe("the documents", () => {
  it("list every limit with its default", () => {
    const text = read("docs/limits.md");
    const missing = Object.entries(limits).filter(
      ([name, value]) => !new RegExp(`\\|\\s*\`${name}\`\\s*\\|\\s*${value}\\s*\\|`).test(text),
    );
    expect(missing).toEqual([]);
    expect(text.match(/^\| `/gm)).toHaveLength(Object.keys(limits).length);
  });

  it("list every metric as it is told, and no other", () => {
    const told = Object.entries(metrics).map(([name, { kind, help, labels }]) => [name, kind, labels.join(", ") || "—", help]);
    expect(tableUnder(read("docs/operations.md"), "## Metrics").map((row) => row.map(plain))).toEqual(told);
  });

  it("list every setting with its default and what it is, and no other", () => {
    const table = tableUnder(read("docs/operations.md"), "## Settings").map((row) => row.map(plain));
    const inForce = Object.entries(showConfig(readConfig({}))).map(([name, value]) => [name, value || "—"]);
    expect(table.map(([name, value]) => [name, value])).toEqual(inForce);
    // What may hold a secret has no flag, so only the others can be asked for their help.
    for (const { name, help } of flags) {
      const [, , words] = table.find(([setting]) => setting === `TALLYWIRE_${name}`) as readonly string[];
      expect(help).toMatch(new RegExp(`^${(words as string).replace(/[.*+?^${}()|[\]\\]/g, "\\$&")} \\(`));
    }
  });

  it("name every library the project is built on, and each of these is used", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<string, Record<string, string>>;
    const named = tableUnder(read("README.md"), "## Built on").flatMap(([library = ""]) =>
      library.replace(" (development)", "").split(", "),
    );
    const own = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => !name.startsWith("@types/"));
    expect([...named].sort()).toEqual([...own].sort());
    const code = tracked()
      .filter((path) => path.endsWith(".ts"))
      .map(read)
      .join("\n");
    const scripts = read("package.json");
    const commands: Readonly<Record<string, string>> = { "@biomejs/biome": "biome ci", typescript: "tsc -b", node: '"node ' };
    const unused = own.filter((name) => {
      const command = commands[name];
      return command === undefined ? !new RegExp(`(?:from |import\\()"${name}["/]`).test(code) : !scripts.includes(command);
    });
    expect(unused).toEqual([]);
  });

  it("name no command that is not there", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = written.flatMap((path) => [...read(path).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name as string));
    expect(named.length).toBeGreaterThan(5);
    expect([...new Set(named)].filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it("and the comments name no file that is not there", () => {
    const all = tracked();
    const isThere = (name: string): boolean => all.some((path) => path === name || path.endsWith(`/${name}`));
    const speaking = [
      ...written.map((path) => ({ path, text: read(path) })),
      ...all.filter((path) => path.endsWith(".ts")).map((path) => ({ path, text: comments(read(path)) })),
    ];
    expect(speaking.flatMap(({ text }) => namesIn(text)).length).toBeGreaterThan(60);
    // X stands for any rule there.
    const wrong = speaking.flatMap(({ path, text }) =>
      namesIn(text)
        .filter((name) => name !== "domain/rules/X.ts" && !isThere(name))
        .map((name) => `${path}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it("have no link that leads nowhere", () => {
    const wrong: string[] = [];
    for (const path of written)
      for (const match of read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g)) {
        const target = posix.join(posix.dirname(path), match[1] as string);
        if (!existsSync(root + target)) wrong.push(`${path} -> ${match[1]}`);
      }
    expect(wrong).toEqual([]);
  });
});
