/** The connection string: what is taken, what is refused, and that no refusal repeats a secret. */
import { describe, expect, it } from "vitest";
import { readConnectionString } from "../../adapters/kurrent/address.ts";
import { AdapterError } from "../../domain/ports.ts";

describe("a connection string", () => {
  it("is handed to the client without what is ours, under its newer name", () => {
    const text = "esdb+discover://ann:p%40ss@one:2113,two:2114/?tls=true&tls_ca_file=%2Fca.pem&streamPrefix=house_2&defaultDeadline=2500";
    expect(readConnectionString(text)).toEqual({
      connection: "kurrentdb+discover://ann:p%40ss@one:2113,two:2114?tls=true&tlsCAFile=%2Fca.pem&defaultDeadline=2500",
      hosts: "one:2113,two:2114",
      prefix: "house_2",
      deadlineMs: 2500,
    });
    expect(readConnectionString("kurrentdb://localhost")).toEqual({
      connection: "kurrentdb://localhost",
      hosts: "localhost",
      prefix: "tallywire",
      deadlineMs: 10_000,
    });
  });

  it.each([
    ["kurrentdb:", "it is not kurrentdb://"],
    ["kurrentdb://", "it is not kurrentdb://"],
    ["http://secret@host", "it is not kurrentdb://"],
    ["kurrentdb://ann@secret@host", "it is not kurrentdb://"],
    ["kurrentdb://secret@host", "percent-encoded"],
    ["kurrentdb://ann:sec:ret@host", "percent-encoded"],
    ["kurrentdb://ann:%secret@host", "percent-encoded"],
    ["kurrentdb://ann:@host", "percent-encoded"],
    ["kurrentdb://host?secret=1", "an option is none of tls, "],
    ["kurrentdb://host?secret", "an option is none of tls, "],
    ["kurrentdb://host?throwOnAppendFailure=false", "an option is none of tls, "],
    ["kurrentdb://host?tls=", "tls has no value"],
    ["kurrentdb://host?tlsCAFile=%secret", "tlsCAFile has no value"],
    ["kurrentdb://host?defaultDeadline=soon", "milliseconds"],
    ["kurrentdb://host?defaultDeadline=0", "milliseconds"],
    ["kurrentdb://host?streamPrefix=a-secret", "streamPrefix"],
    ["kurrentdb://host?streamPrefix=$secret", "streamPrefix"],
  ])("%s is refused with what is wrong, and nothing of it is repeated", (text, what) => {
    const refused = (): unknown => {
      try {
        return readConnectionString(text);
      } catch (error) {
        return error;
      }
    };
    const error = refused();
    expect(error).toBeInstanceOf(AdapterError);
    expect(error).toMatchObject({ code: "bad-query", retryable: false });
    expect((error as Error).message).toContain(what);
    expect((error as Error).message).not.toMatch(/secret|sec:ret/);
  });
});
