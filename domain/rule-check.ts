/** Thresholds and ranges of a rule, whatever the camera has. Paths are the API's. */
import type { Analytic, Rule, RuleType, Schedule } from "./camera.ts";
import { type Refusal, refuse } from "./decider.ts";
import { idFlaw } from "./id-flaw.ts";
import { limits } from "./limits.ts";
import { isZone, minuteOfDay, weekdays } from "./rules/schedule.ts";

const allowed: Readonly<Record<RuleType, readonly Analytic[]>> = {
  increment: ["fov", "roi", "tripwire"],
  occupancy: ["fov", "roi"],
  occupancy_threshold_switch: ["fov", "roi"],
  flowrate: ["tripwire"],
  notify: ["fov", "roi"],
};

export type Check = Refusal | undefined;
export const invalid = (path: string, detail: string): Refusal => refuse("invalid", path, detail);

/** Seconds may be fractions, to the millisecond. `above`: 0 itself is refused. */
export const seconds = (path: string, value: number, above = false): Check => {
  const detail = `must be seconds ${above ? "above" : "from"} 0 to ${limits.ruleSeconds}`;
  // Below half a millisecond there is nothing left.
  return value >= (above ? 0.0005 : 0) && value <= limits.ruleSeconds ? undefined : invalid(path, detail);
};

export const whole = (path: string, value: number, least: number, most = Number.MAX_SAFE_INTEGER): Check => {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  return Number.isInteger(value) && value >= least && value <= most ? undefined : invalid(path, `must be a whole number, ${range}`);
};

export const identifier = (path: string, id: string): Check => {
  const flaw = idFlaw(id);
  return flaw === undefined ? undefined : invalid(path, flaw);
};

export const text = (path: string, value: string): Check =>
  value.length > limits.textLength ? invalid(path, `must have ${limits.textLength} characters or fewer`) : undefined;

/** The first refusal, if any. */
export const firstOf = <T>(items: readonly T[], check: (item: T, i: number) => Check): Check => {
  for (const [i, item] of items.entries()) {
    const found = check(item, i);
    if (found !== undefined) return found;
  }
  return undefined;
};

const list = (path: string, items: readonly unknown[], most: number): Check => {
  if (items.length === 0) return invalid(path, "must not be empty");
  return items.length > most ? refuse("too-many", path, `must have ${most} entries or fewer`) : undefined;
};

const checkSchedule = (path: string, { timezone, windows }: Schedule): Check =>
  (isZone(timezone) ? undefined : invalid(`${path}.timezone`, `is no known time zone: ${timezone}`)) ??
  list(`${path}.windows`, windows, limits.windowsPerSchedule) ??
  firstOf(windows, ({ days, from, to }, i) => {
    const window = `${path}.windows[${i}]`;
    const time = (name: string, value: string): Check =>
      minuteOfDay(value) === undefined ? invalid(`${window}.${name}`, "must be a time from 00:00 to 23:59, as HH:MM") : undefined;
    return (
      list(`${window}.days`, days, weekdays.length) ??
      firstOf(days, (day, d) =>
        weekdays.includes(day) ? undefined : invalid(`${window}.days[${d}]`, `must be one of ${weekdays.join()}`),
      ) ??
      time("from", from) ??
      time("to", to)
    );
  });

const checkParameters = (path: string, rule: Rule): Check => {
  const threshold = (least: number): Check =>
    whole(`${path}.countThreshold`, rule.ruleType === "notify" ? least : rule.countThreshold, least, limits.countThreshold);
  switch (rule.ruleType) {
    case "increment":
      return threshold(1);
    case "occupancy":
      return threshold(0) ?? seconds(`${path}.timeInterval`, rule.timeInterval) ?? seconds(`${path}.gap`, rule.gap);
    case "occupancy_threshold_switch":
      // A band wider than the threshold would ask for fewer than nobody.
      return threshold(0) ?? seconds(`${path}.hold`, rule.hold) ?? whole(`${path}.band`, rule.band, 0, rule.countThreshold);
    case "flowrate":
      return threshold(1) ?? seconds(`${path}.timeInterval`, rule.timeInterval, true);
    case "notify":
      return (
        rule.attribute &&
        (identifier(`${path}.attribute.name`, rule.attribute.name) ?? text(`${path}.attribute.value`, rule.attribute.value))
      );
  }
};

export const checkRule = (path: string, rule: Rule): Check => {
  const { ruleType, analytic, minConfidence, schedule } = rule;
  const places = allowed[ruleType];
  const confidence = minConfidence >= 0 && minConfidence <= 1;
  return (
    identifier(`${path}.ruleId`, rule.ruleId) ??
    identifier(`${path}.id`, rule.placeId) ??
    text(`${path}.name`, rule.name) ??
    (places.includes(analytic)
      ? undefined
      : invalid(`${path}.ruleType`, `${ruleType} is for ${places.join(" and ")}, not for ${analytic}`)) ??
    checkParameters(path, rule) ??
    list(`${path}.objectTypes`, rule.objectTypes, limits.objectTypesPerRule) ??
    firstOf(rule.objectTypes, (type, i) => identifier(`${path}.objectTypes[${i}]`, type)) ??
    (confidence ? undefined : invalid(`${path}.minConfidence`, "must be a number from 0 to 1")) ??
    seconds(`${path}.cooldown`, rule.cooldown) ??
    (schedule && checkSchedule(`${path}.schedule`, schedule))
  );
};
