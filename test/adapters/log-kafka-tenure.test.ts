import { describe, expect, it } from "vitest";
import { lostOnce } from "../../adapters/log-kafka/members.ts";
import { Tenure, type TenureParts } from "../../adapters/log-kafka/tenure.ts";

/** A fake: a broker that answers nothing at all, which no real one does for just as long as it is asked to. */
const silent = (asked: () => void) => {
  const using = (): Promise<never> => {
    asked();
    return new Promise(() => undefined);
  };
  return { readers: { using }, prefix: "x", topics: {} } as unknown as TenureParts;
};

describe("a partition that is lost while it is being taken from a broker that does not answer", () => {
  it("is let go: whoever restores hears of it, and nobody else", { timeout: 60_000 }, async () => {
    const lost = lostOnce();
    const asked = Promise.withResolvers<void>();
    const tenure = new Tenure(silent(asked.resolve), 0, lost);
    const begun = tenure.begin();
    await asked.promise;
    lost.tell();
    await expect(begun).resolves.toBeUndefined();
    await expect(tenure.owned.restore()).rejects.toMatchObject({ code: "fenced", retryable: false });
    await tenure.close();
  });
});
