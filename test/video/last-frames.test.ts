/** How the warehouse is asked for the newest frames of cameras: over a fake of it that answers when the test says. */
import { describe, expect, it } from "vitest";
import type { Sign } from "../../domain/camera-status.ts";
import { createLastFrames } from "../../video/last-frames.ts";

const aSign = (lastFrame: number): Sign => ({ lastFrame, state: undefined, stateAt: undefined });

const stage = () => {
  const asked: {
    readonly of: readonly [string, readonly string[] | undefined];
    answer: PromiseWithResolvers<ReadonlyMap<string, Sign>>;
  }[] = [];
  const lastFrame = createLastFrames((tenant, cameras) => {
    const answer = Promise.withResolvers<ReadonlyMap<string, Sign>>();
    asked.push({ of: [tenant, cameras], answer });
    return answer.promise;
  });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  return { asked, lastFrame: (camera: string, tenant = "t1") => lastFrame({ tenant, camera }), turn };
};

describe("newest frames of cameras", () => {
  it("are asked for in one question at a time for a tenant, and others wait for none of it", async () => {
    const { asked, lastFrame, turn } = stage();
    const first = lastFrame("door");
    await turn();
    const later = [lastFrame("gate"), lastFrame("yard"), lastFrame("gate")];
    const other = lastFrame("door", "t2");
    await turn();
    expect(asked.map(({ of }) => of)).toEqual([
      ["t1", ["door"]],
      ["t2", ["door"]],
    ]);
    asked[0]?.answer.resolve(new Map([["door", aSign(1)]]));
    asked[1]?.answer.resolve(new Map());
    expect([await first, await other]).toEqual([1, undefined]);
    await turn();
    expect(asked[2]?.of).toEqual(["t1", undefined]);
    asked[2]?.answer.resolve(new Map([["gate", aSign(2)]]));
    expect(await Promise.all(later)).toEqual([2, undefined, 2]);
  });

  it("are asked for again after that has failed, and only who asked is told of it", async () => {
    const { asked, lastFrame, turn } = stage();
    const first = lastFrame("door");
    await turn();
    const second = lastFrame("door");
    asked[0]?.answer.reject(new Error("away"));
    await expect(first).rejects.toThrow("away");
    await turn();
    asked[1]?.answer.resolve(new Map([["door", aSign(3)]]));
    expect([await second, asked.length]).toEqual([3, 2]);
  });
});
