/** What the log says of recordings that do not go on. */
import { describe, expect, it } from "vitest";
import type { StreamState } from "../../domain/media.ts";
import type { Journal } from "../../domain/ports.ts";
import { createRecordingWords } from "../../video/recording-words.ts";

const stage = () => {
  const said: unknown[] = [];
  const tell = (level: string) => (about: object, message: string) => void said.push([level, about, message]);
  const [info, warn] = [tell("info"), tell("warn")];
  const journal: Journal = { debug: info, info, warn, error: warn, fatal: warn };
  const say = createRecordingWords(journal);
  const is = (state: StreamState | undefined, camera = "door") => say([{ key: { tenant: "t1", camera }, state }]);
  return { said, say, is };
};
const failure = { reason: "unauthorized", message: "The camera refuses the password" } as const;
const door = { tenant: "t1", camera: "door" };

describe("a recording that does not go on", () => {
  it("is told of with its reason, once a change, and so is that it goes on again", () => {
    const { said, is } = stage();
    for (let i = 0; i < 3; i++) is({ state: "running" });
    expect(said).toEqual([]);
    for (let i = 0; i < 3; i++) is({ state: "stalled", failure: undefined });
    for (let i = 0; i < 3; i++) is({ state: "failed", failure });
    expect(said).toEqual([
      ["warn", { ...door, state: "stalled", reason: "unknown", failure: "nothing comes" }, "a recording has stopped: it is tried again"],
      ["warn", { ...door, state: "failed", reason: "unauthorized", failure: failure.message }, "a recording has failed"],
    ]);
    is({ state: "starting" });
    is({ state: "failed", failure });
    expect(said).toHaveLength(2);
    for (let i = 0; i < 3; i++) is({ state: "running" });
    expect(said.slice(2)).toEqual([["info", door, "a recording goes on again"]]);
  });

  it("is nobody's any more when it has ended", () => {
    const { said, say, is } = stage();
    is({ state: "failed", failure });
    say([]);
    is({ state: "running" });
    is({ state: "failed", failure });
    is(undefined);
    is({ state: "running" });
    expect(said.map((one) => (one as string[])[2])).toEqual(["a recording has failed", "a recording has failed"]);
  });
});
