import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { AdapterError } from "../../domain/ports.ts";
import { tempDir } from "../support/warehouse.ts";

const plain = { prefix: "", ssl: undefined, sasl: undefined };
const refusal = (url: string, access = {}): AdapterError => {
  try {
    readKafkaUrl(url, access);
  } catch (error) {
    if (error instanceof AdapterError) return error;
    throw error;
  }
  throw new Error(`${url} was taken`);
};

describe("Kafka's URL", () => {
  it("names one broker or several, and a prefix", () => {
    expect(readKafkaUrl("kafka://one:9092")).toEqual({ ...plain, brokers: ["one:9092"] });
    expect(readKafkaUrl("kafka://one:9092,10.0.0.2:9093,three-c.example:1/my.house_1")).toEqual({
      ...plain,
      brokers: ["one:9092", "10.0.0.2:9093", "three-c.example:1"],
      prefix: "my.house_1",
    });
  });

  it("has a user and a password, percent-encoded, and how they are shown", () => {
    expect(readKafkaUrl("kafka://a%40b:p%3A%2Fq@one:9092/x?mechanism=scram-sha-512").sasl).toEqual({
      mechanism: "scram-sha-512",
      username: "a@b",
      password: "p:/q",
    });
    expect(readKafkaUrl("kafka://u:p@one:9092/x?tls=true")).toMatchObject({ ssl: {}, sasl: { mechanism: "plain" } });
  });

  it("takes from the settings what it does not say itself, and what it says goes before", () => {
    const access = { username: "s", password: "t", mechanism: "scram-sha-256" } as const;
    expect(readKafkaUrl("kafka://one:9092/x", access).sasl).toEqual({ mechanism: "scram-sha-256", username: "s", password: "t" });
    expect(readKafkaUrl("kafka://u:p@one:9092/x?mechanism=plain", access).sasl).toEqual({
      mechanism: "plain",
      username: "u",
      password: "p",
    });
    expect(readKafkaUrl("kafka://one:9092/x", { username: "", password: "", mechanism: "", ca: "", cert: "", key: "" })).toEqual({
      ...plain,
      brokers: ["one:9092"],
      prefix: "x",
    });
  });

  it("speaks TLS where certificates are given, and reads them", () => {
    const { dir, remove } = tempDir();
    const ca = join(dir, "ca.pem");
    writeFileSync(ca, "authorities");
    expect(readKafkaUrl("kafka://one:9092", { ca }).ssl).toEqual({ ca: "authorities" });
    expect(refusal("kafka://one:9092?tls=false", { ca }).message).toMatch(/tls is false, yet certificates are given/);
    expect(refusal("kafka://one:9092", { ca: join(dir, "none.pem") })).toMatchObject({ code: "unavailable", retryable: false });
    remove();
  });

  it.each([
    ["http://one:9092", /cannot be read/],
    ["kafka://", /cannot be read/],
    ["kafka://one", /a broker is a host and a port, "one" is not/],
    ["kafka://one:9092,", /a broker is a host and a port/],
    ["kafka://one:0", /0 is no port/],
    ["kafka://one:70000", /70000 is no port/],
    ["kafka://[::1]:9092", /IPv6/],
    ["kafka://one:9092/a/b", /a prefix has/],
    ["kafka://one:9092/a b", /a prefix has/],
    ["kafka://one:9092/x?tls=yes", /tls is true or false/],
    ["kafka://one:9092/x?ssl=true", /it knows no "ssl"/],
    ["kafka://u:p@one:9092/x?mechanism=gssapi", /mechanism "gssapi" is not known/],
    ["kafka://one:9092/x?mechanism=plain", /of no use without a user/],
    ["kafka://u@one:9092/x", /a user comes with a password/],
    ["kafka://u:%zz@one:9092/x", /percent-encoded/],
  ])("is refused as %s", (url, why) => {
    const error = refusal(url);
    expect(error).toMatchObject({ code: "bad-query", retryable: false });
    expect(error.message).toMatch(why);
  });

  it("is never repeated in an error: it may hold a password", () => {
    for (const url of [
      "kafka://u:canary@one:9092/x?tls=maybe",
      "kafka://u:canary@one",
      "kafka://u:canary@one:9092/x y",
      "kafka//u:canary@one:1",
    ])
      expect(refusal(url).message).not.toContain("canary");
  });
});
