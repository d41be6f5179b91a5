import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Fault, faultOf, scheduleOf, startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** Says back what it hears, and keeps what became of each connection. */
const echo = async () => {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", ({ message }) => heard.push(message));
    socket.on("end", () => heard.push("end"));
    socket.on("data", (bytes) => {
      heard.push(String(bytes));
      socket.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    heard,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
};

let server: Awaited<ReturnType<typeof echo>>;
let proxy: TcpProxy;
const clients: Socket[] = [];

/** A client, with all that happens to it in words. */
const dial = async (wait = true) => {
  const socket = connect(proxy.port, "127.0.0.1");
  clients.push(socket);
  const seen: string[] = [];
  socket.on("data", (bytes) => seen.push(String(bytes)));
  socket.on("end", () => seen.push("end"));
  socket.on("error", (error: NodeJS.ErrnoException) => seen.push(error.code ?? error.message));
  socket.once("connect", () => seen.push("connected"));
  if (wait) await once(socket, "connect");
  return { socket, seen, text: () => seen.join(" ") };
};
const until = async (is: () => boolean, ms = 3000): Promise<boolean> => {
  for (const begin = performance.now(); performance.now() - begin < ms; await sleep(5)) if (is()) return true;
  return is();
};

beforeEach(async () => {
  server = await echo();
  proxy = await startTcpProxy({ seed: 1, to: server.port });
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await proxy.close();
  server.close();
});

describe("the proxy", () => {
  it("is not noticed while nothing is wrong, and passes on a close", async () => {
    const client = await dial();
    const long = "x".repeat(3_000_000);
    let back = 0;
    client.socket.on("data", (bytes) => {
      back += bytes.length;
    });
    client.socket.end(long);
    expect(await until(() => client.seen.includes("end"))).toBe(true);
    expect(back).toBe(long.length);
    expect([proxy.accepted, proxy.passed]).toEqual([1, 2 * long.length]);
  });

  it("refuses by a reset while it leads nowhere", async () => {
    const nowhere = await startTcpProxy({ seed: 1 });
    const socket = connect(nowhere.port, "127.0.0.1");
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
    nowhere.leadTo(server.port);
    const again = connect(nowhere.port, "127.0.0.1");
    again.write("hello");
    expect(String(await once(again, "data"))).toBe("hello");
    again.destroy();
    await nowhere.close();
  });

  it("makes everything late, and leaves it in order", async () => {
    const client = await dial();
    await proxy.begin({ kind: "latency", ms: 60, jitterMs: 40 });
    const began = performance.now();
    for (let i = 0; i < 10; i++) {
      client.socket.write(`${i},`);
      await sleep(5);
    }
    expect(await until(() => client.text().includes("9,"))).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(120);
    expect(client.seen.slice(1).join("")).toBe("0,1,2,3,4,5,6,7,8,9,");
  });

  it("resets what is open and what comes, until it ends", async () => {
    const client = await dial();
    client.socket.write("a");
    await until(() => client.text().endsWith("a"));
    await proxy.begin({ kind: "reset" });
    expect(await until(() => client.text().endsWith("ECONNRESET"))).toBe(true);
    expect(await until(() => server.heard.includes("read ECONNRESET"))).toBe(true);
    const next = await dial(false);
    expect(await until(() => next.text().endsWith("ECONNRESET"))).toBe(true);
    await proxy.end();
    const last = await dial();
    last.socket.write("b");
    expect(await until(() => last.text() === "connected b")).toBe(true);
  });

  for (const dead of ["to-server", "to-client"] as const)
    it(`keeps one direction silent, ${dead}, and the other not`, async () => {
      const client = await dial();
      await proxy.begin({ kind: "half-open", dead, afterwards: "delivers" });
      client.socket.write("a");
      await sleep(150);
      expect([server.heard, client.text()]).toEqual([dead === "to-server" ? [] : ["a"], "connected"]);
      await proxy.end();
      expect(await until(() => client.text() === "connected a")).toBe(true);
    });

  it("swallows everything in a black hole, a reset too, and delivers what TCP would repeat", async () => {
    const client = await dial();
    const leaving = await dial();
    await proxy.begin({ kind: "black-hole", accepts: true, afterwards: "delivers" });
    client.socket.write("a");
    leaving.socket.resetAndDestroy();
    const next = await dial();
    next.socket.write("b");
    await sleep(150);
    expect([server.heard, client.text(), next.text()]).toEqual([[], "connected", "connected"]);
    await proxy.end();
    expect(await until(() => client.text() === "connected a" && next.text() === "connected b")).toBe(true);
    expect(await until(() => server.heard.includes("read ECONNRESET"))).toBe(true);
  });

  it("forgets the connections of a black hole if it is told to: they stay silent and nobody is told", async () => {
    const client = await dial();
    await proxy.begin({ kind: "black-hole", accepts: true, afterwards: "forgotten" });
    client.socket.write("a");
    await sleep(20);
    await proxy.end();
    client.socket.write("b");
    const next = await dial();
    next.socket.write("c");
    expect(await until(() => next.text() === "connected c")).toBe(true);
    await sleep(100);
    expect([server.heard, client.text()]).toEqual([["c"], "connected"]);
  });

  it("lets no connection come about in a black hole that does not accept, and then does", async () => {
    await proxy.begin({ kind: "black-hole", accepts: false, afterwards: "delivers" });
    const client = await dial(false);
    await sleep(300);
    expect(client.text()).toBe("");
    await proxy.end();
    client.socket.write("a");
    // The kernel knocks again after a second.
    expect(await until(() => client.text() === "connected a", 5000)).toBe(true);
  });

  it("tells the client late that the server has closed", async () => {
    const client = await dial();
    const began = performance.now();
    await proxy.begin({ kind: "slow-close", ms: 200 });
    client.socket.write("lost");
    expect(await until(() => server.heard.includes("end"))).toBe(true);
    expect(client.text()).toBe("connected");
    expect(await until(() => client.text() === "connected end")).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(190);
    expect(server.heard).toEqual(["end"]);
    const next = await dial();
    next.socket.write("a");
    expect(await until(() => next.text() === "connected a")).toBe(true);
  });

  it("lets no more bytes through than a cap allows", async () => {
    const client = await dial();
    await proxy.begin({ kind: "bandwidth", bytesPerSecond: 400_000 });
    let back = 0;
    client.socket.on("data", (bytes) => {
      back += bytes.length;
    });
    const began = performance.now();
    client.socket.write("x".repeat(100_000));
    expect(await until(() => back === 100_000)).toBe(true);
    expect(performance.now() - began).toBeGreaterThan(200);
  });
});

describe("a schedule of faults", () => {
  it("is the same for the same seed and meets every kind within a few", () => {
    expect(scheduleOf(7, 12)).toEqual(scheduleOf(7, 12));
    expect(scheduleOf(7, 12)).not.toEqual(scheduleOf(8, 12));
    const kinds = new Set(scheduleOf(7, 6).map(({ fault }) => fault.kind));
    expect([...kinds].sort()).toEqual(["bandwidth", "black-hole", "half-open", "latency", "reset", "slow-close"]);
  });

  it("has within fifty seeds every particular there is", () => {
    const all = Array.from({ length: 50 }, (_, seed) => faultOf(seed));
    const of = (is: (fault: Fault) => boolean): number => all.filter(is).length;
    const counts = [
      of((f) => f.kind === "black-hole" && f.accepts),
      of((f) => f.kind === "black-hole" && !f.accepts),
      of((f) => f.kind === "half-open" && f.dead === "to-client"),
      of((f) => f.kind === "half-open" && f.dead === "to-server"),
      of((f) => "afterwards" in f && f.afterwards === "forgotten"),
      of((f) => "afterwards" in f && f.afterwards === "delivers"),
    ];
    expect(counts.every((count) => count > 0)).toBe(true);
  });
});
