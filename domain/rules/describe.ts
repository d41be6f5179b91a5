/** The sentence a guard reads. */
import type { Rule, Tripwire } from "../camera.ts";
import type { Sighting } from "../event.ts";
import type { Raised } from "./conclusion.ts";

const people = new Set(["person", "people", "pedestrian", "human"]);
const vehicles = new Set(["vehicle", "car", "truck", "bus", "van", "motorcycle", "motorbike"]);

const nouns = [
  [people, "person", "people"],
  [vehicles, "vehicle", "vehicles"],
] as const;

/** `people` or `vehicles` where all are of that kind, else `objects`. */
const noun = (objects: readonly Sighting[], count: number): string => {
  const types = objects.map(({ type }) => type.toLowerCase());
  const [, one, many] = nouns.find(([kind]) => types.every((type) => kind.has(type))) ?? [undefined, "object", "objects"];
  return count === 1 ? one : many;
};

const seconds = (interval: number): string => (interval === 1 ? "1 second" : `${interval} seconds`);

/** What a wire calls its directions, where it was given names of its own. */
export type Naming = Pick<Tripwire["direction"], "entryName" | "exitName">;

/** `place`: "fov", "roi Lobby", "tripwire Door". */
export const describe = (rule: Rule, place: string, naming: Naming | undefined, raised: Raised): string => {
  const { count, direction } = raised;
  const objects = raised.objects ?? [];
  const way = direction === "entry" ? naming?.entryName : direction === "exit" ? naming?.exitName : undefined;
  switch (rule.ruleType) {
    case "increment": {
      const who = `${count} ${noun(objects, count)}`;
      if (rule.analytic === "tripwire") return `${who} crossed ${place} (${way})`;
      return `${who} ${direction === "entry" ? "entered" : "left"} ${place}`;
    }
    case "occupancy": {
      const how = rule.of === "dwell" ? "each present" : "continuously present";
      return `more than ${rule.countThreshold} ${noun(objects, 2)} ${how} in ${place} for longer than ${seconds(rule.timeInterval)}`;
    }
    case "occupancy_threshold_switch": {
      if (direction === "up") return `${place} occupancy count greater than ${rule.countThreshold}`;
      return `${place} occupancy count back to ${rule.countThreshold - rule.band} or less`;
    }
    case "flowrate": {
      const which = way === undefined ? "" : ` (${way})`;
      return `${count} ${noun(objects, count)} crossed ${place}${which} within ${seconds(rule.timeInterval)}`;
    }
    case "notify": {
      const type = objects[0]?.type ?? "";
      const which = rule.attribute === undefined ? "" : ` with ${rule.attribute.name} ${rule.attribute.value}`;
      return `${type === "" ? "object" : type}${which} present in ${place}`;
    }
  }
};
