import { describe, expect, it } from "vitest";
import { isRefusal } from "../../domain/decider.ts";
import { cameraDefaults } from "../../domain/defaults.ts";
import { limits } from "../../domain/limits.ts";
import { initialTenant, type Lowered, type Tenant, type TenantCommand, type TenantSettings, tenantDecider } from "../../domain/tenant.ts";

const description = { ...cameraDefaults, name: "Gate", model: undefined, url: undefined };
const add = (camera: string, limit = 10, features: readonly string[] | "every" = "every"): TenantCommand => ({
  type: "add-camera",
  camera,
  added: { description, at: 1 },
  lowered: { cameraLimit: limit, features },
});
const free = { cameraLimit: undefined, features: "every" } as const;
const set = (changes: Partial<TenantSettings>, lowered: Lowered = free): TenantCommand => ({ type: "set-tenant", changes, lowered });
const having = (...commands: readonly TenantCommand[]): Tenant =>
  commands.reduce((tenant, command) => {
    const decided = tenantDecider.decide(command, tenant);
    if (isRefusal(decided)) throw new Error(decided.detail);
    return decided.reduce(tenantDecider.evolve, tenant);
  }, initialTenant());
const refusal = (command: TenantCommand, tenant: Tenant) => {
  const decided = tenantDecider.decide(command, tenant);
  return isRefusal(decided) ? `${decided.refused} ${decided.path} ${decided.detail}` : decided;
};
const channels = ({ cameras }: Tenant) => [...cameras].map(([camera, { channel }]) => [camera, channel]);

describe("A tenant", () => {
  it("gives each camera a channel, and never one twice", () => {
    const tenant = having(add("a"), add("b"), { type: "drop-camera", camera: "b", channel: 2 }, add("c"), add("b"));
    expect(channels(tenant)).toEqual([
      ["a", 1],
      ["c", 3],
      ["b", 4],
    ]);
  });

  it("has a camera once, and no more cameras than its limit", () => {
    expect(refusal(add("a"), having(add("a")))).toBe("conflict id there is such a camera");
    expect(refusal(add("b", 1), having(add("a", 1)))).toBe("conflict  the camera limit of 1 is reached");
    expect(refusal(add("a", 0), initialTenant())).toBe("conflict  the camera limit of 0 is reached");
    expect(channels(having(add("a", 1), { type: "drop-camera", camera: "a", channel: 1 }, add("b", 1)))).toEqual([["b", 2]]);
  });

  it("allows what it has itself where a token allows more, and what the token does where that is less", () => {
    const few = having(set({ cameraLimit: 1, features: ["person", "knife"] }));
    expect(refusal(add("a", 99, ["knife", "bear"]), few)).toMatchObject([{ camera: "a", licence: ["knife"] }]);
    const one = tenantDecider.decide(add("a", 99), few);
    if (isRefusal(one)) throw new Error(one.detail);
    expect(refusal(add("b", 99), one.reduce(tenantDecider.evolve, few))).toBe("conflict  the camera limit of 1 is reached");
  });

  it("refuses a camera that could not be registered then, before it takes a place", () => {
    const named = (name: string, features: readonly string[]): TenantCommand => ({
      ...(add("a", 10, ["person"]) as Extract<TenantCommand, { type: "add-camera" }>),
      added: { description: { ...description, name, features }, at: 1 },
    });
    expect(refusal(named("", []), initialTenant())).toBe("invalid name must not be empty");
    expect(refusal(named("x", ["knife"]), initialTenant())).toBe("invalid features none of them is licensed");
  });

  it("is changed in what is given only", () => {
    const tenant = having(set({ cameraLimit: 5 }), set({ features: ["a"] }));
    expect(tenant.settings).toEqual({ cameraLimit: 5, features: ["a"] });
  });

  it("gives out channels up to the last, then none", () => {
    const full = { ...initialTenant(), lastChannel: limits.channels };
    expect(refusal(add("a"), full)).toBe("conflict  all channel numbers have been given out");
    expect(refusal(add("a"), { ...full, lastChannel: limits.channels - 1 })).toMatchObject([{ channel: limits.channels }]);
  });

  it("drops a camera under the channel it has only", () => {
    expect(refusal({ type: "drop-camera", camera: "a", channel: 2 }, having(add("a")))).toEqual([]);
    expect(refusal({ type: "drop-camera", camera: "x", channel: 1 }, having(add("a")))).toEqual([]);
  });

  it("is told what it may have, and what it may not be told", () => {
    const few = set({ cameraLimit: 3, features: ["person"] });
    expect(having(few).settings).toEqual({ cameraLimit: 3, features: ["person"] });
    expect(refusal(few, having(few))).toEqual([]);
    expect(refusal(set({ cameraLimit: -1 }), initialTenant())).toContain("invalid camera_limit");
    expect(refusal(set({ cameraLimit: limits.channels + 1 }), initialTenant())).toContain("invalid camera_limit");
    expect(refusal(set({ features: [""] }), initialTenant())).toContain("invalid features[0]");
    const many = Array.from({ length: limits.featuresPerCamera + 1 }, String);
    expect(refusal(set({ features: many }), initialTenant())).toContain("too-many features");
  });

  it("is given no more by a token that may have less", () => {
    const less = { cameraLimit: 1, features: ["person"] };
    expect(refusal(set({ cameraLimit: 2 }, less), initialTenant())).toBe("invalid camera_limit is more than the token allows");
    expect(refusal(set({ features: "every" }, less), initialTenant())).toBe("invalid features are more than the token allows");
    expect(refusal(set({ features: ["person", "knife"] }, less), initialTenant())).toContain("invalid features");
    expect(having(set({ cameraLimit: 1, features: ["Person"] }, less)).settings).toEqual({ cameraLimit: 1, features: ["Person"] });
  });
});
