/** Clients that are slow, dead, too big or ill-meaning, over real connections. */
import { connect as dial, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { FakeCore } from "../support/core.ts";
import { anAlert, connect, json, type Loose, type Served, serveCore } from "../support/surface.ts";

let served: Served;
const sockets: Socket[] = [];
const start = async (own: ConstructorParameters<typeof FakeCore>[0] = {}): Promise<FakeCore> => {
  const core = new FakeCore(own);
  served = await serveCore(core);
  return core;
};
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await served.close();
});

/** A connection by hand: what came back, and when it was ended. */
const byHand = (head: string) => {
  const begin = performance.now();
  const socket = dial(Number(new URL(served.url).port), "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.on("data", (data) => {
    text += data.toString("latin1");
  });
  // A connection that is cut while it still sends is the point of some tests; what it was told counts.
  socket.on("error", () => undefined);
  const ended = new Promise<{ text: string; ms: number }>((resolve) =>
    socket.once("close", () => resolve({ text, ms: performance.now() - begin })),
  );
  socket.write(head);
  return { socket, ended };
};
/** The body of an answer as it came over the wire; whole, since its length is checked. */
const problemIn = (text: string): Loose => {
  const [head = "", body = ""] = text.split("\r\n\r\n");
  expect(head).toContain("content-type: application/problem+json");
  expect(head).toContain(`content-length: ${body.length}`);
  return JSON.parse(body);
};
const upgrade =
  "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
const everything = encodeURIComponent('[{"sensorId":"*","fov":{"alertRuleTypes":["*"]}}]');
const post = (path: string, body: string) =>
  fetch(`${served.url}/api/v2${path}`, { method: "POST", headers: { "User-Type": "Admin", "content-type": "application/json" }, body });

describe("a slow client", () => {
  it("that does not finish its head is answered 408", async () => {
    await start({ headMs: 200, connectionLookMs: 50 });
    const { text, ms } = await byHand("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").ended;
    expect(text).toContain("408 Request Timeout");
    expect(problemIn(text)).toMatchObject({ status: 408, title: "Request Timeout", type: "about:blank" });
    expect(ms).toBeLessThan(2000);
  });

  it("that goes on sending its head byte by byte is answered 408 too", async () => {
    await start({ headMs: 200, connectionLookMs: 50 });
    const { socket, ended } = byHand("GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ");
    const drip = setInterval(() => socket.write("y"), 20);
    const { text, ms } = await ended;
    clearInterval(drip);
    expect(text).toContain("408 Request Timeout");
    expect(ms).toBeLessThan(2000);
  });

  it("that does not finish its body is cut off, and nothing of it is taken in", async () => {
    const core = await start({ headMs: 100, requestMs: 300, connectionLookMs: 50 });
    const { socket, ended } = byHand("POST /api/v2/frames HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    const drip = setInterval(() => socket.write(" "), 40);
    const { text, ms } = await ended;
    clearInterval(drip);
    expect(text).toMatch(/^HTTP\/1\.1 40[08] /);
    expect(ms).toBeLessThan(2000);
    expect(core.incoming).toEqual([]);
  });

  it("that keeps a connection without using it loses it", async () => {
    await start({ idleMs: 200 });
    const { text, ms } = await byHand("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").ended;
    expect(text).toContain("200 OK");
    expect(ms).toBeLessThan(3000);
  });
});

/** Writes as fast as the other side takes it, until it is closed. Says how many it has begun. */
const sendMegabytes = (socket: Socket, most: number, chunkHead: string): (() => number) => {
  const megabyte = Buffer.from(`${chunkHead}${" ".repeat(1024 * 1024)}${chunkHead === "" ? "" : "\r\n"}`);
  let sent = 0;
  const pump = (): void => {
    while (sent < most && !socket.destroyed && socket.writable) {
      sent++;
      if (!socket.write(megabyte)) return void socket.once("drain", pump);
    }
  };
  pump();
  return () => sent;
};

describe("a client that sends too much", () => {
  it("of a head is answered 431", async () => {
    const core = await start();
    const { text } = await byHand(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(core.limits.headBytes)}\r\n\r\n`).ended;
    expect(problemIn(text)).toMatchObject({ status: 431, title: "Request Header Fields Too Large" });
  });

  it.each([
    ["/api/v2/frames", "announced", `content-length: ${100 * 1024 * 1024}\r\n`, ""],
    ["/api/v2/frames", "in chunks", "transfer-encoding: chunked\r\n", "100000\r\n"],
    ["/api/v2/config/roi?sensorId=a", "announced", `content-length: ${100 * 1024 * 1024}\r\nuser-type: Admin\r\n`, ""],
  ])("of a body for %s, %s, 100 MB of it, is answered 413", async (path, _, header, chunkHead) => {
    const core = await start();
    const { socket, ended } = byHand(`POST ${path} HTTP/1.1\r\nhost: x\r\n${header}\r\n`);
    const sent = sendMegabytes(socket, 100, chunkHead);
    const { text, ms } = await ended;
    expect(sent()).toBeLessThanOrEqual(100);
    expect(text).toContain("413 Payload Too Large");
    expect(ms).toBeLessThan(5000);
    expect(core.incoming).toEqual([]);
  });

  it("of a body without end is cut off", async () => {
    const core = await start();
    const { socket, ended } = byHand("POST /api/v2/frames HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n");
    const sent = sendMegabytes(socket, 5000, "100000\r\n");
    const { ms } = await ended;
    expect(sent()).toBeLessThan(4000);
    expect(ms).toBeLessThan(5000);
    expect(core.incoming).toEqual([]);
  });

  it("that is no HTTP is answered 400", async () => {
    const core = await start();
    expect(problemIn((await byHand("HELO there\r\n\r\n").ended).text)).toMatchObject({ status: 400, title: "Bad Request" });
    expect(core.lines).toEqual([]);
  });

  it("nested without end is answered 422", async () => {
    const core = await start();
    const arrays = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
    const objects = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    for (const path of ["/config/tripwire", "/config/roi", "/config/sensor", "/config/rule/alerts/fov", "/cameras/a/state"])
      for (const body of [arrays, objects]) {
        const answer = await json(await post(path, body));
        expect([path, answer.status, answer.detail]).toEqual([path, 422, "The body is nested too deeply."]);
      }
    expect(core.lines).toEqual([]);
  });
});

describe("an ill-meaning client", () => {
  it.each([
    ["limit=-1", 422],
    ["limit=1e2", 422],
    ["limit=1.5", 422],
    ["from=2021-09-17T00:00:00Z&to=2021-09-16T00:00:00Z", 422],
    ["__proto__=1&constructor=x", 200],
    ["objectType=__proto__", 200],
  ])("that asks with %s is answered %i", async (query, status) => {
    const core = await start();
    for (const path of ["/alerts", "/crossings", "/stays", "/frames", "/behavior"])
      expect((await fetch(`${served.url}/api/v2${path}?sensorId=a&${query}`)).status).toBe(status);
    expect(core.lines).toEqual([]);
  });

  it("finds only itself under the name of a built-in", async () => {
    const core = await start();
    for (const name of ["__proto__", "constructor", "toString"]) {
      const written = await json(await post("/config/sensor", `{"sensorId":${JSON.stringify(name)},"reorderMs":5}`));
      expect(written).toMatchObject({ sensorId: name, reorderMs: 5 });
    }
    expect([...core.cameras.keys()]).toEqual(["__proto__", "constructor", "toString"]);
    expect((await json(await fetch(`${served.url}/api/v2/config/sensor?sensorId=valueOf`))).reorderMs).toBe(0);
    for (const body of ['{"__proto__":{"sensorId":"a"}}', '{"sensorId":"a","constructor":1}', '{"sensorId":"a","fov":{"__proto__":{}}}'])
      expect((await json(await post("/config/sensor", body))).detail).toMatch(/(__proto__|constructor): is an unknown field/);
  });

  it.each(["a'; DROP TABLE alerts; --", "' OR '1'='1", "{tenant:String}", "\\'", "%", "../../etc/passwd"])(
    "has its sensor %j asked for as it was written, whatever it means elsewhere",
    async (sensor) => {
      const core = await start();
      await fetch(`${served.url}/api/v2/stays?sensorId=${encodeURIComponent(sensor)}`);
      expect(core.asked.find(({ question }) => question === "stays")?.scope).toMatchObject({ tenant: "default", camera: sensor });
      const told = await post(`/cameras/${encodeURIComponent(sensor)}/state`, '{"state":"online","at":"2021-09-16T06:06:00Z"}');
      expect([told.status, core.states.at(-1)?.camera]).toEqual([202, sensor]);
    },
  );

  it("cannot name what is no text: half a character, NUL, broken UTF-8", async () => {
    const core = await start();
    for (const id of ['"\\ud800"', '"a\\u0000b"', '""']) {
      expect((await post("/config/sensor", `{"sensorId":${id}}`)).status).toBe(422);
      const peer = connect(`${served.url}/api/v2/alerts/ws?filter=${encodeURIComponent(`[{"sensorId":${id}}]`)}`);
      expect((await peer.closed).code).toBe(4400);
    }
    for (const id of ["%00", "%ED%A0%80", "%", "%ff"])
      expect((await post(`/cameras/${id}/state`, '{"state":"online","at":"2021-09-16T06:06:00Z"}')).status).toBe(422);
    expect((await fetch(`${served.url}/api/v2/alerts?sensorId=a%00b`)).status).toBe(422);
    expect(core.states).toEqual([]);
    expect(core.commands).toEqual([]);
  });

  it("cannot be longer in one place than in another, counted as texts are", async () => {
    const core = await start();
    const longest = "\u{1f600}".repeat(core.limits.idLength / 2);
    const statuses = async (id: string) => {
      const filter = encodeURIComponent(JSON.stringify([{ sensorId: id }]));
      const peer = connect(`${served.url}/api/v2/alerts/ws?filter=${filter}`, ["tallywire.v1"]);
      await peer.until(() => peer.messages.length > 0);
      const state = { alert_type: "camera_status_change", event: { change: id } };
      const all = [
        await post("/config/sensor", JSON.stringify({ sensorId: id })),
        await post(`/cameras/${encodeURIComponent(id)}/state`, '{"state":"online","at":"2021-09-16T06:06:00Z"}'),
        await post("/cameras/a/state", JSON.stringify(state)),
        await fetch(`${served.url}/api/v2/alerts?sensorId=${encodeURIComponent(id)}`),
      ].map(({ status }) => status);
      peer.socket.close();
      return [...all, "ack" in peer.messages[0]];
    };
    expect(await statuses(longest)).toEqual([200, 202, 202, 200, true]);
    expect(await statuses(`${longest}x`)).toEqual([422, 422, 422, 422, false]);
  });

  it("gets no upgrade where there is no socket, and is told where one is", async () => {
    const core = await start();
    expect((await byHand(`GET //:99999999 HTTP/1.1\r\nhost: x\r\n${upgrade}`).ended).text).toContain("400 Bad Request");
    expect((await byHand(`GET /ws-emdx/api/alerts/ws HTTP/1.1\r\nhost: x\r\n${upgrade}`).ended).text).toContain(
      "/ws-emdx/api/v2/alerts/ws",
    );
    const plain = await fetch(`${served.url}/ws-emdx/api/v2/alerts/ws`);
    expect([plain.status, plain.headers.get("upgrade")]).toEqual([426, "websocket"]);
    expect(core.lines).toEqual([]);
  });
});

describe("sockets", () => {
  it("that are idle, two thousand of them, do not disturb an active one, and are told 4408", { timeout: 30_000 }, async () => {
    const core = await start({ filterWaitMs: 2000 });
    const active = connect(`${served.url}/api/v2/alerts/ws?filter=${everything}`);
    await active.opened;
    const closed = new Map<number, number>();
    const idle = Array.from({ length: 2000 }, () => {
      const socket = new WebSocket(`${served.url.replace("http", "ws")}/api/v2/alerts/ws`);
      const ended = new Promise<void>((resolve) =>
        socket.once("close", (code) => {
          closed.set(code, (closed.get(code) ?? 0) + 1);
          resolve();
        }),
      );
      return { ended };
    });
    for (let told = 0; closed.get(4408) !== 2000 && told < 400; told++) {
      core.raise(anAlert());
      await active.until(() => active.messages.length > told);
      await sleep(20);
    }
    await Promise.all(idle.map(({ ended }) => ended));
    expect([...closed]).toEqual([[4408, 2000]]);
    expect(active.messages.length).toBeGreaterThan(50);
    expect(active.socket.readyState).toBe(WebSocket.OPEN);
  });

  it("whose peer answers no ping are ended, those that answer are not", async () => {
    await start({ pingMs: 200 });
    const dead = byHand(`GET /api/v2/alerts/ws?filter=%5B%5D HTTP/1.1\r\nhost: x\r\n${upgrade}`);
    const alive = connect(`${served.url}/api/v2/alerts/ws?filter=${everything}`);
    const { text, ms } = await dead.ended;
    expect(text).toContain("101 Switching Protocols");
    expect(ms).toBeGreaterThan(150);
    expect(ms).toBeLessThan(2000);
    await sleep(400);
    expect(alive.socket.readyState).toBe(WebSocket.OPEN);
  });

  it("with a cursor ahead of the log, of which an older copy was put back, are told a gap", async () => {
    const core = await start();
    const peer = connect(`${served.url}/api/v2/alerts/ws?filter=${everything}`, ["tallywire.v1"]);
    await peer.until(() => peer.messages.length === 1);
    core.raise(anAlert(), anAlert());
    await peer.until(() => peer.messages.length === 2);
    const { cursor } = peer.messages[1];
    const restored = new FakeCore();
    const other = await serveCore(restored);
    const again = connect(`${other.url}/api/v2/alerts/ws?filter=${everything}&since=${cursor}`, ["tallywire.v1"]);
    await again.until(() => again.messages.length === 2);
    expect(again.messages[1].gap.from).toBe(cursor);
    restored.raise(anAlert());
    await again.until(() => again.messages.length === 3);
    await other.close();
  });
});

describe("a server that stops", () => {
  it("ends within a second of the last request of a client that keeps asking, and answers each one", async () => {
    await start();
    const statuses: number[] = [];
    let failures = 0;
    let asking = true;
    const busy = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (asking) {
          const answer = await fetch(`${served.url}/api/v2/alerts?sensorId=a`).catch(() => undefined);
          if (answer === undefined) {
            failures++;
            return;
          }
          await answer.arrayBuffer();
          statuses.push(answer.status);
        }
      }),
    );
    await sleep(200);
    const begin = performance.now();
    await served.app.close(5000);
    expect(performance.now() - begin).toBeLessThan(4000);
    asking = false;
    await busy;
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(failures).toBeGreaterThan(0);
  });

  it("says goodbye with its last answer to a client that always has a request under way", async () => {
    const core = await start();
    const { camera } = core;
    core.camera = async (key) => {
      await sleep(20);
      return camera(key);
    };
    const request = "GET /api/v2/alerts?sensorId=a HTTP/1.1\r\nhost: x\r\n\r\n";
    const { socket, ended } = byHand(request);
    socket.on("data", (data) => socket.write(request.repeat(data.toString().split("HTTP/1.1 200").length - 1)));
    // One goes out while another is answered, so that there is no moment between.
    for (let more = 0; more < 3; more++) {
      await sleep(27);
      socket.write(request);
    }
    await sleep(100);
    const begin = performance.now();
    await served.app.close(5000);
    expect(performance.now() - begin).toBeLessThan(4000);
    const answers = (await ended).text.split("HTTP/1.1 ").slice(1);
    expect(answers.length).toBeGreaterThan(3);
    // Nothing follows a goodbye; there is none where the connection happened to be idle.
    const goodbye = answers.findIndex((answer) => /^200 .*connection: close/is.test(answer));
    expect([-1, answers.length - 1]).toContain(goodbye);
  });

  it("waits for nobody who has opened a connection and asked nothing", async () => {
    await start();
    const { ended } = byHand("");
    await sleep(100);
    const begin = performance.now();
    await served.app.close(5000);
    await ended;
    expect(performance.now() - begin).toBeLessThan(4000);
  });

  it("takes no more sockets", async () => {
    const core = await start();
    const { camera } = core;
    core.camera = async (key) => {
      await sleep(300);
      return camera(key);
    };
    const { socket, ended } = byHand("GET /api/v2/alerts?sensorId=a HTTP/1.1\r\nhost: x\r\n\r\n");
    await sleep(100);
    const begin = performance.now();
    const closed = served.app.close(5000);
    socket.write(`GET /api/v2/alerts/ws?filter=%5B%5D HTTP/1.1\r\nhost: x\r\n${upgrade}`);
    await closed;
    expect((await ended).text).not.toContain("101 Switching");
    expect(performance.now() - begin).toBeLessThan(4000);
  });

  it("does not wait longer than it may for a socket whose peer does not answer and a body that does not end", async () => {
    await start();
    byHand(`GET /api/v2/alerts/ws?filter=%5B%5D HTTP/1.1\r\nhost: x\r\n${upgrade}`);
    byHand("POST /api/v2/frames HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{");
    await sleep(100);
    const begin = performance.now();
    await served.app.close(500);
    expect(performance.now() - begin).toBeGreaterThan(450);
    expect(performance.now() - begin).toBeLessThan(4000);
  });
});
