/** Every example in a doc comment of an operator, and that of the backtest, is run, and must print what it says it prints. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const OPERATORS = join(import.meta.dirname, "../../analytics/operators");
/** Beside the tests, so that an example's imports are those a reader would write two folders down. */
const FOLDER = join(import.meta.dirname, `../examples-${process.pid}`);

type Example = { readonly file: string; readonly code: string; readonly prints: readonly string[] };

const examplesIn = (file: string, folder = OPERATORS): readonly Example[] =>
  [...readFileSync(join(folder, file), "utf8").matchAll(/@example\s*\n\s*\* ```ts\n([\s\S]*?)\n\s*\* ```/g)].map(([, block]) => {
    const code = (block as string).replaceAll(/^ *\* ?/gm, "");
    const [, printed = ""] = /\bprint\b.*; \/\/ (.*)$/m.exec(code) ?? [];
    return { file, code, prints: printed.split(", ") };
  });

const files = readdirSync(OPERATORS).filter((file) =>
  /export const \w+ = \([^)]*\)[^=]*OperatorFunction/.test(readFileSync(join(OPERATORS, file), "utf8")),
);
const examples = [...files.flatMap((file) => examplesIn(file)), ...examplesIn("backtest.ts", join(OPERATORS, ".."))];

describe("the examples of the operators", () => {
  beforeAll(() => mkdirSync(FOLDER, { recursive: true }));
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

  it("are there for every operator", () => {
    const operators = files.filter((file) => file !== "alerts.ts");
    expect(operators.length).toBeGreaterThanOrEqual(8);
    expect(examples.map(({ file }) => file)).toContain("backtest.ts");
    expect(operators.filter((file) => !examples.some((example) => example.file === file))).toEqual([]);
  });

  it.each(examples)("of $file prints what it says", async ({ file, code, prints }) => {
    const lines = code.split("\n");
    const imports = lines.filter((line) => line.startsWith("import "));
    const body = lines.filter((line) => !line.startsWith("import "));
    const path = join(FOLDER, `${file.replace(".ts", "")}.example.ts`);
    writeFileSync(
      path,
      [...imports, "export const example = async (print: (line: unknown) => void): Promise<void> => {", ...body, "};", ""].join("\n"),
    );
    const { example } = (await import(path)) as { example: (print: (line: unknown) => void) => Promise<void> };
    const printed: string[] = [];
    await example((line) => printed.push(String(line)));
    expect(prints).not.toEqual([""]);
    expect(printed).toEqual(prints);
  });
});
