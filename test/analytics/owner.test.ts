import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Driven } from "../../analytics/drive.ts";
import { derive } from "../../analytics/engine.ts";
import { createMemory } from "../../analytics/memory.ts";
import type { Config } from "../../config.ts";
import type { Fact } from "../../domain/event.ts";
import { AdapterError, type Logs, type Meter } from "../../domain/ports.ts";
import { owner } from "../../roles/engine.ts";
import { readFacts } from "../histories/history.ts";
import { allOf, kinds, partsOf, watched } from "../support/driven.ts";
import { fakeClock } from "../support/fake-clock.ts";

const facts = await readFacts("world-1");
const BEGIN = facts[0]?.receivedAt as number;
const config = { CHECKPOINT_SECONDS: 5, CHECKPOINT_FRAMES: 6 } as Config;

describe.each(kinds)("an owner over logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());

  /** Owns while the facts come, one append each; `fails` says which tries to commit go wrong, and how. */
  const owned = async (fails: (attempt: number) => AdapterError | undefined, told = (fact: Fact): readonly Fact[] => [fact]) => {
    const clock = fakeClock(BEGIN);
    let attempts = 0;
    const eyed = watched(logs, clock, () => {
      const error = fails(++attempts);
      if (error !== undefined) throw error;
    });
    const driven: Driven = { position: 0, caughtUp: false, stopped: [] };
    const alerts: string[] = [];
    const counted = new Map<string, number>();
    const count: Meter["count"] = (name, n = 1, labels = {}) => {
      for (let i = 0; i < n && name === "tallywire_alerts_total"; i++) alerts.push(name);
      const key = [name, ...Object.values(labels)].join(" ");
      counted.set(key, (counted.get(key) ?? 0) + n);
    };
    const meter: Meter = { count, set() {}, observe() {} };
    let thrown: unknown;
    const own = owner(partsOf(eyed.logs, clock, meter), config);
    const release = await eyed.logs.claim((one) =>
      own(one, driven).catch((error: unknown) => {
        thrown = error;
      }),
    );
    for (const fact of facts) {
      await logs.facts.append(told(fact));
      await clock.pass(400);
    }
    await clock.pass(5000);
    await release();
    return { attempts, alerts, counted, commits: eyed.commits, thrown: () => thrown };
  };

  it("counts what followed by tenant", async () => {
    const { counted } = await owned(
      () => undefined,
      (fact) => [fact, { ...fact, tenant: "another" }, { ...fact, tenant: "another", camera: "yard" }],
    );
    const told = new Map<string, number>();
    for (const event of await allOf(logs.derived)) {
      const key =
        event.kind === "crossing"
          ? `tallywire_crossings_total ${event.tenant}`
          : event.kind === "alert" && event.revision === 0
            ? `tallywire_alerts_total ${event.tenant} ${event.ruleType}`
            : undefined;
      if (key !== undefined) told.set(key, (told.get(key) ?? 0) + 1);
    }
    expect(new Set([...told.keys()].map((key) => key.split(" ")[1]))).toEqual(new Set(["default", "another"]));
    expect(Math.max(...told.values())).toBeGreaterThan(1);
    expect(counted).toEqual(told);
  });

  it("starts over when the log cannot take a commit for a while, and nothing is lost or told twice", async () => {
    const full = new AdapterError("full", "no room", { retryable: true });
    const { attempts, commits, alerts } = await owned((attempt) => (attempt % 3 === 2 ? full : undefined));
    expect(attempts).toBeGreaterThan(commits.length + 2);
    expect(commits.some(({ checkpoint }) => checkpoint !== undefined)).toBe(true);
    const memory = createMemory();
    const truth = (await allOf(logs.facts)).flatMap((fact) => derive(memory, fact));
    expect(truth.filter(({ kind }) => kind === "alert").length).toBeGreaterThan(3);
    expect(await allOf(logs.derived)).toEqual(truth);
    expect(alerts).toHaveLength(truth.filter((event) => event.kind === "alert" && event.revision === 0).length);
  });

  it("lets go when another has the partition, and says any other failure", async () => {
    const fenced = new AdapterError("fenced", "taken", { retryable: false });
    const one = await owned(() => fenced);
    expect([one.attempts, one.thrown()]).toEqual([1, undefined]);
    const corrupt = new AdapterError("corrupt", "a record is broken", { retryable: false });
    const other = await owned(() => corrupt);
    expect([other.attempts, other.thrown()]).toEqual([1, corrupt]);
  });
});
