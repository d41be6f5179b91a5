/** What an alert is called where alerts are told of as events: by its rule; one of `notify` by what it saw. */
import type { Alert } from "./event.ts";

export const eventTypeOf = ({ ruleType, objects }: Pick<Alert, "ruleType" | "objects">): string =>
  ruleType === "notify" ? (objects?.[0]?.type ?? ruleType) : ruleType;
