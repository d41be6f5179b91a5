import { request } from "node:http";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Tokens } from "../../api/caller.ts";
import type { FactLine, FactsAsked } from "../../domain/replay.ts";
import { FakeCore } from "../support/core.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { anAlert, json, type Loose, type Served, serveCore } from "../support/surface.ts";

const BEGIN = Date.parse("2021-09-16T06:00:00.000Z");
const at = (ms: number): string => new Date(BEGIN + ms).toISOString();
const alertAt = (ms: number, own = {}) => anAlert({ raisedAt: BEGIN + ms, receivedAt: BEGIN + ms, end: BEGIN + ms, ...own });
const spread = (count: number) => Array.from({ length: count }, (_, i) => alertAt(1000 * i, { camera: i % 3 === 0 ? "even" : "odd" }));

let core: FakeCore;
let served: Served;
const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}, options = {}): Promise<void> => {
  core = new FakeCore(own);
  served = await serveCore(core, options);
};
beforeEach(() => start());
afterEach(() => served.close());

const get = (query: string, init: RequestInit = {}) => fetch(`${served.url}/api/v2/replay?${query}`, init);
const linesOf = async (response: Response): Promise<Loose[]> =>
  (await response.text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
const idsOf = (lines: readonly Loose[]): string[] => lines.map(({ id }) => id);
const logged = () => core.log.map(({ alert }) => alert.id);
const replays = () => core.figures.get("tallywire_replays default") ?? 0;

/** A stream that is read line by line, as long as it goes on. */
const follow = async (query: string) => {
  const leaving = new AbortController();
  const response = await get(query, { signal: leaving.signal });
  const lines: Loose[] = [];
  const reading = (async () => {
    let rest = "";
    for await (const text of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts.map((line) => (line === "" ? "" : JSON.parse(line))));
    }
  })();
  const ended = reading.then(
    () => "ended",
    () => "broken off",
  );
  return { response, lines, ended, leave: () => leaving.abort() };
};

describe("alerts again", () => {
  it("are those that were raised in the range, all revisions, by time across partitions", async () => {
    core.raise(...spread(9), alertAt(500, { tenant: "other" }));
    const late = core.log[2]?.alert;
    core.raise({ ...(late as NonNullable<typeof late>), revision: 1, retracted: true });
    const response = await get(`fromTimestamp=${at(1000)}&toTimestamp=${at(7000)}`);
    const document = await json(await fetch(`${served.url}/openapi/emdx.json`));
    expect(Object.keys(document.paths["/replay"].get.responses["200"].content)).toContain(response.headers.get("content-type"));
    const lines = await linesOf(response);
    // The revision stands in its partition where it came about, after what was raised at 5 s.
    expect(idsOf(lines)).toEqual([...logged().slice(1, 6), late?.id, logged()[6]]);
    expect(lines.filter(({ id }) => id === late?.id).map(({ revision, retracted }) => [revision, retracted])).toEqual([
      [0, undefined],
      [1, true],
    ]);
    expect(Object.keys(lines[0])).not.toContain("cursor");
  });

  it("are of the sensors that are named, and of all where none is", async () => {
    core.raise(...spread(9));
    expect(idsOf(await linesOf(await get("sensorId=even")))).toEqual(logged().filter((_, i) => i % 3 === 0));
    expect(idsOf(await linesOf(await get("sensorId=even&sensorId=odd")))).toEqual(logged());
    expect(idsOf(await linesOf(await get("")))).toEqual(logged());
    expect(await linesOf(await get("sensorId=nobody"))).toEqual([]);
  });

  it("go on from the cursor of any line, of a socket, and from an instant of arrival", async () => {
    core.raise(...spread(9));
    const lines = await linesOf(await get("cursors=true"));
    for (const [i, { cursor }] of lines.entries())
      expect(idsOf(await linesOf(await get(`since=${cursor}`)))).toEqual(logged().slice(i + 1));
    expect(idsOf(await linesOf(await get(`since=${at(4000)}&toTimestamp=${at(6000)}`)))).toEqual(logged().slice(4, 6));
  });

  it("say in a header that something is not kept any more", async () => {
    core.raise(...spread(9));
    const [first] = await linesOf(await get("cursors=true"));
    core.start = [2, 2];
    const response = await get(`since=${first.cursor}`);
    expect(response.headers.get("tallywire-gap")).not.toBeNull();
    expect(await linesOf(response)).toHaveLength(5);
    expect((await get("")).headers.get("tallywire-gap")).toBeNull();
  });

  it("come at their pace", async () => {
    const clock = fakeClock(BEGIN + 86_400_000);
    Object.assign(core, { now: clock.now, sleep: clock.sleep });
    core.raise(alertAt(0), alertAt(4000), alertAt(6000));
    const { lines, ended } = await follow("pace=2");
    for (const [ms, count] of [
      [2000, 1],
      [1000, 2],
    ] as const) {
      await vi.waitFor(() => expect([clock.sleepers, lines.length]).toEqual([1, count]));
      await clock.pass(ms - 1);
      expect(clock.sleepers).toBe(1);
      await clock.pass(1);
    }
    expect(await ended).toBe("ended");
    expect(idsOf(lines)).toEqual(logged());
  });

  it("with follow go on with what is raised, nothing lost and nothing twice, until the client goes", async () => {
    core.raise(...spread(20));
    let more = 40;
    core.replaying = () => {
      if (more-- > 0) core.raise(alertAt(100_000 + more, { camera: more % 2 === 0 ? "even" : "odd" }));
    };
    const { lines, leave, ended } = await follow("follow=true");
    await vi.waitFor(() => expect(lines.length).toBe(60));
    core.raise(alertAt(500_000));
    await vi.waitFor(() => expect(lines.length).toBe(61));
    expect(idsOf(lines).sort()).toEqual(logged().sort());
    expect(replays()).toBe(1);
    leave();
    expect(await ended).toBe("broken off");
    await vi.waitFor(() => expect(replays()).toBe(0));
  });
});

/** Facts that are there at once, or as fast as they are asked for. */
const laid = (count: number, text = (i: number) => JSON.stringify({ sensorId: "a", timestamp: at(i), objects: [] })) => {
  const asked: FactsAsked[] = [];
  const given = { pieces: 0, returned: false };
  async function* lines(): AsyncGenerator<readonly FactLine[]> {
    try {
      for (let i = 0; i < count; i += 10) {
        given.pieces++;
        yield Array.from({ length: Math.min(10, count - i) }, (_, j) => ({ position: i + j, at: BEGIN + i + j, text: text(i + j) }));
      }
    } finally {
      given.returned = true;
    }
  }
  core.facts = {
    lines: async (what) => {
      asked.push(what);
      return { partition: 1, missing: false, lines: lines() };
    },
    mot: async (what) => {
      asked.push(what);
      return { partition: 1, missing: true, lines: lines(), key: { fps: what.fps, start: BEGIN, type: "Person, seated", late: 3 } };
    },
  };
  return { asked, given };
};

describe("facts again", () => {
  it("are asked of the core for one sensor of the caller's tenant, and given line by line", async () => {
    const { asked } = laid(25);
    const response = await get(`what=facts&sensorId=a&fromTimestamp=${at(0)}&toTimestamp=${at(100)}&states=true`);
    const lines = await linesOf(response);
    expect(lines.map(({ timestamp }) => timestamp)).toEqual(Array.from({ length: 25 }, (_, i) => at(i)));
    expect(asked).toEqual([
      expect.objectContaining({
        camera: { tenant: "default", camera: "a" },
        from: BEGIN,
        to: BEGIN + 100,
        since: undefined,
        states: true,
        follow: false,
      }),
    ]);
  });

  it("have cursors that are positions, and go on after one", async () => {
    const { asked } = laid(3);
    const lines = await linesOf(await get("what=facts&sensorId=a&cursors=true"));
    await linesOf(await get(`what=facts&sensorId=a&since=${lines[1].cursor}`));
    expect(asked.at(-1)?.since).toEqual({ after: new Map([[1, 1]]) });
    await linesOf(await get(`what=facts&sensorId=a&since=${at(7)}`));
    expect(asked.at(-1)?.since).toEqual({ arrivedAt: BEGIN + 7 });
  });

  it("as MOT say in headers how they are to be read, and that something is missing", async () => {
    laid(2, (i) => `${i + 1},7,0,0,1,1,1,1,-1\n`);
    const response = await get("what=facts&sensorId=a&format=mot&fps=25");
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("tallywire-mot")).toBe(`fps=25; start=${at(0)}; type=Person%2C%20seated; late=3`);
    expect(response.headers.get("tallywire-gap")).not.toBeNull();
    expect(await response.text()).toBe("1,7,0,0,1,1,1,1,-1\n2,7,0,0,1,1,1,1,-1\n");
  });

  it("that MOT cannot hold are 422, in words", async () => {
    core.facts = { ...core.facts, mot: async () => ({ notMot: "The frame has a box that is none." }) };
    const response = await get("what=facts&sensorId=a&format=mot");
    expect([response.status, (await json(response)).detail]).toEqual([422, "format: The frame has a box that is none."]);
    expect(replays()).toBe(0);
  });

  it("are read no faster than they are taken, and no more once the client has gone", async () => {
    const { given } = laid(1_000_000, (i) => JSON.stringify({ i, padding: "x".repeat(10_000) }));
    const gone = await new Promise<() => void>((resolve) => {
      const asking = request(`${served.url}/api/v2/replay?what=facts&sensorId=a`, (answer) => {
        answer.on("error", () => {});
        answer.pause();
        resolve(() => asking.destroy());
      });
      asking.end();
    });
    let before = -1;
    await vi.waitFor(() => {
      const still = before === given.pieces && given.pieces > 0;
      before = given.pieces;
      expect(still).toBe(true);
    });
    // What the sockets of both ends hold, and no more.
    expect(given.pieces).toBeLessThan(1000);
    expect([given.returned, replays()]).toEqual([false, 1]);
    gone();
    await vi.waitFor(() => expect([given.returned, replays()]).toEqual([true, 0]));
    expect(given.pieces).toBeLessThan(1000);
  });

  it("that fail on the way break the connection off: nobody takes a part for the whole", async () => {
    core.facts = {
      ...core.facts,
      lines: async () => ({
        partition: 0,
        missing: false,
        lines: (async function* () {
          yield [{ position: 0, at: BEGIN, text: JSON.stringify("x".repeat(100_000)) }];
          yield [{ position: 1, at: BEGIN, text: "{}" }];
          throw new Error("the disk is gone");
        })(),
      }),
    };
    const { ended, lines } = await follow("what=facts&sensorId=a");
    expect(await ended).toBe("broken off");
    expect(lines.length).toBeLessThan(3);
    expect(core.lines).toContain("a stream was broken off");
    expect(replays()).toBe(0);
  });
});

describe("a stream", () => {
  it("is broken off for a client that takes nothing for too long", async () => {
    await served.close();
    await start({ replayStallMs: 200 });
    const { given } = laid(1_000_000, (i) => JSON.stringify({ i, padding: "x".repeat(10_000) }));
    const asking = request(`${served.url}/api/v2/replay?what=facts&sensorId=a`, (answer) => answer.on("error", () => {}).pause());
    asking.on("error", () => {}).end();
    await vi.waitFor(() => expect(replays()).toBe(1));
    await vi.waitFor(() => expect([given.returned, replays()]).toEqual([true, 0]), 5000);
    asking.destroy();
  });

  it("sends empty lines in a silence", async () => {
    await served.close();
    await start({ pingMs: 30 });
    core.raise(alertAt(0));
    const { lines, leave } = await follow("follow=true");
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(3));
    expect(lines.filter((line) => line !== "")).toHaveLength(1);
    leave();
  });

  it("that goes on is broken off when the server stops, and when its token expires", async () => {
    const going = await follow("follow=true");
    const stopping = served.close();
    expect(await going.ended).toBe("broken off");
    await stopping;
    const good = { tenant: "mine", subject: "me", scopes: new Set(["events:read"]), cameraLimit: undefined, features: undefined };
    const clock = fakeClock(BEGIN);
    const tokens: Tokens = {
      known: () => undefined,
      verify: async (token) => (token === "good" ? { ...good, expiresAt: BEGIN + 1000 } : { unauthenticated: "No such token." }),
      onKeysChanged: () => {},
    };
    await start({}, { tokens });
    Object.assign(core, { now: clock.now, sleep: clock.sleep });
    expect((await get("follow=true")).status).toBe(401);
    const response = await get("follow=true", { headers: { authorization: "Bearer good" } });
    const ended = response.text().then(
      () => "ended",
      () => "broken off",
    );
    await vi.waitFor(() => expect(clock.sleepers).toBe(1));
    await clock.pass(1000);
    expect(await ended).toBe("broken off");
    expect(core.figures.get("tallywire_replays mine")).toBe(0);
  });

  it("has no body where only its head is asked for, and keeps no place", async () => {
    const { given } = laid(1000);
    const response = await get("what=facts&sensorId=a", { method: "HEAD" });
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([200, "application/x-ndjson", ""]);
    await vi.waitFor(() => expect(replays()).toBe(0));
    expect(given.pieces).toBe(0);
  });

  it("drops what means nothing beside the rest", async () => {
    core.raise(alertAt(0));
    expect(idsOf(await linesOf(await get("states=true&fps=25")))).toEqual(logged());
    laid(1, () => "1,7,0,0,1,1,1,1,-1\n");
    expect(await (await get("what=facts&sensorId=a&format=mot&states=true&cursors=true")).text()).toBe("1,7,0,0,1,1,1,1,-1\n");
  });

  it("beyond as many as may be is 429", async () => {
    await served.close();
    await start({ replays: 1 });
    const going = await follow("follow=true");
    const refused = await get("");
    expect([refused.status, (await json(refused)).detail]).toEqual([429, "No more than 1 replays at once."]);
    going.leave();
    await vi.waitFor(async () => expect((await get("")).status).toBe(200));
  });

  it.each([
    ["what=frames", "what: is none of alerts, facts"],
    ["what=facts", "sensorId: facts are of one sensor: name it"],
    ["what=facts&sensorId=a&sensorId=b", "sensorId: facts are of one sensor: name it"],
    [`follow=true&toTimestamp=${at(0)}`, "follow: goes on without end; leave toTimestamp out"],
    [`fromTimestamp=${at(1)}&toTimestamp=${at(0)}`, "fromTimestamp: is after toTimestamp"],
    ["format=mot", "format: mot goes with what=facts"],
    ["what=facts&sensorId=a&format=mot&follow=true", "follow: MOT is read through before it is sent, and so has to end"],
    ["what=facts&sensorId=a&format=mot&fps=0", "fps: is not a number from 0.001 to 1000"],
    ["pace=0", "pace: is not a number from 0.001 to 1000000"],
    ["since=AAAA", "since: was never given out here"],
    ["what=facts&sensorId=a&since=AAAA", "since: was never given out here"],
  ])("is 422 for %s", async (query, detail) => {
    const response = await get(query);
    expect([response.status, (await json(response)).detail]).toEqual([422, detail]);
    expect(replays()).toBe(0);
  });
});
