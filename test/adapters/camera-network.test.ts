import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type CameraNetworkSettings, openCameraNetwork } from "../../adapters/camera-network.ts";
import { type ConfigError, portsOf, readConfig } from "../../config.ts";
import { limits } from "../../domain/limits.ts";

const DEFAULT = readConfig({}).RTSP_ALLOW;
const ALL = ["0.0.0.0/0", "::/0"];
const LOCAL = ["127.0.0.1/32", "::1"];
/** Asked by one tenant unless another is named. */
const network = (allow: readonly string[], more: Partial<CameraNetworkSettings> = {}) => {
  const opened = openCameraNetwork({ allow, ownPorts: () => [], ...more });
  return { addresses: (url: string, whose = "a tenant") => opened.addresses(url, whose) };
};
/** A fake DNS: what each name stands for. One that is not listed has no address. */
const dns = (names: Readonly<Record<string, readonly string[]>>) => ({
  lookup: async (host: string) => {
    const found = names[host];
    if (found === undefined) throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" });
    return found;
  },
});
const NOT_ALLOWED = { unreachable: expect.stringMatching(/no camera may be at this address/) };
const TOO_SLOW = { unreachable: expect.stringMatching(/too long/) };
const host = (text: string): string => `rtsp://user:word@${text}/stream`;

describe("where cameras may be", () => {
  it.each(["10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.20", "[fc00::1]", "[fd12:3456::1]"])(
    "is the private ranges by default: %s",
    async (text) => {
      expect(await network(DEFAULT).addresses(host(text))).toHaveLength(1);
    },
  );

  it.each(["8.8.8.8", "172.15.255.255", "172.32.0.0", "192.169.0.1", "11.0.0.1", "100.64.0.1", "[2001:db8::1]", "[fe00::1]"])(
    "is nowhere else: %s",
    async (text) => {
      expect(await network(DEFAULT).addresses(host(text))).toEqual(NOT_ALLOWED);
    },
  );

  it.each([
    "0.0.0.0",
    "0",
    "0.1.2.3",
    "[::]",
    "169.254.1.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "[fe80::1]",
    "[febf::1]",
    "224.0.0.1",
    "239.255.255.255",
    "[ff02::1]",
    "255.255.255.255",
    "[::ffff:169.254.169.254]",
    "[::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[2001:0:1:2:3:4:5601:5601]",
    "[::ffff:0.0.0.0]",
    "100.100.100.200",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.0.255",
    "[::ffff:192.0.0.1]",
    "[64:ff9b::c000:1]",
    "[fec0::1]",
    "[feff:ffff::1]",
    "[100::1]",
    "[100::ffff:ffff:ffff:ffff]",
    "[fd00:ec2::254]",
    "[fd00:ec2:1::23]",
    "[fd12::5efe:a9fe:a9fe]",
    "[fe80::5efe:a00:1]",
    "[fd20:ce::254]",
  ])(
    "is never link-local, site-local, unspecified, multicast, broadcast, discarded or where a cloud gives out credentials, whatever is allowed: %s",
    async (text) => {
      expect(
        await network([
          ...ALL,
          ...LOCAL,
          "169.254.0.0/16",
          "192.0.0.0/24",
          "fe80::/10",
          "fec0::/10",
          "100::/64",
          "fd00:ec2::254",
        ]).addresses(host(text)),
      ).toEqual(NOT_ALLOWED);
    },
  );

  it.each(["192.0.1.1", "191.255.255.255", "[100:0:0:1::1]", "[ff:ffff::1]", "[fe00::1]"])(
    "is what stands beside those, where it is allowed: %s",
    async (text) => {
      expect(await network(ALL).addresses(host(text))).toHaveLength(1);
    },
  );

  const loopbacks = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0x7f000001",
    "2130706433",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:1:2:3:4:80ff:fffe]",
  ];
  it.each([...loopbacks, "127.255.255.255", "localhost"])(
    "is not loopback, in no spelling, though everything is allowed: %s",
    async (text) => {
      expect(await network(ALL).addresses(host(text))).toEqual(NOT_ALLOWED);
      expect(await network(DEFAULT).addresses(host(text))).toEqual(NOT_ALLOWED);
      // Wider than loopback, so it does not speak of loopback.
      expect(await network(["126.0.0.0/7", "::/127"]).addresses(host(text))).toEqual(NOT_ALLOWED);
    },
  );

  it.each([...loopbacks, "localhost"])("is loopback where a range of it is named: %s", async (text) => {
    expect(await network(LOCAL).addresses(host(text))).not.toHaveProperty("unreachable");
  });

  it("is only the part of loopback that is named", async () => {
    expect(await network(["127.0.0.1"]).addresses(host("127.0.0.2"))).toEqual(NOT_ALLOWED);
    expect(await network(["127.0.0.0/30"]).addresses(host("127.0.0.2"))).toEqual(["127.0.0.2"]);
    expect(await network(["127.0.0.0/8"]).addresses(host("[::1]"))).toEqual(NOT_ALLOWED);
  });

  it("is behind an address of ISATAP's form where both it and the IPv4 address in it are allowed", async () => {
    expect(await network(DEFAULT).addresses(host("[fd12::5efe:a00:1]"))).toEqual(["fd12:0:0:0:0:5efe:a00:1"]);
    for (const bad of ["[fd12::200:5efe:808:808]", "[fd12::5efe:127.0.0.1]", "[2001:db8::5efe:a00:1]"])
      expect([bad, await network([...DEFAULT, ...LOCAL.slice(1)]).addresses(host(bad))]).toEqual([bad, NOT_ALLOWED]);
  });

  it("answers with addresses as they are connected to, each once", async () => {
    const names = dns({ "cam.example": ["10.0.0.1", "fd00::1", "10.0.0.1", "::ffff:10.0.0.2"] });
    expect(await network(DEFAULT, names).addresses(host("cam.example"))).toEqual(["10.0.0.1", "fd00:0:0:0:0:0:0:1", "10.0.0.2"]);
    expect(await network(DEFAULT).addresses(host("0xa.1"))).toEqual(["10.0.0.1"]);
    expect(await network(LOCAL).addresses("rtsps://localhost")).toContain("127.0.0.1");
  });

  it("is refused when one address of a name is not allowed, or cannot be read", async () => {
    for (const bad of ["127.0.0.1", "8.8.8.8", "169.254.169.254", "fe80::1%eth0", "::1", "nonsense", ""]) {
      expect(await network(DEFAULT, dns({ "cam.example": ["10.0.0.1", bad] })).addresses(host("cam.example"))).toEqual(NOT_ALLOWED);
      expect(await network(DEFAULT, dns({ "cam.example": [bad, "10.0.0.1"] })).addresses(host("cam.example"))).toEqual(NOT_ALLOWED);
    }
  });

  it("is asked anew each time, since a name may come to mean another address", async () => {
    const answers = [["10.0.0.1"], ["127.0.0.1"]];
    const asked = network(DEFAULT, { lookup: async () => answers.shift() ?? [] });
    expect(await asked.addresses(host("cam.example"))).toEqual(["10.0.0.1"]);
    expect(await asked.addresses(host("cam.example"))).toEqual(NOT_ALLOWED);
  });

  it("never asks the system what a number means", async () => {
    const asked: string[] = [];
    const counting = network(ALL, {
      lookup: async (name) => {
        asked.push(name);
        return ["10.0.0.1"];
      },
    });
    for (const text of ["256.1.1.1", "1.2.3.4.5", "08.1", "0x", "4294967296", "cam.1"])
      expect(await counting.addresses(host(text))).toEqual({ unreachable: "the host has no address" });
    expect(asked).toEqual([]);
  });
});

describe("a port of this server", () => {
  const own = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ address }) => !address.startsWith("fe80"))
    .map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address));

  it("is no camera at any address of this machine, in no spelling; another port is", async () => {
    expect(own.length).toBeGreaterThan(0);
    const asked = network([...ALL, "127.0.0.0/8", "::1"], { ownPorts: () => [8080, 554] });
    for (const text of [...own, "127.0.0.1", "127.8.8.8", "localhost", "127.1", "[::ffff:127.0.0.1]", "[::1]"]) {
      expect([text, await asked.addresses(`rtsp://${text}:8080/`)]).toEqual([text, NOT_ALLOWED]);
      expect([text, await asked.addresses(`rtsp://${text}/`)]).toEqual([text, NOT_ALLOWED]);
      expect(await asked.addresses(`rtsp://${text}:8554/`)).not.toHaveProperty("unreachable");
    }
    expect(await asked.addresses("rtsp://10.255.254.253:8080/")).toEqual(["10.255.254.253"]);
  });

  it("may be known later", async () => {
    let bound: readonly number[] = [];
    const asked = network(LOCAL, { ownPorts: () => bound });
    expect(await asked.addresses("rtsp://127.0.0.1:4711/")).toEqual(["127.0.0.1"]);
    bound = [4711];
    expect(await asked.addresses("rtsp://127.0.0.1:4711/")).toEqual(NOT_ALLOWED);
  });

  it("is also what the settings name, and what is meant where they name none", () => {
    const ports = (env: Record<string, string>) => [...portsOf(readConfig(env))].sort((a, b) => a - b);
    expect(ports({})).toEqual([8080]);
    expect(ports({ TALLYWIRE_PORT: "0" })).toEqual([]);
    expect(
      ports({
        TALLYWIRE_PORT: "1",
        TALLYWIRE_LOG: "kafka://u:p%3A7@a:9092,b:9093/prefix",
        TALLYWIRE_STORE: "kurrentdb://admin:changeit@c:2114?tls=true",
        TALLYWIRE_WAREHOUSE: "https://u:p@d:8443/database",
      }),
    ).toEqual([1, 2114, 8443, 9092, 9093]);
    expect(
      ports({ TALLYWIRE_LOG: "kafka://a", TALLYWIRE_STORE: "esdb+discover://c", TALLYWIRE_WAREHOUSE: "http://d", TALLYWIRE_PORT: "1" }),
    ).toEqual([1, 80, 2113, 9092]);
    expect(ports({ TALLYWIRE_WAREHOUSE: "http://[::1]:8123", TALLYWIRE_PORT: "1" })).toEqual([1, 8123]);
  });
});

describe("looking up a name", () => {
  it("says that there is no address, and no more", async () => {
    for (const lookup of [dns({}).lookup, async () => []])
      expect(await network(ALL, { lookup }).addresses(host("cam.example"))).toEqual({ unreachable: "the host has no address" });
    expect(await network(ALL).addresses("rtsp://no-such-camera.invalid/")).toHaveProperty("unreachable");
  });

  it("says that it cannot be done now", async () => {
    const lookup = async (): Promise<never> => {
      throw Object.assign(new Error("getaddrinfo EAI_AGAIN"), { code: "EAI_AGAIN" });
    };
    expect(await network(ALL, { lookup }).addresses(host("cam.example"))).toEqual({
      unreachable: "the host's name cannot be looked up now",
    });
  });

  it("waits no longer than it may, for its turn too, and a turn that came too late is not taken", async () => {
    const started: string[] = [];
    const ends: (() => void)[] = [];
    const lookup = (name: string) =>
      new Promise<readonly string[]>((resolve) => {
        started.push(name);
        ends.push(() => resolve(["10.0.0.1"]));
      });
    const asked = network(DEFAULT, { lookup, timeoutMs: 100 });
    const names = Array.from({ length: limits.cameraLookups + 2 }, (_, at) => `cam${at}.example`);
    expect(await Promise.all(names.map((name) => asked.addresses(host(name), name)))).toEqual(names.map(() => TOO_SLOW));
    expect(started).toEqual(names.slice(0, limits.cameraLookups));
    // One who waits still, behind those who do not any more: the first turn that is free goes on to him.
    const next = asked.addresses(host("next.example"));
    ends.shift()?.();
    await sleep(10);
    expect(started).toEqual([...names.slice(0, limits.cameraLookups), "next.example"]);
    for (const end of ends) end();
    expect(await next).toEqual(["10.0.0.1"]);
  });

  it("is done for several at a time, of a tenant for one, and turns go round between tenants", async () => {
    let [running, most] = [0, 0];
    const started: string[] = [];
    const lookup = async (name: string) => {
      started.push(name.slice(0, 1));
      running += 1;
      most = Math.max(most, running);
      await sleep(5);
      running -= 1;
      return ["10.0.0.1"];
    };
    const asked = network(DEFAULT, { lookup });
    const all = (names: string, whose: (name: string) => string) =>
      Promise.all([...names].map((name, at) => asked.addresses(host(`${name}${at}.example`), whose(name))));
    expect(await all("aaaaaaaaaabbcc", (name) => name)).toEqual(Array.from({ length: 14 }, () => ["10.0.0.1"]));
    expect(most).toBe(limits.cameraLookups);
    expect([started.indexOf("c") < 6, started.lastIndexOf("c") < 9, started.lastIndexOf("a")]).toEqual([true, true, 13]);
    most = 0;
    await all("aaaaa", () => "a tenant");
    expect(most).toBe(1);
  });

  it("of one tenant's slow names keeps no other waiting", async () => {
    const lookup = async (name: string) => (name.startsWith("slow") ? new Promise<never>(() => undefined) : ["10.0.0.1"]);
    const asked = network(DEFAULT, { lookup, timeoutMs: 300 });
    const slow = Array.from({ length: limits.waitingCameraLookups + 10 }, (_, at) => asked.addresses(host(`slow${at}.example`), "a"));
    for (let at = 0; at < 5; at++) expect(await asked.addresses(host(`cam${at}.example`), "b")).toEqual(["10.0.0.1"]);
    expect(await Promise.all(slow)).toEqual(slow.map(() => TOO_SLOW));
    expect(await asked.addresses(host("cam.example"), "b")).toEqual(["10.0.0.1"]);
  });

  it("is not done again for a while where it was too slow itself, for the tenant that asked", async () => {
    const started: string[] = [];
    let answer: (() => void) | undefined;
    const lookup = (name: string) =>
      new Promise<readonly string[]>((resolve) => {
        started.push(name);
        answer = () => resolve(["10.0.0.1"]);
      });
    const asked = network(DEFAULT, { lookup, timeoutMs: 100, slowMs: 1500 });
    const [first, behind] = await Promise.all(["slow.example", "behind.example"].map((name) => asked.addresses(host(name))));
    expect([first, behind]).toEqual([TOO_SLOW, TOO_SLOW]);
    await sleep(20);
    answer?.();
    await sleep(10);
    expect(await asked.addresses(host("Slow.example"))).toEqual(TOO_SLOW);
    expect(started).toEqual(["slow.example"]);
    // What stood behind it is not to blame, and another tenant does not learn of it.
    for (const [name, whose] of [
      ["behind.example", "a tenant"],
      ["slow.example", "another"],
    ] as const) {
      const found = asked.addresses(host(name), whose);
      await sleep(5);
      answer?.();
      expect(await found).toEqual(["10.0.0.1"]);
    }
    await sleep(1500);
    const again = asked.addresses(host("slow.example"));
    await sleep(5);
    answer?.();
    expect(await again).toEqual(["10.0.0.1"]);
  });
});

describe("what is said", () => {
  it("quotes neither the address nor what stands for it", async () => {
    const asked = network(DEFAULT, dns({ "cam.example": ["93.184.216.34"] }));
    for (const url of [
      host("cam.example"),
      host("8.8.8.8"),
      host("none.example"),
      host("127.1"),
      "rtsp://us@er:word@x/",
      "http://word/",
      "",
    ]) {
      const { unreachable } = (await asked.addresses(url)) as { unreachable: string };
      expect(unreachable).toMatch(/^[a-z ':,]+$/);
      expect(unreachable).not.toMatch(/word|user|example|\d/);
    }
  });

  it("of a setting that is wrong is which range it is and why", () => {
    const problem = (text: string): string => {
      try {
        readConfig({ TALLYWIRE_RTSP_ALLOW: text });
      } catch (error) {
        return (error as ConfigError).message;
      }
      throw new Error(`${text} was taken`);
    };
    expect(problem("10.0.0.0/8,nowhere")).toMatch(/^TALLYWIRE_RTSP_ALLOW: nowhere is no range/);
    expect(problem("10.0.0.1/8, fc00::/200")).toMatch(/10\.0\.0\.1\/8 is no range: it begins at 10\.0\.0\.0\/8.*; fc00::\/200 is longer/);
    expect(readConfig({ TALLYWIRE_RTSP_ALLOW: " 10.1.0.0/16 ,127.0.0.1/32," }).RTSP_ALLOW).toEqual(["10.1.0.0/16", "127.0.0.1/32"]);
    expect(readConfig({ TALLYWIRE_RTSP_ALLOW: "" }).RTSP_ALLOW).toEqual([]);
    expect(() => network(["nowhere"])).toThrow(/nowhere is no range/);
  });
});
