import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import type { Derived } from "../../domain/event.ts";
import { ALERTS, MISHAPS, PLACES, silent, type Tally, tell } from "../laws/laws.ts";
import { derivedFile, derivedText, histories, readFacts, ZONES_FILE } from "./history.ts";

const names = await histories();
const zones = JSON.parse(await readFile(ZONES_FILE, "utf8")) as { readonly tz: string };
const hint = `re-record on purpose with test/histories/record.ts (recorded with zone data ${zones.tz}, here ${process.versions.tz})`;

describe("recorded histories", () => {
  it.each(names)("%s gives what it gave when it was recorded, byte for byte", async (name) => {
    expect(derivedText(await readFacts(name)), hint).toBe(await readFile(derivedFile(name), "utf8"));
  });

  it("tell of every kind of alert, place and mishap between them", async () => {
    const tally: Tally = new Map();
    for (const name of names) {
      const lines = (await readFile(derivedFile(name), "utf8")).split("\n").filter((line) => line !== "");
      tell(
        tally,
        lines.map((line) => JSON.parse(line) as Derived),
      );
    }
    expect(silent(tally, [...ALERTS, ...PLACES, ...MISHAPS])).toEqual([]);
  });
});
