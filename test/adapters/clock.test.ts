import { expect, test } from "vitest";
import { systemClock } from "../../adapters/clock.ts";

test("the clock tells the machine's time in whole milliseconds", () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(Number.isInteger(now)).toBe(true);
});

test("sleeping lasts as long as was asked", async () => {
  const start = performance.now();
  await systemClock.sleep(30);
  await systemClock.sleep(30, new AbortController().signal);
  expect(performance.now() - start).toBeGreaterThanOrEqual(55);
});

test("sleeping ends when the signal is aborted, at once when it already is, and leaves no listener behind", async () => {
  const cut = new AbortController();
  let listeners = 0;
  const counted = {
    get aborted() {
      return cut.signal.aborted;
    },
    addEventListener: (type: "abort", listener: () => void) => {
      listeners++;
      cut.signal.addEventListener(type, listener);
    },
    removeEventListener: (type: "abort", listener: () => void) => {
      listeners--;
      cut.signal.removeEventListener(type, listener);
    },
  };
  await systemClock.sleep(1, counted);
  expect(listeners).toBe(0);
  const start = performance.now();
  const slept = systemClock.sleep(60_000, counted);
  cut.abort();
  await slept;
  await systemClock.sleep(60_000, counted);
  expect(performance.now() - start).toBeLessThan(5000);
  expect(listeners).toBe(0);
});
