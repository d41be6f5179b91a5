import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const here = new URL(".", import.meta.url);
const titles = readdirSync(here)
  .filter((name) => name.endsWith(".test.ts") && name !== "quirks.test.ts")
  .map((name) => readFileSync(new URL(name, here), "utf8"))
  .join("\n");
const head = readFileSync(new URL("../../api/emdx/routes.ts", here), "utf8").split("*/")[0] ?? "";
const quirks = [...head.matchAll(/^ \* - .*\[(.+)\]$/gm)].map(([, name]) => name as string);

it("lists quirks", () => expect(quirks.length).toBeGreaterThan(5));
it.each(quirks)("locks the quirk: %s", (quirk) => expect(titles).toContain(`[${quirk}]`));
