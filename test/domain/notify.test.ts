import { describe, expect, it } from "vitest";
import { brief, briefly, ended, entered, frame, idsOf, left, noticed, notifyRule, only, passed, told } from "../support/rule-inputs.ts";

const red = { info: [["colour", "red"]] as const };
const blue = { info: [["colour", "blue"]] as const };
const redRule = { ...notifyRule, attribute: { name: "colour", value: "red" }, cooldown: 0 };

describe("a notify rule", () => {
  it("tells of an object confirmed present, from first seen to confirmed", () => {
    const alert = only(told(notifyRule, [entered(5000, "a")]));
    expect(brief(alert)).toEqual([0, "-", 1, 4900, 5000, 5000]);
    expect(idsOf(alert)).toEqual(["a"]);
    expect(alert.cause).toEqual({ from: frame(4900), to: frame(5000) });
  });

  it("goes by type and confidence", () => {
    const rule = { ...notifyRule, objectTypes: ["Person", "Car"], minConfidence: 0.6 };
    const inputs = [
      entered(1, "a", { type: "Bag" }),
      entered(2, "b", { confidence: 0.5 }),
      entered(3, "c"),
      entered(4, "d", { type: "Car" }),
    ];
    expect(told(rule, inputs).map(idsOf)).toEqual([["c"], ["d"]]);
  });

  it.each([
    ["within the cooldown of the same object", 60_999, "a", 1],
    ["when it has just passed", 61_000, "a", 2],
    ["for another object", 2000, "b", 2],
  ] as const)("says again %s", (_, at, id, alerts) => {
    expect(briefly(notifyRule, [entered(1000, "a"), left(1500, "a"), entered(at, id)])).toHaveLength(alerts);
  });

  it("does not hear of attributes where it asks for none", () => {
    expect(briefly({ ...notifyRule, cooldown: 0 }, [entered(1, "a"), noticed(2, "a", red)])).toHaveLength(1);
  });

  it("tells at the confirmation of an object that has the attribute by then", () => {
    expect(briefly(redRule, [entered(1000, "a", red), entered(2000, "b", blue), entered(3000, "c")])).toEqual([
      [0, "-", 1, 900, 1000, 1000],
    ]);
  });

  it("tells when the attribute is noticed later, once a stay", () => {
    const inputs = [
      entered(1000, "a"),
      noticed(2000, "a", blue),
      noticed(3000, "a", red),
      noticed(4000, "a", { info: [...red.info, ["hat", "yes"]] }),
      left(5000, "a"),
      entered(6000, "a", red),
    ];
    expect(briefly(redRule, inputs)).toEqual([
      [0, "-", 1, 2900, 3000, 3000],
      [0, "-", 1, 5900, 6000, 6000],
    ]);
  });

  it("hears of the next stay what it was told of the one before", () => {
    const inputs = [entered(1000, "a", red), left(2000, "a"), entered(3000, "a", blue), noticed(4000, "a", red)];
    expect(briefly(redRule, inputs).map(([, , , , end]) => end)).toEqual([1000, 4000]);
  });

  it("needs the name and the value together, wherever they stand", () => {
    const other = {
      info: [
        ["red", "colour"],
        ["colour", "Red"],
        ["hat", "red"],
      ] as const,
    };
    const twice = {
      info: [
        ["colour", "blue"],
        ["colour", "red"],
      ] as const,
    };
    expect(told(redRule, [entered(1, "a", other), entered(2, "b", twice)]).map(idsOf)).toEqual([["b"]]);
  });

  it("judges type and confidence in the frame in which the attribute was noticed", () => {
    const rule = { ...redRule, minConfidence: 0.5 };
    const inputs = [
      entered(1, "a", { confidence: 0.2 }),
      noticed(2, "a", { ...red, confidence: 0.4 }),
      noticed(3, "a", { ...red, confidence: 0.5 }),
    ];
    expect(briefly(rule, inputs).map(([, , , , end]) => end)).toEqual([3]);
  });

  it("does not tell later of a stay that fell into the cooldown", () => {
    const rule = { ...redRule, cooldown: 10 };
    const inputs = [
      entered(1000, "a", red),
      left(2000, "a"),
      entered(3000, "a", red),
      noticed(20_000, "a", { info: [...red.info, ["hat", "yes"]] }),
      passed(60_000),
    ];
    expect(briefly(rule, inputs)).toHaveLength(1);
  });

  it("starts afresh at the end of its time", () => {
    const inputs = [entered(1000, "a", red), left(2000, "a", "clock_reset"), ended(2000, "clock_reset"), noticed(500, "a", red)];
    expect(briefly({ ...redRule, cooldown: 60 }, inputs)).toHaveLength(2);
  });

  it("keeps the cooldown while the camera is lost", () => {
    const inputs = [entered(1000, "a"), left(2000, "a", "sensor_lost"), ended(2000, "sensor_lost"), entered(3000, "a")];
    expect(briefly(notifyRule, inputs)).toHaveLength(1);
  });
});
