/** Where cameras may be: what a host stands for, judged by every address it has. */
import { lookup as systemLookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Address,
  endsInNumber,
  holds,
  isLoopback,
  rangeOf,
  readAddress,
  spell,
  unmapped,
  v4Behind,
  v4Within,
} from "../domain/address.ts";
import { keyText } from "../domain/envelope.ts";
import { limits } from "../domain/limits.ts";
import { AdapterError, type CameraNetwork, type Unreachable } from "../domain/ports.ts";
import { type RtspParts, readRtsp } from "../domain/rtsp.ts";
import { turns } from "./turns.ts";

/** Rejects, or answers with none, where a name has no address. */
type Lookup = (host: string) => Promise<readonly string[]>;

export type CameraNetworkSettings = {
  /** Ranges of addresses cameras may have, as in TALLYWIRE_RTSP_ALLOW. */
  readonly allow: readonly string[];
  /** The ports at which this server and its parts listen; asked each time, since a port may be known later. */
  readonly ownPorts: () => readonly number[];
  /** In place of the system's: hosts file, then DNS. */
  readonly lookup?: Lookup;
  /** Milliseconds a lookup may take, waiting for others included. */
  readonly timeoutMs?: number;
  /** Milliseconds a name that took longer is refused at once. */
  readonly slowMs?: number;
};

/** No camera is there, whatever is allowed. */
const NEVER = [
  "0.0.0.0/8", // this machine, where nobody is named
  "::",
  "169.254.0.0/16", // link-local; clouds give out credentials there
  "fe80::/10",
  "fec0::/10", // what local to a site once was
  "224.0.0.0/4", // multicast
  "ff00::/8",
  "255.255.255.255", // broadcast
  "64:ff9b:1::/48", // IPv4 behind a translator whose form is not known here
  "192.0.0.0/24", // kept for protocols; a cloud gives out credentials there
  "100::/64", // what is sent there is thrown away
  // Where clouds give out credentials besides.
  "100.100.100.200",
  "168.63.129.16",
  "fd00:c1::a9fe:a9fe",
  "fd00:ec2::/32",
  "fd20:ce::254",
].map(rangeOf);

// One sentence for all of these: which of them it is would tell of the inside.
const NOT_ALLOWED: Unreachable = {
  unreachable: "no camera may be at this address: it is not in the ranges and ports that are allowed here",
};
const NO_URL: Unreachable = { unreachable: "this is no rtsp address" };
const NO_ADDRESS: Unreachable = { unreachable: "the host has no address" };
const NOT_NOW: Unreachable = { unreachable: "the host's name cannot be looked up now" };
const TOO_SLOW: Unreachable = { unreachable: "looking up the host's name takes too long" };

const lookUp: Lookup = async (host) => (await systemLookup(host, { all: true, order: "verbatim" })).map(({ address }) => address);

/** An IPv6 address that leads to an IPv4 address is judged as that one; one that may lead to it, as both. */
const meaningsOf = (address: Address): readonly Address[] => {
  const behind = v4Behind(address);
  const meant = v4Within(address) ?? address;
  return behind === undefined ? [meant] : [meant, behind];
};

const isOfThisMachine = (address: Address): boolean =>
  isLoopback(address) ||
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map((one) => readAddress(one.address))
    .some((own) => own !== undefined && own.family === address.family && own.value === address.value);

/** Throws nothing that is about the address: what cannot be had is said in the answer. A range that cannot be read is thrown at once. */
export const openCameraNetwork = (settings: CameraNetworkSettings): CameraNetwork => {
  const { ownPorts, lookup = lookUp, timeoutMs = limits.cameraLookupMs, slowMs = limits.slowNameMs } = settings;
  const allowed = settings.allow.map(rangeOf);
  // Loopback is opened by who names it and nothing else: 0.0.0.0/0 is said by people who think of the outside.
  const [local, outside] = split(allowed, isLoopback);
  const namesOf = lookedUp(lookup, timeoutMs, slowMs);

  const isAllowed = (meaning: Address, port: number): boolean => {
    if (NEVER.some((range) => holds(range, meaning))) return false;
    const ranges = isLoopback(meaning) ? local : outside;
    return ranges.some((range) => holds(range, meaning)) && !(ownPorts().includes(port) && isOfThisMachine(meaning));
  };

  const addressesOf = async ({ host, isBracketed }: RtspParts, whose: string): Promise<readonly (Address | undefined)[] | Unreachable> => {
    const literal = readAddress(host);
    if (literal !== undefined) return [literal];
    if (isBracketed || endsInNumber(host)) return NO_ADDRESS;
    const found = await namesOf(host, whose);
    return "unreachable" in found ? found : found.map(readAddress);
  };

  return {
    async addresses(url, whose) {
      const parts = readRtsp(url);
      if ("flaw" in parts) return NO_URL;
      const found = await addressesOf(parts, whose);
      if ("unreachable" in found) return found;
      const known = found.filter(
        (address) => address !== undefined && meaningsOf(address).every((meaning) => isAllowed(meaning, parts.port)),
      ) as readonly Address[];
      if (found.length === 0) return NO_ADDRESS;
      return known.length === found.length ? [...new Set(known.map(plain))] : NOT_ALLOWED;
    },
  };
};

/** A mapped address is connected to as what it stands for. */
const plain = (address: Address): string => spell(unmapped(address));

const split = <T>(all: readonly T[], is: (one: T) => boolean): readonly [readonly T[], readonly T[]] => [
  all.filter(is),
  all.filter((one) => !is(one)),
];

/**
 * Names are looked up in turn between tenants, one of each at a time: what a tenant's server of names is slow at keeps nobody else waiting.
 * A lookup cannot be ended: it keeps its place until it ends by itself.
 */
const lookedUp = (lookup: Lookup, timeoutMs: number, slowMs: number) => {
  const { cameraLookups: atOnce, waitingCameraLookups: most } = limits;
  const inTurn = turns({ of: "Looking up names", atOnce, atOnceOfOne: 1, line: { most, waitMs: timeoutMs } });
  /** Until when. Each has kept a place for so long that they are few. */
  const slow = new Map<string, number>();
  const remember = (name: string): void => {
    const now = performance.now();
    for (const [other, until] of slow) if (until <= now) slow.delete(other);
    slow.set(name, now + slowMs);
  };
  return async (host: string, whose: string): Promise<readonly string[] | Unreachable> => {
    // By tenant: one does not learn what another asked for.
    const name = keyText(whose, host.toLowerCase());
    if ((slow.get(name) ?? 0) > performance.now()) return TOO_SLOW;
    const done = new AbortController();
    const late = sleep(timeoutMs, TOO_SLOW, { signal: done.signal });
    // Aborted when the answer is there.
    late.catch(() => undefined);
    const look = async (): Promise<readonly string[]> => {
      // Nobody waits for it any more.
      done.signal.throwIfAborted();
      const timer = setTimeout(remember, timeoutMs, name);
      try {
        return await lookup(host);
      } finally {
        clearTimeout(timer);
      }
    };
    try {
      return await Promise.race([inTurn(whose, look), late]);
    } catch (error) {
      if (error instanceof AdapterError) return TOO_SLOW;
      const { code } = error as NodeJS.ErrnoException;
      return code === "ENOTFOUND" || code === "ENODATA" || code === "ERR_INVALID_ARG_VALUE" ? NO_ADDRESS : NOT_NOW;
    } finally {
      done.abort();
    }
  };
};
