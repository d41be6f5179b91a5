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
    ["rtsp://h/live?ch=1&PassWd=secret&channel=2&subtype=0", "rtsp://h/live?ch=1&PassWd=***&channel=2&subtype=0"],
    ["rtsp://h/live?token=secret&what=ever", "rtsp://h/live?token=***"],
    ["rtsp://h/live?p%61ss=secret", "rtsp://h/live?p%61ss=***"],
    ["rtsp://h/live?pass%3Dsecret", "rtsp://h/live?pass%3D***"],
    ["rtsp://h/user=admin_password=xyz_channel=1_stream=0.sdp", "rtsp://h/user=admin_password=***_channel=1_stream=0.sdp"],
    [
      "rtsp://h/user=admin_password=x_y/z?q_channel=1_stream=0.sdp?real_stream",
      "rtsp://h/user=admin_password=***_channel=1_stream=0.sdp?real_stream",
    ],
    ["rtsp://h/user=admin&password=xyz&channel=1", "rtsp://h/user=admin&password=***&channel=1"],
    ["rtsp://h/api_key=secret/live", "rtsp://h/api_key=***/live"],
    ["rtsp://h/pass_word=secret", "rtsp://h/pass_word=***"],
    ["rtsp://h/live;sig=secret", "rtsp://h/live;sig=***"],
    ["rtsp://h/tokens/channel=1?key&stream=2", "rtsp://h/tokens/channel=1?***&stream=2"],
    ["rtsp://h/live?3f9c", "rtsp://h/live?***"],
    // A token in base64, and what else is no name.
    ["rtsp://h/live?c2VjcmV0==&channel=1", "rtsp://h/live?***&channel=1"],
    ["rtsp://h/live?se$cret:a", "rtsp://h/live?***"],
    [`rtsp://h/live?${"a".repeat(65)}=b`, "rtsp://h/live?***"],
    ["rtsp://h/live?user=a/secret", "rtsp://h/live?user=a/***"],
    ["rtsp://h/live?tcp/secret", "rtsp://h/live?tcp/***"],
    ["rtsp://h/user=a;secret", "rtsp://h/user=a;***"],
    ["rtsp://h/live?loginuse=admin&loginpas=secret", "rtsp://h/live?loginuse=admin&loginpas=***"],
    ["rtsp://h/live?u=admin&p=secret", "rtsp://h/live?u=***"],
    ["rtsp://h/live?login=admin:secret&channel=2", "rtsp://h/live?login=***&channel=2"],
    ["rtsp://h/live?login=admin%3Asecret", "rtsp://h/live?login=***"],
    ["rtsp://h/live?channel=1%26pw%3Dsecret", "rtsp://h/live?channel=***"],
    [`rtsp://h/live?profile=${"a".repeat(33)}`, "rtsp://h/live?profile=***"],
    ["rtsp://h/admin:secret/ch1", "rtsp://h/admin:***/ch1"],
    ["rtsp://h/admin:secret/ch1?channel=2&subtype=1", "rtsp://h/admin:***/ch1?channel=2&subtype=1"],
    ["rtsp://h/admin:se/cret", "rtsp://h/admin:***"],
    ["rtsp://h/password:secret", "rtsp://h/password:***"],
    ["rtsp://h/admin%3Asecret/live", "rtsp://h/admin%3A***/live"],
    ["rtsp://h/admin%25253Asecret", "rtsp://h/admin%25253A***"],
    ["rtsp://h/live?password%253Dsecret", "rtsp://h/live?password%253D***"],
    ["rtsp://h/live?password%25%33%44secret", "rtsp://h/live?password%25%33%44***"],
    // One letter of a password, and the rest of it looks like a channel.
    ["rtsp://h/live?password=x&channel=secret", "rtsp://h/live?password=***"],
    ["rtsp://h/live?password=x&channel=1234", "rtsp://h/live?password=***"],
    ["rtsp://h/live?password=x&channel=123", "rtsp://h/live?password=***&channel=123"],
    ["rtsp://h/live?password=1&channel=1&channel=1", "rtsp://h/live?password=***&channel=1"],
    ["rtsp://h/live?password=x*&channel=1", "rtsp://h/live?password=***"],
    ["rtsp://h/my_channel=secret", "rtsp://h/my_channel=***"],
    ["rtsp://h/user=a_secret_channel=1", "rtsp://h/user=***_channel=1"],
    ["rtsp://h/user=a,key=secret", "rtsp://h/user=a,key=***"],
    ["rtsp://a%3Asecret:x@h/", "rtsp://***:***@h/"],
    [`rtsp://${"a".repeat(33)}:x@h/`, "rtsp://***:***@h/"],
    ["rtsp://h/password=_channel=1", "rtsp://h/password=***"],
    [
      "rtsp://h/Streaming/Channels/101?transportmode=unicast&profile=p1",
      "rtsp://h/Streaming/Channels/101?transportmode=unicast&profile=p1",
    ],
    ...[
      ..."pwd AUTH access_token x-signature credentials client_secret psw".split(" "),
      ..."ps pin psk session ticket code hash kennwort mat_khau contrase%C3%B1a p k %63hannel".split(" "),
    ].map((name) => [`rtsp://h/live?${name}=secret`, `rtsp://h/live?${name}=***`]),
  ])("is masked: %s", (text, shown) => {
    expect(masked(text as string)).toBe(shown);
  });

  it.each([
    ..."/live/ch1 /Streaming/Channels/101 /axis-media/media.amp /h264Preview_01_main /ch0_0.h264 /11 /a%20b /live,1".split(" "),
    "/cam/realmonitor?channel=1&subtype=0&unicast=true&proto=Onvif",
    "/axis-media/media.amp?videocodec=h264&camera=1&resolution=640x480&fps=25",
    "/profile2/media.smp?profile=Profile_1&stream_type=0&",
    "/MediaInput/h264/stream_1?tcp",
    "/user=admin_channel=2_stream=0.sdp?real_stream",
    "/live?CHANNELNO=3&",
    "?user=",
    "",
  ])("is shown as it is where nothing in it may be a secret: %s", (rest) => {
    expect(masked(`rtsp://host${rest}`)).toBe(`rtsp://host${rest}`);
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
    ["rtsp://host/live/***", /secret itself/],
    ["rtsp://us***er:a@host/", /secret itself/],
    ["rtsp://user:a****@host/", /secret itself/],
  ])("is refused when it is ambiguous or malformed: %j", (text, why) => {
    expect(flaw(text)).toMatch(why);
  });

  it("is no longer than a text may be", () => {
    const longest = `rtsp://host/${"a".repeat(limits.textLength - 12)}`;
    expect(read(longest).url).toBe(longest);
    expect(flaw(`${longest}a`)).toContain(String(limits.textLength));
  });

  it("is told from its masked form, and that form with another host is refused rather than kept as the password", () => {
    for (const text of [
      "rtsp://u:secret@h/",
      "rtsp://secret@h/",
      "rtsp://h/?key=secret",
      "rtsp://h/password=secret_channel=1",
      "rtsp://h/a:secret/ch1",
    ]) {
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
    (word) => `rtsp://cam.example/admin:${word}/ch1`,
    (word) => `rtsp://cam.example/admin%253A${encodeURIComponent(encodeURIComponent(word))}/live?channel=1`,
    (word) => `rtsp://cam.example/live?login=admin:${word}`,
    (word) => `rtsp://cam.example/live?${word}`,
    (word) => `rtsp://cam.example/live?password%253D${encodeURIComponent(encodeURIComponent(word))}`,
  ];
  // With the mask where passwords stand: one that is `word=*` would be found there.
  const around = places.map((place) => place("***")).join(" ");

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

  it("shows no part of itself, whatever its name is, in the query and in the path, with what surrounds it or without", () => {
    const letters = (from: string, minLength: number, maxLength: number) =>
      fc.string({ minLength, maxLength, unit: fc.constantFrom(...from) });
    const names = fc.oneof(
      letters("abcdefghijklmnopqrstuvwxyz", 1, 12),
      letters("abcXYZ019_-.~!$'()*+,:=", 1, 12),
      letters("abcXYZ019", 1, 5).map((text) => [...text].map((one) => `%${one.charCodeAt(0).toString(16)}`).join("")),
      fc.string({ minLength: 1, maxLength: 6, unit: "grapheme" }).map(encodeURIComponent),
      fc.tuple(letters("abcXYZ", 1, 4), fc.constantFrom("channel", "stream", "user")).map((both) => both.join("_")),
    );
    const name = names.map((text) => text.replaceAll(/[QWZJKV]/g, "x"));
    const mark = fc.constantFrom("=", ":", "%3D", "%3a", "%253D", "%25253A", "%25%33%44");
    const before = fc.constantFrom("/", "/live?", "/live?channel=1&", "/live/user=admin&", "/live/user=admin_", "/x;", "/a/b/");
    const after = fc.constantFrom("", "&channel=1", "_channel=1_stream=0.sdp?real_stream", "/ch1", "/live?subtype=1", "&what=ever");
    // Of no letters that addresses are made of here, so that a part of it is known wherever it is.
    const word = letters("QWZJKV&/?;,_+-.~'$!", 1, 24);
    // Those the house shows: their values are no passwords.
    const known =
      /^(?:ch|chn|chan|chid|cam|inst|input|source|track|line|type|user|usr|login|codec|width|height|fps|audio|video|tcp|udp|rtp|proto)$/i;
    let taken = 0;
    fc.assert(
      fc.property(before, name, mark, word, after, (ahead, named, marked, secret, behind) => {
        fc.pre(!known.test(named.replaceAll(/[_-]/g, "")));
        const found = readRtspUrl(`rtsp://cam.example${ahead}${named}${marked}${secret}${behind}`);
        expect(found instanceof RtspUrl ? found.masked : found.flaw).not.toMatch(/[QWZJKV]/);
        if (found instanceof RtspUrl) {
          expect(found.masked).toContain("***");
          expect(readRtspUrl(found.masked)).toHaveProperty("flaw");
          taken += 1;
        }
      }),
      { numRuns: 5000 },
    );
    expect(taken).toBeGreaterThan(2000);
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
