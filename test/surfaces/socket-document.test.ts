/** What the documents say of sockets, held against what sockets say. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { FakeCore } from "../support/core.ts";
import { anAlert, connect, json, type Loose, type Served, serveCore } from "../support/surface.ts";

const V1 = "tallywire.v1";
const everything = [
  {
    sensorId: "*",
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
    rois: [{ roiId: 7, alertRuleTypes: ["*"] }],
    fov: { alertRuleTypes: ["*"] },
  },
];
const handshake = ["code", "description", "message", "result", "status"];
const notification = ["alertMessage", "alertType", "base64imageUrl", "cameraId", "cameraName", "eventDetails1", "eventTime"];
/** By surface: its socket, as the document names it, where it is opened to be told everything, what an alert is in, and the fields of all it says. */
const sockets = {
  emdx: {
    path: "/alerts/ws",
    query: `?filter=${encodeURIComponent(JSON.stringify(everything))}`,
    alert: "alerts",
    fields: ["ack", "alerts", "error", "gap", "heartbeat"],
  },
  ivms: {
    path: "/notification",
    query: "?",
    alert: "eventDetails1",
    fields: [...handshake, ...notification, "error", "gap", "heartbeat", "retracted", "revision"].toSorted(),
  },
  myvms: { path: "/ws/events", query: "?", alert: "data", fields: ["data", "error", "gap", "heartbeat"] },
} as const;
const surfaces = ["emdx", "ivms", "myvms"] as const;

let core: FakeCore;
let served: Served;
beforeEach(async () => {
  core = new FakeCore({ pingMs: 100 });
  served = await serveCore(core);
});
afterEach(() => served.close());

const documentOf = async (surface: (typeof surfaces)[number]): Promise<Loose> => json(await fetch(`${served.url}/openapi/${surface}.json`));
const declaredOf = (document: Loose, surface: (typeof surfaces)[number]): Loose => document.paths[sockets[surface].path].get["x-websocket"];
/** Whether something is of a shape that the document names. */
const isOf = ({ components }: Loose, shape: object, value: unknown): boolean => {
  const whole = JSON.stringify({ ...shape, $defs: components.schemas }).replaceAll("#/components/schemas/", "#/$defs/");
  return z.fromJSONSchema(JSON.parse(whole)).safeParse(value).success;
};
const kindsOf = (messages: readonly Loose[]): string[] =>
  [...new Set(messages.flatMap((message) => Object.keys(message)))].filter((name) => name !== "cursor" && name !== "v").sort();

describe("the document of a socket", () => {
  it.each(surfaces)("has the shape of all it says with tallywire.v1: %s", async (surface) => {
    const document = await documentOf(surface);
    const { protocols, says } = declaredOf(document, surface);
    expect([protocols, Object.keys(says)]).toEqual([[V1], ["plain", V1]]);
    const [base] = document.servers;
    const url = served.url + base.url + sockets[surface].path + sockets[surface].query;
    const messages: Loose[] = [];
    const open = async (since: string) => {
      const peer = connect(url + since, [V1]);
      await peer.opened;
      await peer.until(() => peer.messages.some((message) => "cursor" in message || "error" in message));
      expect(peer.socket.protocol).toBe(V1);
      return peer;
    };
    const first = await open("");
    const { cursor } = first.messages.find((message) => "cursor" in message);
    const raised = anAlert();
    core.raise(raised, { ...raised, revision: 1, retracted: true });
    await first.until(() => kindsOf(first.messages).includes(sockets[surface].alert));
    await first.until(() => kindsOf(first.messages).includes("heartbeat"));
    core.start = [3, 3];
    const late = await open(`&since=${cursor}`);
    await late.until(() => kindsOf(late.messages).includes("gap"));
    const forged = await open("&since=AAAA");
    await forged.closed;
    messages.push(...first.messages, ...late.messages, ...forged.messages);
    expect(kindsOf(messages)).toEqual(sockets[surface].fields);
    for (const message of messages) {
      expect(isOf(document, says[V1], message), JSON.stringify(message)).toBe(true);
      expect(isOf(document, says[V1], { ...message, more: 1 })).toBe(false);
    }
  });

  it.each(surfaces)("has the shape of what it says to a plain client: %s", async (surface) => {
    const document = await documentOf(surface);
    const { says } = declaredOf(document, surface);
    const peer = connect(served.url + document.servers[0].url + sockets[surface].path + sockets[surface].query);
    await peer.opened;
    core.raise(anAlert(), anAlert({ objects: undefined, direction: undefined }));
    await peer.until(() => kindsOf(peer.messages).includes(sockets[surface].alert));
    for (const message of peer.messages) {
      expect(isOf(document, says.plain, message), JSON.stringify(message)).toBe(true);
      expect(isOf(document, says.plain, { ...message, cursor: "x" })).toBe(false);
    }
  });

  it("has the shape of a filter where the socket listens for one", async () => {
    const document = await documentOf("emdx");
    const { hears } = declaredOf(document, "emdx");
    expect(isOf(document, hears, everything)).toBe(true);
    expect(isOf(document, hears, [{ sensorId: "a" }])).toBe(true);
    expect(isOf(document, hears, [{ sensorId: "a", tripwires: [{ tripwireId: "b", alertRuleTypes: ["notify"] }] }])).toBe(false);
    expect(declaredOf(await documentOf("myvms"), "myvms")).not.toHaveProperty("hears");
  });

  it.each(surfaces)("is valid OpenAPI 3.1: %s", async (surface) => {
    expect((await new Validator().validate(await documentOf(surface))).errors ?? []).toEqual([]);
  });
});
