import { describe, expect, it } from "vitest";
import { ConfigError, readConfig } from "../../config.ts";
import { limits } from "../../domain/limits.ts";

describe("clips", () => {
  it("go on after their alert no longer than recordings are waited for", () => {
    const most = limits.snapWaitMs / 1000;
    expect(readConfig({ TALLYWIRE_CLIP_AFTER: String(most) }).CLIP_AFTER).toBe(most);
    for (const more of [most + 0.001, most + 1, 999]) expect(() => readConfig({ TALLYWIRE_CLIP_AFTER: String(more) })).toThrow(ConfigError);
  });

  it("are no longer than one may be", () => {
    const most = limits.clipMs / 1000;
    expect(readConfig({ TALLYWIRE_CLIP_SECONDS: String(most) }).CLIP_SECONDS).toBe(most);
    expect(() => readConfig({ TALLYWIRE_CLIP_SECONDS: String(most + 1) })).toThrow(ConfigError);
  });
});
