/** What a token whose signature holds may say, and when. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memberNames } from "../../api/member-names.ts";
import { limits } from "../../domain/limits.ts";
import { AUDIENCE, claims, FakeKeys, ISSUER, NOW, secretKey, token, tokenOfText, tokensWith } from "../support/tokens.ts";

const TOLERANCE = limits.tokenToleranceSeconds;
const at = (ms: number) => tokensWith(new FakeKeys(secretKey()), { now: () => ms });
const told = (text: string, ms = NOW * 1000) => at(ms).verify(text);
const said = async (text: string, ms = NOW * 1000): Promise<string> => {
  const answer = await told(text, ms);
  return "unauthenticated" in answer ? answer.unauthenticated : "known";
};
/** Claims as JSON text, one of them as it is written. */
const written = (name: string, value: string): string => {
  const { [name as "exp"]: _, ...others } = claims();
  return `${JSON.stringify(others).slice(0, -1)},${JSON.stringify(name)}:${value}}`;
};

describe("exp", () => {
  const exp = NOW + 100;
  it.each([
    [(exp + TOLERANCE) * 1000 - 1, "known"],
    [(exp + TOLERANCE) * 1000, "The token has expired."],
    [exp * 1000 + 1, "known"],
    [(exp + TOLERANCE + 1) * 1000, "The token has expired."],
  ])("is heeded to the millisecond, with the tolerance: at %d it is %s", async (ms, what) => {
    expect(await said(token({ exp }), ms)).toBe(what);
  });

  it("may have a fraction, which counts", async () => {
    const end = (exp + 0.25 + TOLERANCE) * 1000;
    expect(await said(token({ exp: exp + 0.25 }), end - 1)).toBe("known");
    expect(await said(token({ exp: exp + 0.25 }), end)).toBe("The token has expired.");
  });

  it("is told to who asks, with the tolerance in it", async () => {
    expect(await told(token({ exp }))).toMatchObject({ expiresAt: (exp + TOLERANCE) * 1000 });
  });

  it("is needed", async () => {
    expect(await said(token({ exp: undefined }))).toBe("The token lacks exp.");
  });

  it.each([`"${exp}"`, "null", "true", "[]", "{}", `[${exp}]`, "1e999", "1e308", "8640000000001", '"Infinity"', '"NaN"'])(
    "is no %s",
    async (value) => expect(await said(tokenOfText(written("exp", value)))).toBe("The token's exp cannot be used."),
  );
  it.each(["-1", "0", "-1e999", "-0"])("long ago is over: %s", async (value) => {
    expect(await said(tokenOfText(written("exp", value)))).toBe("The token has expired.");
  });
  it.each(["NaN", "Infinity", "0x10", "+1", "01"])("that is no JSON is no token: %s", async (value) => {
    expect(await said(tokenOfText(written("exp", value)))).toBe("This is no token that is understood here.");
  });
});

describe("nbf and iat", () => {
  it.each(["nbf", "iat"])("%s is heeded, with the tolerance", async (name) => {
    expect(await said(token({ [name]: NOW + TOLERANCE }))).toBe("known");
    expect(await said(token({ [name]: NOW + TOLERANCE + 1 }))).toBe("The token is not valid yet.");
    expect(await said(token({ [name]: NOW + TOLERANCE + 1 }), (NOW + 1) * 1000)).toBe("known");
    expect(await said(token({ [name]: NOW + TOLERANCE + 1 }), (NOW + 1) * 1000 - 1)).toBe("The token is not valid yet.");
  });

  it.each(["nbf", "iat"])("%s is a number where it is there", async (name) => {
    for (const value of ['"1"', "null", "true", "[1]", "{}", "-1"])
      expect(await said(tokenOfText(written(name, value)))).toBe(`The token's ${name} cannot be used.`);
    expect(await said(tokenOfText(written(name, "1e999")))).toMatch(/not valid yet|cannot be used/);
  });

  it("a token that is not valid yet is asked again, and is not remembered as wrong", async () => {
    let now = NOW * 1000;
    const tokens = tokensWith(new FakeKeys(secretKey()), { now: () => now });
    const text = token({ nbf: NOW + 100 });
    expect(await tokens.verify(text)).toEqual({ unauthenticated: "The token is not valid yet." });
    now += 70_000;
    expect(await tokens.verify(text)).toMatchObject({ tenant: "default" });
  });
});

describe("iss and aud", () => {
  it.each(["https://issuer.example", "HTTPS://ISSUER.EXAMPLE/", "", [ISSUER], 1, null, {}])(
    "iss is the one of the settings, not %j",
    async (iss) => {
      expect(await said(token({ iss }))).toBe("The token is not of the issuer trusted here.");
    },
  );
  it.each(["Tallywire", "tallywire ", "", [], ["other"], [[AUDIENCE]], 1, null, { [AUDIENCE]: true }])(
    "aud is ours, not %j",
    async (aud) => {
      expect(await said(token({ aud }))).toBe("The token is not for this audience.");
    },
  );
  it("aud may name others beside us", async () => {
    expect(await said(token({ aud: ["other", AUDIENCE] }))).toBe("known");
  });
  it.each(["iss", "aud", "tenant_id"])("%s is needed", async (name) => {
    expect(await said(token({ [name]: undefined }))).toBe(`The token lacks ${name}.`);
  });
});

describe("tenant_id", () => {
  it.each(["default", "a b", "__proto__", "constructor", "toString", "ä/ö:%2F", "🦊", "x".repeat(limits.idLength), "0"])(
    "is a name like any other: %s",
    async (tenant_id) => {
      const caller = await told(tokenOfText(written("tenant_id", JSON.stringify(tenant_id))));
      expect(caller).toMatchObject({ tenant: tenant_id });
    },
  );
  it.each([
    '["default"]',
    "[]",
    "1",
    "0",
    "null",
    "true",
    "{}",
    '{"toString":"default"}',
    '""',
    '"a\\u0000b"',
    '"\\n"',
    '"\\u007f"',
    '"\\u0085"',
    '"\\ud800"',
    '"a\\udc00"',
    JSON.stringify("x".repeat(limits.idLength + 1)),
    JSON.stringify("🦊".repeat(limits.idLength / 2 + 1)),
  ])("is no %s", async (value) => {
    expect(await said(tokenOfText(written("tenant_id", value)))).toBe("The token's tenant_id cannot be used.");
  });

  it("is not taken from an object that calls itself the prototype", async () => {
    const { tenant_id: _, ...others } = claims();
    const text = `${JSON.stringify(others).slice(0, -1)},"__proto__":{"tenant_id":"other","scope":"ops"}}`;
    expect(await said(tokenOfText(text))).toBe("The token lacks tenant_id.");
    const both = `${JSON.stringify(claims()).slice(0, -1)},"__proto__":{"tenant_id":"other","sub":"root","camera_limit":9}}`;
    expect(await told(tokenOfText(both))).toMatchObject({ tenant: "default", subject: undefined, cameraLimit: undefined });
    expect(Object.hasOwn(Object.prototype, "tenant_id")).toBe(false);
  });
});

describe("scopes", () => {
  const scopesOf = async (own: object) => {
    const answer = await told(token({ scope: undefined, ...own }));
    return "unauthenticated" in answer ? answer.unauthenticated : [...answer.scopes];
  };
  it("come as text or as a list, or as both", async () => {
    expect(await scopesOf({ scope: "events:read  ops" })).toEqual(["events:read", "ops"]);
    expect(await scopesOf({ scopes: ["events:read", "ops"] })).toEqual(["events:read", "ops"]);
    expect(await scopesOf({ scope: "events:read", scopes: ["ops"] })).toEqual(["events:read", "ops"]);
    expect(await scopesOf({})).toEqual([]);
    expect(await scopesOf({ scope: "" })).toEqual([]);
  });
  it("are whole names: neither parts, nor other cases, nor several in one entry of a list", async () => {
    expect(await scopesOf({ scope: "events events:* EVENTS:READ events:read\tops *", scopes: ["events:read ops", "__proto__"] })).toEqual(
      [],
    );
  });
  it.each([["events:read"], 1, null, true, {}])("scope is no %j", async (scope) => {
    expect(await scopesOf({ scope })).toBe("The token's scope cannot be used.");
  });
  it.each(["events:read", 1, null, [1], [["ops"]], [null], {}, { 0: "ops", length: 1 }])("scopes is no %j", async (scopes) => {
    expect(await scopesOf({ scopes })).toBe("The token's scopes cannot be used.");
  });
});

describe("what a token lowers, and who it stands for", () => {
  it("is told as it is", async () => {
    const own = { sub: "anna", camera_limit: 0, features: ["person", "__proto__"] };
    expect(await told(token(own))).toMatchObject({ subject: "anna", cameraLimit: 0, features: ["person", "__proto__"] });
    expect(await told(token())).toMatchObject({ subject: undefined, cameraLimit: undefined, features: undefined });
  });
  it.each([
    ["camera_limit", "-1"],
    ["camera_limit", "1.5"],
    ["camera_limit", '"1"'],
    ["camera_limit", "null"],
    ["camera_limit", "1e999"],
    ["camera_limit", "1e21"],
    ["camera_limit", "[1]"],
    ["features", '"person"'],
    ["features", "[1]"],
    ["features", '[""]'],
    ["features", '["a\\n"]'],
    ["features", "{}"],
    ["features", "null"],
    ["sub", "1"],
    ["sub", '""'],
    ["sub", "null"],
    ["sub", '["anna"]'],
    ["sub", '"a\\u001b[0m"'],
    ["sub", JSON.stringify("x".repeat(limits.idLength + 1))],
  ])("%s is no %s", async (name, value) => {
    expect(await said(tokenOfText(written(name, value)))).toBe(`The token's ${name} cannot be used.`);
  });
});

describe("a claim that stands twice", () => {
  const beginning = JSON.stringify(claims()).slice(0, -1);
  it.each([
    '"tenant_id":"other"',
    '"tenant_id":"default"',
    '"tenant_\\u0069d":"other"',
    '"\\u0074\\u0065nant_id":"other"',
    `"exp":${NOW + 9999}`,
    '"other":1,"other":1',
    '"\\ud83e\\udd8a":1,"🦊":2',
    '"":1,"":2',
    '"a\\"":1,"a\\u0022":1',
    '"__proto__":1,"__proto__":1',
  ])("is refused: %s", async (more) => {
    expect(await said(tokenOfText(`${beginning},${more}}`))).toBe("This is no token that is understood here.");
  });
  it.each([
    '"a":{"tenant_id":"x","b":{"tenant_id":"y"}}',
    '"a":["tenant_id","tenant_id"]',
    '"b":"\\",\\"tenant_id\\":\\"x"',
    '"tenant_id ":"x"',
  ])("is not one that only looks so: %s", async (more) =>
    expect(await told(tokenOfText(`${beginning},${more}}`))).toMatchObject({ tenant: "default" }),
  );
});

describe("the names of an object's own members", () => {
  it("are those of JSON.parse, for every object, however it is spaced", () => {
    let several = 0;
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 3 })),
        fc.constantFrom(0, 1, "\t"),
        (object, space) => {
          if (Object.keys(object).length > 1) several++;
          expect([...memberNames(JSON.stringify(object, undefined, space))].sort()).toEqual(Object.keys(object).sort());
        },
      ),
      { numRuns: 1000 },
    );
    expect(several).toBeGreaterThan(300);
  });
  it("are told as often as they stand there, by whatever escape", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii", minLength: 1 }), fc.jsonValue(), (name, value) => {
        const escaped = [...name].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
        const text = `{${JSON.stringify(name)}:${JSON.stringify(value)},"${escaped}" : [{"x":1}]}`;
        expect(memberNames(text)).toEqual([name, name]);
      }),
    );
  });
  it("are found in a long text in no time", () => {
    const { user } = process.cpuUsage();
    memberNames(`{"a":"${"\\\\".repeat(500_000)}","b":${"[".repeat(1000)}${"]".repeat(1000)}}`);
    expect((process.cpuUsage().user - user) / 1000).toBeLessThan(500);
  });
});
