/**
 * Makes one fault after the other in a copy of the tree and runs the tests that must notice: `node test/mutants/run.ts [part of a name]`.
 * Exit 1 when a fault survives, when it cannot be made any more, or when the tests fail without one.
 */
import { spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Mutant, mutants } from "./mutants.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const LEFT_OUT = new Set(["node_modules", ".git", ".types", "data"]);

const copyOfTree = async (): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), "tallywire-mutants-"));
  for (const name of await readdir(ROOT)) if (!LEFT_OUT.has(name)) await cp(join(ROOT, name), join(copy, name), { recursive: true });
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
};

/** Whether the tests pass. A run that hangs has noticed, too. */
const pass = (tree: string, tests: readonly string[]): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    const child = spawn(process.execPath, [vitest, "run", "--bail", "1", ...tests], { cwd: tree, stdio: "ignore", timeout: 180_000 });
    child.on("error", reject);
    child.on("exit", (code) => resolve(code === 0));
  });

const trial = async (tree: string, { file, find, replace, tests }: Mutant): Promise<"noticed" | "SURVIVED" | "CANNOT BE MADE"> => {
  const path = join(tree, file);
  const source = await readFile(path, "utf8");
  if (source.split(find).length !== 2) return "CANNOT BE MADE";
  await writeFile(
    path,
    source.replace(find, () => replace),
  );
  try {
    return (await pass(tree, tests)) ? "SURVIVED" : "noticed";
  } finally {
    await writeFile(path, source);
  }
};

const chosen = mutants.filter(({ name }) => name.includes(process.argv[2] ?? ""));
const tree = await copyOfTree();
let bad = 0;
try {
  const tests = [...new Set(chosen.flatMap((mutant) => mutant.tests))];
  if (!(await pass(tree, tests))) {
    console.error(`Without any fault these fail already: ${tests.join(" ")}`);
    bad += 1;
  } else
    for (const mutant of chosen) {
      const answer = await trial(tree, mutant);
      if (answer !== "noticed") bad += 1;
      console.log(`${answer.padEnd(14)} ${mutant.name} (${mutant.file})`);
    }
} finally {
  await rm(tree, { recursive: true, force: true });
}
console.log(`${chosen.length - bad} of ${chosen.length} faults noticed`);
process.exit(bad === 0 ? 0 : 1);
