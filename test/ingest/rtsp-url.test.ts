import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { RtspUrl, readRtspUrl } from "../../ingest/rtsp-url.ts";
import { CANARY, canaryUrls } from "../support/canary.ts";

const read = (text: string): RtspUrl => {
  const found = readRtspUrl(text);
  if (found instanceof RtspUrl) return found;
  throw new Error(`${text}: ${found.flaw}`);
};
const flaw = (text: string): string => {
  const found = readRtspUrl(text);
  if (found instanceof RtspUrl) throw new Error(`${text} was taken`);
  return found.flaw;
};
const masked = (text: string): string => read(text).masked;

describe("the address of a camera", () => {
  it.each([
    ["rtsp://10.0.0.4/stream", "rtsp://10.0.0.4/stream", "10.0.0.4", 554],
    ["rtsps://cam.example/", "rtsps://cam.example/", "cam.example", 322],
    ["RTSP://Cam-1.Example.:8554/Media/A?b=C", "rtsp://cam-1.example.:8554/Media/A?b=C", "cam-1.example.", 8554],
    ["rtsp://[FD00::1]:8554/x", "rtsp://[fd00::1]:8554/x", "fd00::1", 8554],
    ["rtsp://[::ffff:10.0.0.4]", "rtsp://[::ffff:10.0.0.4]", "::ffff:10.0.0.4", 554],
    ["rtsp://cam_1?a", "rtsp://cam_1?a", "cam_1", 554],
    ["rtsp://xn--mnchen-3ya.example/a/../b", "rtsp://xn--mnchen-3ya.example/a/../b", "xn--mnchen-3ya.example", 554],
  ])("is read strictly: %s", (text, url, host, port) => {
    expect({ url: read(text).url, host: read(text).host, port: read(text).port }).toEqual({ url, host, port });
  });

  it.each([
    ["rtsp://user:secret@host:554/stream", "rtsp://user:***@host:554/stream"],
    ["rtsp://token:@host/", "rtsp://***:***@host/"],
    ["rtsp://:secret@host/", "rtsp://:***@host/"],
    ["rtsp://token@host/", "rtsp://***@host/"],
    ["rtsp://us%40er:se%3Acr%2Fet@host/", "rtsp://us%40er:***@host/"],
    ["rtsp://user:secret@[fd00::1]:554/a", "rtsp://user:***@[fd00::1]:554/a"],
    ["rtsp://h/live?user=a&password=secret", "rtsp://h/live?user=a&password=***"],
    ["rtsp://h/live?a=1&PassWd=secret&channel=2&subtype=0", "rtsp://h/live?a=1&PassWd=***&channel=2&subtype=0"],
    ["rtsp://h/live?token=secret&what=ever", "rtsp://h/live?token=***"],
    ["rtsp://h/live?p%61ss=secret", "rtsp://h/live?p%61ss=***"],
    ["rtsp://h/live?pass%3Dsecret", "rtsp://h/live?pass%3D***"],
    ["rtsp://h/user=admin_password=xyz_channel=1_stream=0.sdp", "rtsp://h/user=admin_password=***_channel=1_stream=0.sdp"],
    [
      "rtsp://h/user=admin_password=x_y/z?q_channel=1_stream=0.sdp?real_stream",
      "rtsp://h/user=admin_password=***_channel=1_stream=0.sdp?real_stream",
    ],
    ["rtsp://h/user=admin&password=xyz&channel=1", "rtsp://h/user=admin&password=***&channel=1"],
    ["rtsp://h/api_key=secret/live", "rtsp://h/api_key=***"],
    ["rtsp://h/pass_word=secret", "rtsp://h/pass_word=***"],
    ["rtsp://h/live;sig=secret", "rtsp://h/live;sig=***"],
    ["rtsp://h/tokens/channel=1?key&stream=2", "rtsp://h/tokens/channel=1?key&stream=2"],
    ["rtsp://h/password=_channel=1", "rtsp://h/password=***"],
    [
      "rtsp://h/Streaming/Channels/101?transportmode=unicast&profile=p1",
      "rtsp://h/Streaming/Channels/101?transportmode=unicast&profile=p1",
    ],
    ...["pwd", "AUTH", "access_token", "x-signature", "credentials", "client_secret", "psw"].map((name) => [
      `rtsp://h/live?${name}=secret`,
      `rtsp://h/live?${name}=***`,
    ]),
  ])("is masked: %s", (text, shown) => {
    expect(masked(text as string)).toBe(shown);
  });

  it.each([
    ["http://host/", /begin with rtsp/],
    ["rtsp:host", /begin with rtsp/],
    ["rtsp:/host", /begin with rtsp/],
    [" rtsp://host/", /begin with rtsp/],
    ["", /begin with rtsp/],
    ["rtsp://ho st/", /spaces/],
    ["rtsp://host/a\tb", /spaces or control/],
    ["rtsp://host/\u0000", /control/],
    ["rtsp://host/\u0085", /control/],
    ["rtsp://host/a\r\nTEARDOWN", /control/],
    ["rtsp://host\\@evil/", /backslash/],
    ["rtsp://host/#a", /fragment/],
    ["rtsp://münchen.example/", /percent-encoded/],
    ["rtsp://１２７.0.0.1/", /percent-encoded/],
    ["rtsp://user:pa^ss@host/", /percent-encoded/],
    ["rtsp://user:pa%ss@host/", /two hexadecimal/],
    ["rtsp://user:%00@host/", /control characters, percent-encoded/],
    ["rtsp://us%7Fer:a@host/", /control characters, percent-encoded/],
    ["rtsp://host/a%0d%0ab", /control characters, percent-encoded/],
    ["rtsp://user:pa@ss@host/", /more than one @/],
    ["rtsp://user:pa@ss/word@host/", /more than one @/],
    ["rtsp://user:pa/ss@host/", /after the host/],
    ["rtsp://user:pa?ss@host/", /after the host/],
    ["rtsp://user:pa:ss@host/", /more than one :/],
    ["rtsp://[a:b@host/", /brackets before/],
    ["rtsp://@host/", /no user/],
    ["rtsp:///stream", /no host/],
    ["rtsp://:554/stream", /no host/],
    ["rtsp://user:secret@/", /no host/],
    ["rtsp://user:secret", /port that is no number/],
    ["rtsp://host:/", /port that is no number/],
    ["rtsp://host:5x/", /port that is no number/],
    ["rtsp://host:0/", /1 to 65535/],
    ["rtsp://host:65536/", /1 to 65535/],
    ["rtsp://::1/", /IPv6/],
    ["rtsp://[::1/", /IPv6/],
    ["rtsp://[::1]a/", /IPv6/],
    ["rtsp://[fe80::1%25eth0]/", /IPv6/],
    ["rtsp://[1:2:3]/", /no IPv6 address/],
    ["rtsp://host%41/", /neither a name nor/],
    ["rtsp://ho,st/", /neither a name nor/],
    ["rtsp://a..b/", /neither a name nor/],
    ["rtsp://-a/", /neither a name nor/],
    [`rtsp://${"a".repeat(64)}/`, /neither a name nor/],
    [`rtsp://${"a.".repeat(127)}/`, /neither a name nor/],
    ["rtsp://host/[a]", /brackets after/],
  ])("is refused when it is ambiguous or malformed: %j", (text, why) => {
    expect(flaw(text)).toMatch(why);
  });

  it("is no longer than a text may be", () => {
    const longest = `rtsp://host/${"a".repeat(limits.textLength - 12)}`;
    expect(read(longest).url).toBe(longest);
    expect(flaw(`${longest}a`)).toContain(String(limits.textLength));
  });

  it("is told from its masked form, and that form with another host is refused rather than kept as the password", () => {
    for (const text of ["rtsp://u:secret@h/", "rtsp://secret@h/", "rtsp://h/?key=secret", "rtsp://h/password=secret_channel=1"]) {
      // So a mask that is written back cannot be taken for an address.
      expect(flaw(masked(text))).toMatch(/secret itself/);
      expect(flaw(masked(text).replace("h/", "other/"))).toMatch(/secret itself/);
    }
  });
});

describe("a password", () => {
  const password = fc.oneof(
    fc.string({ minLength: 6, maxLength: 40 }),
    fc.string({ minLength: 6, maxLength: 40, unit: "grapheme" }),
    // What an address is made of, so that it falls apart in every way it can.
    fc.string({
      minLength: 6,
      maxLength: 20,
      unit: fc.constantFrom(..."ab1@:/?#&;=_%[]*.\\ ", "channel=1", "pass=", "%3D", "%2F", "rtsp://"),
    }),
  );
  const places: readonly ((password: string) => string)[] = [
    (word) => `rtsp://operator:${word}@cam.example:8554/live`,
    (word) => `rtsp://operator:${encodeURIComponent(word)}@cam.example:8554/live`,
    (word) => `rtsp://${word}@cam.example/live`,
    (word) => `rtsp://cam.example/live?user=operator&password=${word}`,
    (word) => `rtsp://cam.example/live?token=${encodeURIComponent(word)}&channel=1`,
    (word) => `rtsp://cam.example/user=admin_password=${word}_channel=1_stream=0.sdp`,
    (word) => `rtsp://cam.example/user=admin&passwd=${encodeURIComponent(word)}&channel=1`,
  ];
  const around = places.map((place) => place("")).join(" ");

  it("stands in no masked form, no error, no JSON and no inspection, whatever it is and wherever it stands", () => {
    const heard = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(password, fc.constantFrom(...places), (word, place) => {
        // One that is a part of the address without it cannot be told from that.
        const [given, encoded] = [place(word), encodeURIComponent(word)];
        fc.pre(!around.includes(word) && !"***".includes(word));
        const found = readRtspUrl(given);
        const said = [JSON.stringify(found), inspect(found, { depth: 9, showHidden: true }), String(found)];
        if (found instanceof RtspUrl) said.push(found.masked, found.host, JSON.stringify({ ...found }));
        else said.push(found.flaw);
        for (const text of said) {
          expect(text).not.toContain(word);
          expect(text).not.toContain(encoded);
        }
        heard[found instanceof RtspUrl ? "taken" : "refused"] += 1;
      }),
      { numRuns: 5000 },
    );
    expect(heard.taken).toBeGreaterThan(500);
    expect(heard.refused).toBeGreaterThan(500);
  });

  it("is masked in every address of the canary, and kept in what is connected to", () => {
    for (const url of Object.values(canaryUrls)) {
      const found = read(url());
      expect(found.url.includes(CANARY)).toBe(true);
      expect([found.masked, found.host, JSON.stringify(found), inspect(found)].some((text) => text.includes(CANARY))).toBe(false);
    }
  });

  it("that is percent-encoded is kept as it was written, and its host is the true one", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (word) => {
        const encoded = encodeURIComponent(word).replaceAll("*", "%2A");
        fc.pre(!/%(?:[01]|7F)/.test(encoded));
        const url = `rtsp://operator:${encoded}@cam.example:8554/live`;
        expect(read(url)).toMatchObject({ url, host: "cam.example", port: 8554, masked: "rtsp://operator:***@cam.example:8554/live" });
      }),
    );
  });
});
