import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { placeOf } from "../../adapters/clickhouse/place.ts";
import { AdapterError } from "../../domain/ports.ts";

const SECRET = "hunter2%zz";

describe("a ClickHouse URL", () => {
  it("says where, who, which database and which cluster", () => {
    const place = placeOf("https://tal%40ly:p%3Aw%2F@db.example:8443/counts?cluster=main&quorum=2");
    expect(place).toMatchObject({ username: "tal@ly", password: "p:w/", database: "counts", cluster: { name: "main", quorum: "2" } });
    expect(place.url.href).toBe("https://db.example:8443/");
  });

  it("needs nothing but a host", () => {
    expect(placeOf("http://db:8123")).toMatchObject({ username: "default", password: "", database: "tallywire", cluster: undefined });
    expect(placeOf("http://db:8123/?cluster={cluster}").cluster).toEqual({ name: "{cluster}", quorum: "auto" });
  });

  it("is refused where it says what cannot be, and what is wrong is named", () => {
    const wrong: readonly [string, RegExp][] = [
      ["http://db:8123/a-b", /"a-b" is no name of a database/],
      ["http://db:8123/a/b", /"a\/b" is no name of a database/],
      ["http://db:8123/a?clutser=x", /no option "clutser"/],
      ["http://db:8123/a?cluster=x'y", /no name of a cluster/],
      ["http://db:8123/a?quorum=2", /a quorum and no cluster/],
      ["http://db:8123/a?cluster=c&quorum=most", /auto or a number/],
      ["http://", /no URL/],
    ];
    for (const [url, message] of wrong) {
      expect(() => placeOf(url), url).toThrow(message);
      expect(() => placeOf(url), url).toThrow(AdapterError);
    }
  });

  it("shows its password in no error, however wrong it is", () => {
    for (const url of [
      `http://u:${SECRET}@db:8123/a`,
      `http://u:${SECRET}@db:port/a`,
      `http//u:${SECRET}@db/a`,
      "http://u:hunter2@db:8123/a-b?x=1",
    ]) {
      let thrown: unknown;
      try {
        placeOf(url);
      } catch (error) {
        thrown = error;
      }
      expect(thrown, url).toBeInstanceOf(AdapterError);
      expect(inspect(thrown, { depth: 10, showHidden: true })).not.toContain("hunter2");
    }
  });
});
