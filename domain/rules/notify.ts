/**
 * notify: tells that such an object is present.
 *
 * 1. Without an attribute: when an object of these types and this confidence is confirmed present. count 1, start first seen, end confirmed.
 * 2. With one: once a stay, at the confirmation if the object has the attribute by then, else when it is noticed on it. That frame is then
 *    the confirming one: type and confidence are judged there.
 * 3. Whoever is present when the rule begins is judged then, as last seen; end is that instant.
 * 4. `events`: the types the camera may tell of at all. Any other object is as if it were not selected.
 * 5. The cooldown is per object. A stay whose alert was dropped by it is not told of later.
 */
import type { NotifyRule } from "../camera.ts";
import type { Sighting } from "../event.ts";
import { type Licence, licenses } from "../registration.ts";
import { copyOf, nothing, type RuleLogic } from "./conclusion.ts";
import { selects } from "./selection.ts";

/** Objects present that have been told of; empty without an attribute, where an entry is all there is. */
type Told = Set<string>;

export const notify = (rule: NotifyRule, events: Licence): RuleLogic<Told> => {
  const chosen = selects(rule);
  const isEvent = licenses(events);
  const selected = (object: Sighting): boolean => chosen(object) && isEvent(object.type);
  const { attribute } = rule;
  const has = ({ info }: Sighting): boolean =>
    attribute === undefined || (info ?? []).some(([name, value]) => name === attribute.name && value === attribute.value);

  return {
    name: "notify",
    version: 1,
    initial: () => new Set(),
    hear: (told, input) => {
      if (input.kind === "ended") {
        told.clear();
        return nothing;
      }
      if (input.kind !== "presence" && input.kind !== "present" && input.kind !== "noticed") return nothing;
      const { kind, object, at, firstSeen, cause } = input;
      if (kind === "presence" && input.change === "left") {
        told.delete(object.id);
        return nothing;
      }
      if (kind === "noticed" && (attribute === undefined || told.has(object.id))) return nothing;
      if (!selected(object) || !has(object)) return nothing;
      if (attribute !== undefined) told.add(object.id);
      const objects = [copyOf(object)];
      return [
        { kind: "raised", direction: undefined, count: 1, start: firstSeen, end: at, at, objects, cause, subject: object.id, open: false },
      ];
    },
    save: (told) => [...told],
    load: (saved) => new Set(saved as string[]),
  };
};
