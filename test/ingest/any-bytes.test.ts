import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNotReceived } from "../../ingest/received.ts";
import { frame, openDoor } from "../support/frames.ts";

const types = ["application/json", "application/x-ndjson", "application/x-protobuf"];
const value = fc.oneof(fc.jsonValue(), fc.constantFrom(null, -1, 1e308, "NaN", "", "__proto__", "\ud800", 2 ** 60, [], {}));

describe("whatever comes", () => {
  it("the door answers, and lets in only what it understood", async () => {
    const answers = { received: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...types), fc.uint8Array({ maxLength: 200 }), async (contentType, body) => {
        const door = openDoor();
        const answer = await door.send({ contentType, encoding: undefined, body });
        answers[isNotReceived(answer) ? "refused" : "received"]++;
        expect(await door.facts()).toHaveLength(isNotReceived(answer) ? 0 : answer.accepted);
      }),
      { numRuns: 500 },
    );
    expect(answers.received).toBeGreaterThan(0);
    expect(answers.refused).toBeGreaterThan(0);
  });

  it("stands in any field of a good frame, every object that gets in is sound", async () => {
    const outcomes = new Set<number>();
    const field = fc.constantFrom("sensorId", "timestamp", "id", "modelVersion", "objects", "@timestamp");
    const inner = fc.constantFrom("id", "type", "bbox", "confidence", "info");
    const corner = fc.constantFrom("leftX", "topY", "rightX", "bottomY");
    const spoiled = fc.oneof(
      fc.tuple(field, value).map(([name, given]) => frame({ [name]: given })),
      fc
        .tuple(inner, value)
        .map(([name, given]) =>
          frame({ objects: [{ id: "1", type: "P", bbox: { leftX: 0, topY: 0, rightX: 1, bottomY: 1 }, [name]: given }] }),
        ),
      fc
        .tuple(corner, value)
        .map(([name, given]) =>
          frame({ objects: [{ id: "1", type: "P", bbox: { leftX: 0, topY: 0, rightX: 1, bottomY: 1, [name]: given } }] }),
        ),
    );
    await fc.assert(
      fc.asyncProperty(spoiled, async (sent) => {
        const door = openDoor();
        const answer = await door.send({
          contentType: "application/x-ndjson",
          encoding: undefined,
          body: Buffer.from(JSON.stringify(sent)),
        });
        if (isNotReceived(answer)) throw new Error(answer.detail);
        expect(answer.accepted + answer.rejected.length).toBe(1);
        outcomes.add(answer.accepted);
        for (const fact of await door.facts()) {
          if (fact.kind !== "frame") throw new Error(fact.kind);
          expect(Number.isSafeInteger(fact.timestamp) && fact.camera.isWellFormed() && fact.id !== "").toBe(true);
          for (const { id, type, bbox, confidence, info } of fact.objects) {
            expect(typeof id === "string" && id.isWellFormed() && typeof type === "string" && type !== "" && type.isWellFormed()).toBe(
              true,
            );
            expect(
              Number.isFinite(bbox.leftX + bbox.topY + bbox.rightX + bbox.bottomY) &&
                bbox.leftX <= bbox.rightX &&
                bbox.topY <= bbox.bottomY,
            ).toBe(true);
            expect(confidence === undefined || (Number.isFinite(confidence) && confidence >= 0)).toBe(true);
            for (const [name, text] of info ?? []) expect(name.isWellFormed() && text.isWellFormed()).toBe(true);
          }
        }
      }),
      { numRuns: 1500 },
    );
    expect([...outcomes].sort()).toEqual([0, 1]);
  });
});
