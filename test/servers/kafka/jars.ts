/** Apache Kafka's jars from Maven Central, fetched once into node_modules/.cache; and what a machine lacks for that. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const POM = fileURLToPath(new URL("pom.xml", import.meta.url));
const pom = readFileSync(POM, "utf8");
const VERSION = /<version>([\d.]+\.\d+)<\/version>/.exec(pom)?.[1];
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/tallywire", import.meta.url));
const LIB = join(CACHE, `kafka-${VERSION}-${createHash("sha256").update(pom).digest("hex").slice(0, 8)}`);
const OLDEST_JAVA = 17;

/** What a program prints, or undefined where there is no such program. */
const saidBy = (program: string, args: readonly string[]): Promise<string | undefined> =>
  run(program, args).then(
    ({ stdout, stderr }) => stdout + stderr,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    },
  );

/** Why no broker can be started here; undefined where one can. */
export const whyNoKafka = async (): Promise<string | undefined> => {
  const java = await saidBy("java", ["-version"]);
  if (java === undefined) return "there is no `java` on the path";
  const version = Number(/version "(\d+)/.exec(java)?.[1]);
  if (!(version >= OLDEST_JAVA)) return `Kafka ${VERSION} needs Java ${OLDEST_JAVA}, \`java\` is ${version}`;
  if (existsSync(LIB)) return undefined;
  return (await saidBy("mvn", ["-version"])) === undefined ? "there is no `mvn` on the path, and the jars are not in the cache" : undefined;
};

/** The class path of a broker. Two who ask at once both fetch; the folder appears only when it is whole. */
export const classPath = async (): Promise<string> => {
  if (!existsSync(LIB)) {
    await mkdir(CACHE, { recursive: true });
    const partial = await mkdtemp(join(CACHE, "kafka-"));
    await cp(POM, join(partial, "pom.xml"));
    await run("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${join(partial, "lib")}`], {
      cwd: partial,
    });
    await rename(join(partial, "lib"), LIB).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // Another was first.
    });
    await rm(partial, { recursive: true, force: true });
  }
  return join(LIB, "*");
};
