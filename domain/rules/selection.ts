/** Which objects a rule looks at. */
import type { Rule } from "../camera.ts";
import type { Json } from "../envelope.ts";
import type { Presence, Sighting } from "../event.ts";

/** `"*"` among the types is every type. An object without confidence passes only a rule that asks for none. */
export const selects = ({ objectTypes, minConfidence }: Pick<Rule, "objectTypes" | "minConfidence">): ((object: Sighting) => boolean) => {
  const types = objectTypes.includes("*") ? undefined : new Set(objectTypes);
  return ({ type, confidence }) => (types === undefined || types.has(type)) && (minConfidence <= 0 || (confidence ?? 0) >= minConfidence);
};

/** Objects that are present, by id, with what was found when they entered, or when the rule began. */
export type Verdicts = Map<string, boolean>;

/**
 * Whether a rule takes this entry or leaving. A leaving goes by what was found at the entry, so that whoever was counted in is
 * counted out, even if called something else by then. One whose entry this rule never heard of is judged as it left.
 */
export const judge = (verdicts: Verdicts, selected: (object: Sighting) => boolean, { change, object }: Presence): boolean => {
  if (change === "entered") {
    const verdict = selected(object);
    verdicts.set(object.id, verdict);
    return verdict;
  }
  const verdict = verdicts.get(object.id) ?? selected(object);
  verdicts.delete(object.id);
  return verdict;
};

export const saveVerdicts = (verdicts: Verdicts): Json => [...verdicts];
export const loadVerdicts = (saved: Json): Verdicts => new Map(saved as [string, boolean][]);
