import { describe, expect, it } from "vitest";
import { patiently } from "../../domain/patience.ts";
import { AdapterError } from "../../domain/ports.ts";
import { createStop, whenStopped } from "../../domain/stop.ts";
import { within } from "../../domain/within.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { noted } from "../support/warehouse.ts";

const away = () => Promise.reject(new AdapterError("unavailable", "It is away.", { retryable: true }));
const never = new Promise<never>(() => undefined);

describe("patience", () => {
  const patient = (how: { readonly pauseMs?: number } = {}) => {
    const clock = fakeClock(0);
    const note = noted();
    const stop = createStop();
    return { clock, note, stop, patience: { clock, journal: note.journal, stop: stop.signal, ...how } };
  };

  it("tries until it works, and says once that it waits and once that it goes on", async () => {
    const { clock, note, patience } = patient();
    let tries = 0;
    const done = patiently(patience, { doing: "try" }, () => (++tries < 6 ? away() : Promise.resolve("done")));
    await clock.pass(10_000, 10);
    expect([await done, tries]).toEqual(["done", 6]);
    expect(note.lines).toHaveLength(2);
    expect(note.lines.join()).toMatch(/tried until it can.*answers again/);
  });

  it("pauses longer and longer, but never longer than it is told", async () => {
    const { clock, patience } = patient({ pauseMs: 200 });
    const tries: number[] = [];
    const done = patiently(patience, {}, () => (tries.push(clock.now()) < 6 ? away() : Promise.resolve()));
    await clock.pass(1000, 10);
    await done;
    expect(tries).toEqual([0, 50, 150, 350, 550, 750]);
  });

  it("ends with what trying again cannot heal, and with the last error when it is stopped", async () => {
    const { patience } = patient();
    const broken = () => Promise.reject(new AdapterError("corrupt", "It is broken.", { retryable: false }));
    await expect(patiently(patience, {}, broken)).rejects.toThrow("broken");
    const { patience: other, stop } = patient();
    const stopped = patiently(other, {}, away);
    stop.stop();
    await expect(stopped).rejects.toThrow("away");
  });
});

describe("work against a clock", () => {
  it("gives what the work gives, or what is said when it is late; nothing goes on sleeping", async () => {
    const clock = fakeClock(0);
    expect(await within({ clock }, 1000, Promise.resolve("in time"), () => "late")).toBe("in time");
    await expect(within({ clock }, 1000, Promise.reject(new Error("failed")), () => "late")).rejects.toThrow("failed");
    const late = within({ clock }, 1000, never, () => clock.now());
    await clock.pass(2000);
    expect(await late).toBe(1000);
    expect(clock.sleepers).toBe(0);
  });

  it("is late at once when it is stopped", async () => {
    const clock = fakeClock(0);
    const stop = createStop();
    const late = within<string>({ clock, stop: stop.signal }, 1000, never, () => "late");
    stop.stop();
    expect(await late).toBe("late");
    expect(await within<string>({ clock, stop: stop.signal }, 1000, never, () => "late")).toBe("late");
  });
});

describe("a stop", () => {
  it("calls once who waits for it, at once who comes after, and nobody who took it back", () => {
    const stop = createStop();
    const called: string[] = [];
    whenStopped(stop.signal, () => called.push("waited"));
    whenStopped(stop.signal, () => called.push("took it back"))();
    stop.stop();
    stop.stop();
    whenStopped(stop.signal, () => called.push("came after"));
    expect(called).toEqual(["waited", "came after"]);
  });
});
