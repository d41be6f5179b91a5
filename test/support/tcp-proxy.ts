/**
 * A bad network between two programs that are not told of it: a TCP proxy on the loopback address whose faults begin and end on
 * command. What a fault does is what TCP can do: bytes come late, or never again on that connection, but never with a hole between.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { dice } from "./history.ts";
import { deafListener } from "./tcp-proxy/deaf-listener.ts";
import { Link } from "./tcp-proxy/link.ts";
import { Weather } from "./tcp-proxy/weather.ts";

/** What becomes of a connection that lived through the silence: its packets come through after all, or whoever stood between has forgotten it. */
type Afterwards = "delivers" | "forgotten";

export type Fault =
  /** Every piece of data comes so much later, in order. */
  | { readonly kind: "latency"; readonly ms: number; readonly jitterMs: number }
  /** Connections are reset (RST) when it begins, new ones as soon as they are there. */
  | { readonly kind: "reset" }
  /** One direction is silent, the other goes on. */
  | { readonly kind: "half-open"; readonly dead: "to-server" | "to-client"; readonly afterwards: Afterwards }
  /** Both directions are silent. Without `accepts` a new connection does not come about either: its SYN is not answered. */
  | { readonly kind: "black-hole"; readonly accepts: boolean; readonly afterwards: Afterwards }
  /** The server has closed when it begins; the client hears of that, and of every other close, so much later. */
  | { readonly kind: "slow-close"; readonly ms: number }
  /** Bytes a second, for each connection and direction. */
  | { readonly kind: "bandwidth"; readonly bytesPerSecond: number };

export interface TcpProxy {
  readonly port: number;
  /** Connections that came since the start: a test that shows nothing has none. */
  readonly accepted: number;
  /** Bytes that came through, either way. */
  readonly passed: number;
  /** Where it leads. May be given later than the proxy is started: some servers must know their proxy's port first. */
  leadTo(port: number): void;
  /** Ends the fault before, if there is one. */
  begin(fault: Fault): Promise<void>;
  end(): Promise<void>;
  close(): Promise<void>;
}

const HOST = "127.0.0.1";

const listenOn = async (server: Server, port: number): Promise<number> => {
  server.listen(port, HOST);
  await once(server, "listening");
  return (server.address() as { port: number }).port;
};

/** The seed decides about jitter. `port`: a free one where none is given. */
export const startTcpProxy = async (options: {
  readonly seed: number;
  readonly to?: number;
  readonly port?: number;
}): Promise<TcpProxy> => {
  const weather = new Weather(dice(options.seed));
  const links = new Set<Link>();
  let target = options.to;
  let accepted = 0;
  let passed = 0;
  let deaf: { close(): Promise<void> } | undefined;

  const welcome = (client: Socket): void => {
    accepted += 1;
    if (target === undefined || weather.fault?.kind === "reset") {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, connect({ port: target, host: HOST, allowHalfOpen: true, noDelay: true }), weather, (bytes) => {
      passed += bytes;
    });
    links.add(link);
    void link.done.then(() => links.delete(link));
  };
  const open = (): Server => createServer({ allowHalfOpen: true, noDelay: true }, welcome);
  let server = open();
  const port = await listenOn(server, options.port ?? 0);

  const end = async (): Promise<void> => {
    const { fault } = weather;
    if (fault === undefined) return;
    if ("afterwards" in fault && fault.afterwards === "forgotten") for (const link of links) link.forget();
    if (deaf !== undefined) {
      await deaf.close();
      deaf = undefined;
      server = open();
      await listenOn(server, port);
    }
    weather.become(undefined);
  };

  return {
    port,
    get accepted() {
      return accepted;
    },
    get passed() {
      return passed;
    },
    leadTo: (to) => {
      target = to;
    },
    begin: async (fault) => {
      await end();
      weather.become(fault);
      if (fault.kind === "reset") for (const link of links) link.reset();
      if (fault.kind === "slow-close") for (const link of links) link.closeSlowly(fault.ms);
      if (fault.kind === "black-hole" && !fault.accepts) {
        // Only the listening socket goes: connections that are there live on.
        server.close();
        deaf = await deafListener(port);
      }
    },
    end,
    close: async () => {
      await end();
      weather.become(undefined);
      for (const link of links) link.reset();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

/** A fault with all its particulars, decided by a seed. The kinds take turns, so that few seeds meet them all. */
export const faultOf = (seed: number): Fault => {
  const d = dice(seed);
  const afterwards = d.one<Afterwards>(["delivers", "forgotten"]);
  const kinds: readonly (() => Fault)[] = [
    () => ({ kind: "latency", ms: 20 + d.upTo(180), jitterMs: d.upTo(100) }),
    () => ({ kind: "reset" }),
    () => ({ kind: "half-open", dead: d.one(["to-server", "to-client"] as const), afterwards }),
    () => ({ kind: "black-hole", accepts: d.chance(0.5), afterwards }),
    () => ({ kind: "slow-close", ms: 200 + d.upTo(2000) }),
    () => ({ kind: "bandwidth", bytesPerSecond: 50_000 + d.upTo(450_000) }),
  ];
  return (kinds[seed % kinds.length] as () => Fault)();
};

/** When a fault begins, milliseconds after the one before has ended, and how long it lasts. */
export type Spell = { readonly afterMs: number; readonly forMs: number; readonly fault: Fault };

export const scheduleOf = (seed: number, spells: number, longestMs = 6000): readonly Spell[] => {
  const d = dice(seed ^ 0x5eed);
  return Array.from({ length: spells }, (_, i) => ({
    afterMs: 300 + d.upTo(1200),
    forMs: 300 + d.upTo(longestMs - 300),
    fault: faultOf(seed + i),
  }));
};
