import { describe, expect, it } from "vitest";
import { type Sign, statusOf } from "../../domain/camera-status.ts";
import { limits } from "../../domain/limits.ts";

const now = 1_000_000_000;
const sign = (lastFrame?: number, state?: Sign["state"], stateAt?: number): Sign => ({
  lastFrame: lastFrame === undefined ? undefined : now - lastFrame,
  state,
  stateAt: stateAt === undefined ? undefined : now - stateAt,
});

describe("The status of a camera", () => {
  it.each<[string, Sign | undefined, string]>([
    ["nothing was ever heard", undefined, "unknown"],
    ["nothing was ever heard, though it was asked for", sign(), "unknown"],
    ["a frame just came", sign(0), "online"],
    ["a frame is ahead of our clock", sign(-5000), "online"],
    ["the last frame is almost too old", sign(limits.silentMs - 1), "online"],
    ["the last frame is too old", sign(limits.silentMs), "offline"],
    ["it was said to be gone after the last frame", sign(2000, "offline", 1000), "offline"],
    ["it was said to be gone at the last frame", sign(1000, "offline", 1000), "offline"],
    ["it was removed", sign(2000, "removed", 1000), "offline"],
    ["frames came after it was said to be gone", sign(1000, "offline", 2000), "online"],
    ["it was said to be gone and there never was a frame", sign(undefined, "offline", 1), "offline"],
    ["it was said to be there after an old frame", sign(500_000, "online", 1000), "online"],
    ["that word is old too", sign(500_000, "online", limits.silentMs), "offline"],
    ["it was said to be there at the last frame, too long ago", sign(limits.silentMs, "online", limits.silentMs), "offline"],
    ["frames came long after it was said to be there", sign(1000, "online", limits.silentMs + 1), "online"],
    ["frames came after it was said to be gone, and stopped", sign(limits.silentMs, "offline", limits.silentMs + 1), "offline"],
    ["it was removed and there never was a frame", sign(undefined, "removed", 999_999), "offline"],
    ["it was said to be there long ago, and there never was a frame", sign(undefined, "online", 999_999), "online"],
  ])("where %s", (_, given, expected) => {
    expect(statusOf(given, now)).toBe(expected);
  });
});
