/** A recorded history: the facts of one camera, and all that followed from them when it was recorded, one JSON a line. */
import { readdir, readFile } from "node:fs/promises";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import type { Fact } from "../../domain/event.ts";

export const FOLDER = new URL("./recorded/", import.meta.url).pathname;
export const factsFile = (name: string): string => `${FOLDER}${name}.facts.ndjson`;
export const derivedFile = (name: string): string => `${FOLDER}${name}.derived.ndjson`;
/** The zone data that schedules were judged by: a law of one version of it. */
export const ZONES_FILE = `${FOLDER}zones.json`;

export const histories = async (): Promise<readonly string[]> =>
  (await readdir(FOLDER))
    .filter((name) => name.endsWith(".facts.ndjson"))
    .map((name) => name.replace(/\.facts\.ndjson$/, ""))
    .sort();

export const readFacts = async (name: string): Promise<readonly Fact[]> =>
  (await readFile(factsFile(name), "utf8"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Fact);

/** Everything that follows, as it is written down. */
export const derivedText = (facts: readonly Fact[]): string => {
  const memory = createMemory();
  return facts
    .flatMap((fact) => derive(memory, fact))
    .map((event) => `${JSON.stringify(event)}\n`)
    .join("");
};
