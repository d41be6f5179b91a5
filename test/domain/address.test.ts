import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  cut,
  endsInNumber,
  holds,
  isLoopback,
  isLoopbackHost,
  rangeOf,
  readAddress,
  readRange,
  spell,
  unmapped,
  v4Behind,
  v4Within,
} from "../../domain/address.ts";

const spelt = (text: string): string | undefined => {
  const address = readAddress(text);
  return address && spell(address);
};

describe("the text of an address", () => {
  it("means what Node takes it to mean, for every usual spelling", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const address = readAddress(text);
        expect(address?.family).toBe(isIP(text));
        const same = new BlockList();
        same.addAddress(spell(address as NonNullable<typeof address>), `ipv${address?.family as 4 | 6}`);
        expect(same.check(text, `ipv${address?.family as 4 | 6}`)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("is no IPv6 address where Node says it is none", () => {
    const near = fc.string({ maxLength: 30, unit: fc.constantFrom(":", "::", "0", "1", "ffff", "g", "12345", "1.2.3.4", ".", "%", "/") });
    let those = 0;
    fc.assert(
      fc.property(near, (text) => {
        fc.pre(text.includes(":") && !text.includes("%"));
        expect([text, readAddress(text) !== undefined]).toEqual([text, isIP(text) === 6]);
        if (isIP(text) === 6) those += 1;
      }),
      { numRuns: 5000 },
    );
    expect(those).toBeGreaterThan(20);
  });

  it.each([
    ["127.1", "127.0.0.1"],
    ["127.0.1", "127.0.0.1"],
    ["0x7f.1", "127.0.0.1"],
    ["0x7f000001", "127.0.0.1"],
    ["0X7F.0.0.0x1", "127.0.0.1"],
    ["2130706433", "127.0.0.1"],
    ["0177.0.0.1", "127.0.0.1"],
    ["017700000001", "127.0.0.1"],
    ["127.0.0.1.", "127.0.0.1"],
    ["0", "0.0.0.0"],
    ["00", "0.0.0.0"],
    ["10.65535", "10.0.255.255"],
    ["4294967295", "255.255.255.255"],
  ])("is read as the system reads it: %s is %s", (text, meant) => {
    expect(spelt(text)).toBe(meant);
    expect(endsInNumber(text)).toBe(true);
  });

  it.each([
    "4294967296",
    "256.1.1.1",
    "1.2.3.4.5",
    "1.2.3.4.0",
    "1:2:3:4::5:6:7:8",
    "1.256.1",
    "08.0.0.1",
    "0x",
    "1..2",
    "1.2.3.4..",
    ".1",
    "1.2.3.0xg",
    "-1.2.3.4",
    "1e3",
  ])("is none when its numbers do not fit: %s", (text) => {
    expect(readAddress(text)).toBeUndefined();
  });

  it.each(["localhost", "cam.example", "cam1", "1a", "0x7g", "1.example.", "", "fe80::1%eth0"])(
    "is none when it is a name or has a zone: %j",
    (text) => {
      expect([readAddress(text), endsInNumber(text)]).toEqual([undefined, false]);
    },
  );

  it.each(["256.1.1.1", "cam.1", "cam.0x1", "cam.0x", "1.2.3.4.5."])("that ends in a number is no name either: %s", (text) => {
    expect(endsInNumber(text)).toBe(true);
  });

  it.each([
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::ffff:7f00:1", "127.0.0.1"],
    ["::ffff:0:127.0.0.1", "127.0.0.1"],
    ["::127.0.0.1", "127.0.0.1"],
    ["64:ff9b::10.1.2.3", "10.1.2.3"],
    ["2002:7f00:1::", "127.0.0.1"],
    ["2002:a01:203:1:2:3:4:5", "10.1.2.3"],
    ["2001:0:1:2:3:4:80ff:fffe", "127.0.0.1"],
  ])("leads to an IPv4 address when it is of a form that does: %s to %s", (text, within) => {
    const found = v4Within(readAddress(text) as NonNullable<ReturnType<typeof readAddress>>);
    expect(found && spell(found)).toBe(within);
  });

  it.each(["::", "::1", "fc00::1", "2001:db8::1", "::fffe:1:2", "10.0.0.1"])("leads to no other when it is not: %s", (text) => {
    expect(v4Within(readAddress(text) as NonNullable<ReturnType<typeof readAddress>>)).toBeUndefined();
  });

  it.each([
    ["fe80::5efe:10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2:0:5efe:7f00:1", "127.0.0.1"],
    ["2001:db8::200:5efe:a9fe:a9fe", "169.254.169.254"],
    ["2001:db8::100:5efe:a9fe:a9fe", undefined],
    ["2001:db8::1:5efe:a9fe:a9fe", undefined],
    ["2001:db8:0:5efe::1", undefined],
    ["0.0.94.254", undefined],
  ])("may have an IPv4 address behind it in the form of ISATAP: %s %s", (text, behind) => {
    const found = v4Behind(readAddress(text) as NonNullable<ReturnType<typeof readAddress>>);
    expect(found && spell(found)).toBe(behind);
  });
});

describe("a range of addresses", () => {
  it("holds what Node's BlockList says it holds, and whole ranges within it", () => {
    const near = (text: string, bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }).map((low) => ({ text, low }));
    const heard = { in: 0, out: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4().chain((text) => near(text, 32)),
          fc.ipV6().chain((text) => near(text, 128)),
        ),
        fc.integer({ min: 0, max: 128 }),
        fc.integer({ min: 0, max: 128 }),
        ({ text, low }, length, flips) => {
          const address = readAddress(text) as NonNullable<ReturnType<typeof readAddress>>;
          const bits = address.family === 4 ? 32 : 128;
          const prefix = length % (bits + 1);
          const rest = BigInt(bits - prefix);
          const first = { family: address.family, value: (address.value >> rest) << rest };
          const range = { ...first, length: prefix };
          // Another that differs in its last bits only, so that both answers occur.
          const other = { family: address.family, value: address.value ^ (low >> BigInt(flips % bits)) };
          const list = new BlockList();
          list.addSubnet(spell(first), prefix, `ipv${address.family}`);
          const isIn = list.check(spell(other), `ipv${address.family}`);
          expect(holds(range, other)).toBe(isIn);
          expect(holds(range, { ...other, length: bits })).toBe(isIn);
          if (prefix > 0) expect(holds(range, { ...first, length: prefix - 1 })).toBe(false);
          heard[isIn ? "in" : "out"] += 1;
        },
      ),
      { numRuns: 2000 },
    );
    expect(heard.in).toBeGreaterThan(200);
    expect(heard.out).toBeGreaterThan(200);
  });

  it("is never of two families", () => {
    expect(holds(rangeOf("::/0"), readAddress("10.0.0.1") as NonNullable<ReturnType<typeof readAddress>>)).toBe(false);
    expect(holds(rangeOf("0.0.0.0/0"), rangeOf("::1"))).toBe(false);
  });

  it.each(["10.0.0.0/8", "fc00::/7", "0.0.0.0/0", "::/0", "127.0.0.1", "::1/128"])("is read: %s", (text) => {
    expect(readRange(text)).not.toHaveProperty("flaw");
    expect(rangeOf(text)).toEqual(readRange(text));
  });

  it.each([
    ["10.0.0.0/33", /32 bits/],
    ["fc00::/129", /128 bits/],
    ["192.168.1.10/24", /begins at 192\.168\.1\.0\/24, and the address alone is 192\.168\.1\.10\/32/],
    ["10.0.0/8", /no range/],
    ["0x7f.1", /no range/],
    ["10.0.0.0/", /no range/],
    ["10.0.0.0/-1", /no range/],
    ["10.0.0.0/8/8", /no range/],
    ["example/8", /no range/],
    ["", /no range/],
    ["::ffff:10.0.0.0/104", /spelling of IPv4/],
    ["64:ff9b::/96", /spelling of IPv4/],
  ])("is refused: %s", (text, why) => {
    expect(readRange(text)).toEqual({ flaw: expect.stringMatching(why) });
    expect(() => rangeOf(text)).toThrow(why);
  });
});

describe("loopback", () => {
  it.each([
    "127.0.0.1",
    "127.255.255.255",
    "127.1",
    "0x7f000001",
    "::1",
    "0:0::0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "localhost",
    "LocalHost",
  ])("has the host %j", (host) => expect(isLoopbackHost(host)).toBe(true));
  // Forms that lead to an IPv4 address by way of somebody else are not this machine's.
  it.each([
    "128.0.0.1",
    "126.255.255.255",
    "::",
    "::2",
    "0.0.0.0",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "::7f00:1",
    "::ffff:128.0.0.1",
    "localhost.",
    "127.0.0.256",
    "127.0.0.1.example",
    "",
    "[::1]",
  ])("has not the host %j", (host) => expect(isLoopbackHost(host)).toBe(false));

  it("has the ranges that are wholly in it, no wider ones", () => {
    expect(["127.0.0.0/8", "127.1.0.0/16", "::1/128"].map(rangeOf).map(isLoopback)).toEqual([true, true, true]);
    expect(["0.0.0.0/0", "126.0.0.0/7", "::/0", "::/127", "10.0.0.0/8"].map(rangeOf).map(isLoopback)).toEqual(Array(5).fill(false));
  });
});

describe("an address", () => {
  const read = (text: string) => readAddress(text) as NonNullable<ReturnType<typeof readAddress>>;
  it("that is mapped is the one it stands for; no other is", () => {
    expect(unmapped(read("::ffff:10.0.0.1"))).toEqual(read("10.0.0.1"));
    for (const text of ["10.0.0.1", "::1", "2002:a00:1::", "::a00:1", "::1:ffff:0:1"]) expect(unmapped(read(text))).toEqual(read(text));
  });

  it("is cut to its first bits", () => {
    expect(spell(cut(read("2001:db8:0:1:2:3:4:5"), 64))).toBe("2001:db8:0:1:0:0:0:0");
    expect(spell(cut(read("10.1.2.3"), 9))).toBe("10.0.0.0");
  });
});
