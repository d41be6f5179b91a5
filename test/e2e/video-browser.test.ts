/** Films of a whole server, tokens on, in a real browser: a page of another origin plays them with hls.js. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Instant } from "../../domain/envelope.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { startChromium } from "../servers/chromium.ts";
import { canStartCamera, canStartChromium } from "../servers/for-tests.ts";
import { startCamera } from "../servers/rtsp-camera.ts";
import { type Laid, layOverHour } from "../support/laid-over-hour.ts";
import { guardedEnv, mint } from "../support/minted.ts";
import { openPlayer, type Pages, type Player, type Shown, servePages } from "../support/player.ts";
import { json, type Loose } from "../support/surface.ts";

const SUITE = "films in a browser";
const canRun = (await canStartCamera(SUITE)) && (await canStartChromium(SUITE));

const env = {
  ...guardedEnv,
  TALLYWIRE_RTSP_ALLOW: "127.0.0.0/8",
  TALLYWIRE_RECORD_FREE_BYTES: "0",
};
const key = { tenant: "acme", camera: "gate" };
/** Milliseconds from one picture of a camera to the next, and half as much again. */
const EXACT_MS = 150;
/** hls.js begins three pieces before the newest one. */
const LATE_MS = 10_000;
const WAITING: ReadonlySet<string> = new Set(["bufferStalledError", "bufferNudgeOnStall"]);
/** So little is loaded ahead that where one seeks to, forward, is not there yet. */
const SHORT = { maxBufferLength: 1, maxMaxBufferLength: 1 };
const HOUR_MS = 3_600_000;
/** Two turns of a screen: a picture that stands for less than that need not be shown. */
const BRIEF_MS = 35;
const PATIENCE = { timeout: 30_000, interval: 100 };

const last = (seen: readonly Shown[]): Shown => seen.at(-1) as Shown;

// Again where it fails: without a graphics card a page is now and then not told of the picture that it shows, and waits for it in vain.
describe.skipIf(!canRun)("A page with hls.js, in Chromium", { timeout: 90_000, retry: 3 }, () => {
  const ends: (() => Promise<unknown>)[] = [];
  const players: Player[] = [];
  let [pages, browser, server]: [Pages?, Browser?, RunningServer?] = [];
  let laid: Laid;
  let token: string;
  /** The camera's channel. */
  let gate: number;

  beforeAll(async () => {
    const data = await mkdtemp(join(tmpdir(), "tallywire-browser-"));
    ends.push(() => rm(data, { recursive: true, force: true }));
    const camera = await startCamera({ audio: true });
    ends.push(camera.stop);
    pages = await servePages();
    ends.push(pages.close);
    browser = await startChromium();
    ends.push(() => (browser as Browser).close());
    [laid, token] = await Promise.all([layOverHour(join(data, "media"), key, camera.url), mint(key.tenant, "cameras:write playback:read")]);
    server = await startServer({ data, env: { ...env, TALLYWIRE_CORS_ORIGINS: pages.origin } });
    ends.push(server.stop);
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ id: key.camera, name: "Gate", rtsp_url: camera.url, record: true });
    gate = (await json(await fetch(`${server.url}/v2/api/cameras`, { method: "POST", headers, body }))).channel;
    expect(gate).toBe(1);
  }, 90_000);
  afterEach(async () => {
    for (const player of players.splice(0)) await player.close();
  });
  afterAll(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const player = async (origin = (pages as Pages).origin): Promise<Player> => {
    const opened = await openPlayer(browser as Browser, origin);
    players.push(opened);
    return opened;
  };
  /** As the page itself asks for it. */
  const ask = async (from: Player, method: string, path: string): Promise<Loose> => {
    const answer = await from.ask(method, (server as RunningServer).url + path, token);
    expect(answer?.status, JSON.stringify(answer?.body)).toBe(200);
    return answer?.body as Loose;
  };
  /** It was decoded, and nothing was wrong with it; on a busy machine it may have had to wait. */
  const wasSound = async (of: Player): Promise<void> => {
    const { fault, errors } = await of.state();
    expect({ fault, errors: errors.filter(({ details, fatal }) => fatal || !WAITING.has(details)) }).toEqual({ fault: null, errors: [] });
  };
  /** Pictures from now on, until they say that it is enough. */
  const watch = async (of: Player, isEnough: (seen: readonly Shown[]) => boolean): Promise<Shown[]> => {
    const seen: Shown[] = [];
    await expect
      .poll(async () => {
        seen.push(...(await of.pictures()));
        return isEnough(seen) ? "enough" : { of: seen.length, last: seen.at(-1), state: await of.state() };
      }, PATIENCE)
      .toBe("enough");
    return seen;
  };
  const areInOrder = (seen: readonly Shown[]): void =>
    expect(seen.slice(1).filter(({ madeAt }, at) => madeAt <= (seen[at] as Shown).madeAt)).toEqual([]);
  /** Each is what was recorded then, and none comes twice or before another. */
  const areTrue = (seen: readonly Shown[]): void => {
    const wrong = seen
      .map(({ instant, madeAt }) => ({ said: instant, recorded: laid.pictures.get(madeAt) }))
      .filter(({ said, recorded }) => said === undefined || recorded === undefined || Math.abs(said - recorded) > EXACT_MS);
    expect(wrong).toEqual([]);
    areInOrder(seen);
  };
  const isPast =
    (instant: Instant) =>
    (seen: readonly Shown[]): boolean =>
      (seen.at(-1)?.instant ?? 0) > instant;
  /** The picture it stands at, which it then plays on from. */
  const from = async (of: Player, isIt: (one: Shown) => boolean): Promise<Shown> => {
    const seen = await watch(of, (pictures) => pictures.some(isIt));
    await of.play();
    return last(seen);
  };
  const isOf =
    (asked: Instant) =>
    ({ instant = 0 }: Shown): boolean =>
      Math.abs(instant - asked) <= EXACT_MS;
  const open = async (of: Player, url: string, begin: Instant): Promise<Shown> => {
    await of.open(url, SHORT);
    return from(of, isOf(begin));
  };
  /** Goes there, sees what was there, and what was then. */
  const seek = async (of: Player, to: Instant): Promise<void> => {
    await of.seek(to);
    areTrue([await from(of, isOf(to)), ...(await watch(of, isPast(to + 500)))]);
  };

  it("plays what a camera sees now, with its sound", async () => {
    const page = await player();
    const { result } = await ask(page, "POST", `/REST/local/startlive/${gate}/0/0/1`);
    await page.open(result[0].hlsUrl);
    await from(page, () => true);
    const begun = await page.state();
    const seen = await watch(page, (pictures) => pictures.length >= 30 && Date.now() - last(pictures).madeAt < LATE_MS);
    areInOrder(seen);
    const now = await page.state();
    expect(now.time - begun.time).toBeGreaterThan(2);
    expect(now.decoded - begun.decoded).toBeGreaterThan(20);
    expect(now.heard).toBeGreaterThan(begun.heard);
    // When the playlist says it was is when the picture says it was made, but for its way here.
    for (const { instant = 0, madeAt } of seen) expect(Math.abs(instant - madeAt)).toBeLessThan(LATE_MS);
    await wasSound(page);
    expect(page.asked.filter((url) => url.includes(token))).toEqual([]);
  });

  it("plays what was recorded, with its sound, over the border of an hour and over a gap, and goes wherever it is sent", async () => {
    const page = await player();
    const { result } = await ask(page, "POST", `/REST/local/startarchive/${gate}/0/0/${laid.start}/1`);
    await open(page, result[0].hlsUrl, laid.start);
    areTrue(await watch(page, isPast(laid.start + 500)));
    await seek(page, laid.border + 1000);
    await seek(page, laid.gap.end + 1000);
    await seek(page, laid.gap.start - 1500);
    const over = await watch(page, isPast(laid.gap.end + 500));
    areTrue(over);
    expect(over[0]?.instant).toBeLessThan(laid.gap.start);
    await seek(page, laid.border - 1000);
    areTrue(await watch(page, isPast(laid.border + 1000)));
    const { heard } = await page.state();
    await seek(page, laid.start + 500);
    expect((await page.state()).heard).toBeGreaterThan(heard);
    expect(heard).toBeGreaterThan(0);
    await wasSound(page);
    expect(page.asked.filter((url) => url.includes(token))).toEqual([]);
  });

  it("begins at the instant it asked for, also within a piece", async () => {
    const page = await player();
    for (const within of [0, 700, 1300]) {
      const { result } = await ask(page, "POST", `/REST/local/startarchive/${gate}/0/0/${laid.start + within}/0`);
      areTrue([await open(page, result[0].hlsUrl, laid.start + within)]);
    }
    await wasSound(page);
  });

  it("plays the playlist of an hour to its end, and goes on in that of the next", async () => {
    const page = await player();
    const hourOf = (instant: Instant): readonly [date: string, hour: string] => {
      const text = new Date(instant).toISOString();
      return [text.slice(0, 10), text.slice(11, 13)];
    };
    const playlist = (instant: Instant): string => {
      const [date, hour] = hourOf(instant);
      return `${server?.url}/v2/hls/${key.camera}/${date}/${hour}/index.m3u8?token=${token}`;
    };
    for (const instant of [laid.start, laid.border]) {
      const [date, hour] = hourOf(instant);
      const { hours } = await ask(page, "GET", `/v2/api/playback/timeline?camera_id=${key.camera}&date=${date}`);
      expect(hours).toContain(Number(hour));
    }
    // To its very last picture that can be seen, and on with the very next one.
    const made = [...laid.pictures];
    const [lastMade, lastInstant = 0] = made.findLast(([, instant]) => instant < laid.next - BRIEF_MS) ?? [];
    const [nextMade] = made.find(([, instant]) => instant >= laid.next) ?? [];
    const first = await open(page, playlist(laid.border - HOUR_MS), laid.start);
    areTrue([first, ...(await watch(page, isPast(laid.border)))]);
    await expect.poll(async () => (await page.state()).hasEnded, PATIENCE).toBe(true);
    await wasSound(page);
    // Its last picture may be shorter than the others.
    await page.seek(lastInstant + 1);
    await watch(page, (seen) => seen.at(-1)?.madeAt === lastMade);
    const next = await open(page, playlist(laid.border), laid.next);
    expect(next.madeAt).toBe(nextMade);
    areTrue([next, ...(await watch(page, isPast(laid.border + 3000)))]);
    await seek(page, laid.gap.end + 1000);
    await wasSound(page);
    expect(page.asked.filter((url) => url.includes(token) && !url.includes("/index.m3u8"))).toEqual([]);
  });

  it("gets nothing where its origin may not read answers", async () => {
    const [page, other] = [await player(), await player((pages as Pages).otherOrigin)];
    const path = `/REST/local/startarchive/${gate}/0/0/${laid.start}/0`;
    const { result } = await ask(page, "POST", path);
    expect(await other.ask("POST", (server as RunningServer).url + path, token)).toBeUndefined();
    await other.open(result[0].hlsUrl);
    await expect
      .poll(async () => (await other.state()).errors, PATIENCE)
      .toContainEqual(expect.objectContaining({ details: "manifestLoadError", fatal: true }));
    expect([await other.pictures(), (await other.state()).decoded]).toEqual([[], 0]);
    areTrue([await open(page, result[0].hlsUrl, laid.start)]);
  });
});
