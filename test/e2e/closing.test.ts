/** A server that ends while a part of it cannot be closed: all the rest is. With parts in memory and a fake of films. */
import { describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { compose } from "../../compose.ts";
import { readConfig } from "../../config.ts";
import { betweenLogs } from "../../domain/between.ts";
import { AdapterError } from "../../domain/ports.ts";
import { FakeMedia } from "../support/fake-media.ts";
import { silent } from "../support/frames.ts";

const gate = { tenant: "acme", camera: "gate" };
const asker = { subject: undefined, cameraLimit: undefined, features: undefined };
const settings = {
  ...{ TALLYWIRE_LOG: "memory:", TALLYWIRE_STORE: "memory:", TALLYWIRE_PARTITIONS: "1" },
  TALLYWIRE_SECRET_KEY: "a key of thirty-two bytes and no less",
};
const broken = new Error("it cannot be closed");

/** What was closed, and which parts it was said of that they could not be. */
const housed = async ({ fails }: { readonly fails: "film" | "store" | undefined }) => {
  const [closed, said]: [string[], string[]] = [[], []];
  const media = new FakeMedia();
  const { live } = media;
  media.live = (wish) => ({ ...live(wish), release: () => (fails === "film" ? Promise.reject(broken) : Promise.resolve()) });
  const note =
    (part: string, end: () => Promise<void>): (() => Promise<void>) =>
    async () => {
      closed.push(part);
      await end();
    };
  const house = await compose(readConfig(settings, {}), {
    journal: { ...silent, error: (fields) => void said.push((fields as { readonly part?: string }).part ?? "") },
    openers: {
      openLogs: async (_, options) => {
        const logs = openMemoryLogs(options);
        return betweenLogs(logs, { close: note("log", () => logs.close()) });
      },
      openStore: async () => {
        const store = openMemoryStore();
        return {
          ...store,
          close: note("store", () => (fails === "store" ? store.close().then(() => Promise.reject(broken)) : store.close())),
        };
      },
      openWarehouse: () => Promise.reject(new AdapterError("closed", "There is none here.", { retryable: false })),
      openFilms: async () => ({ media, version: async () => "5.1.9", close: note("films", async () => undefined) }),
    },
  });
  house.defect.catch(() => undefined);
  expect(await house.core.registry.create(gate, { rtspUrl: "rtsp://192.168.1.20/" }, asker)).toHaveProperty("camera");
  expect(await house.core.video.start(gate, { kind: "live", width: 0, height: 0, audio: false })).toHaveProperty("id");
  return { house, closed, said };
};

describe("a server that ends", () => {
  it("closes its films, its store and its log, in that order", async () => {
    const { house, closed, said } = await housed({ fails: undefined });
    await house.close();
    expect([closed, said]).toEqual([["films", "store", "log"], []]);
  });

  it("closes what is left where a film cannot be given back, says so, and is known not to have ended well", async () => {
    const { house, closed, said } = await housed({ fails: "film" });
    await expect(house.close()).rejects.toBe(broken);
    expect([closed, said]).toEqual([["films", "store", "log"], ["video"]]);
  });

  it("closes what is left where its store cannot be closed", async () => {
    const { house, closed, said } = await housed({ fails: "store" });
    await expect(house.close()).rejects.toBe(broken);
    expect([closed, said]).toEqual([["films", "store", "log"], ["store"]]);
  });
});
