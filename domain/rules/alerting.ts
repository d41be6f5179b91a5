/**
 * What makes alerts of a rule's conclusions, the same for all five.
 *
 * 1. An alert that would start being raised outside the schedule, or in the cooldown of an earlier one of the same subject, is dropped:
 *    never postponed, and nothing of it is told later. [raised, raised + cooldown) is the cooldown; what was dropped starts none.
 * 2. What was raised gets its closing revision, whatever the schedule and the cooldown say by then.
 * 3. The id is that of domain/ids.ts. The ordinal counts the earlier alerts of this rule version with the same direction and start; of
 *    these pairs the newest 64 are remembered. A pair comes again only through events of one instant or a clock set back, so no more of it
 *    can be alive.
 * 4. After a clock set back no cooldown holds (its end may be years ahead); the ordinals go on, as the same starts may come again.
 * 5. A rule that is not enabled hears nothing.
 * 6. `receivedAt` is the arrival of what was heard last; where a timer raised, of what moved the time so far.
 */
import type { Rule } from "../camera.ts";
import { type CameraKey, type Instant, type Json, keyText, milliseconds } from "../envelope.ts";
import type { Alert, PlaceRef } from "../event.ts";
import { alertId } from "../ids.ts";
import { loaded, type Machine } from "../machine.ts";
import {
  type Closed,
  type Conclusion,
  loadFrameRef,
  loadSighting,
  nothing,
  type Raised,
  type RuleLogic,
  saveFrameRef,
  saveSighting,
} from "./conclusion.ts";
import { describe, type Naming } from "./describe.ts";
import type { Heard } from "./rule.ts";
import { within } from "./schedule.ts";

const rememberedStarts = 64;

/** What a rule's alerts are called and where. `naming`: a wire's names for its directions. */
export type Named = {
  readonly key: CameraKey;
  readonly version: number;
  readonly place: PlaceRef;
  readonly placeName: string;
  readonly naming: Naming | undefined;
};

type Open = { readonly id: string; readonly raised: Raised };
export type Alerting<S> = {
  readonly logic: S;
  /** How many alerts were raised with a direction and start, oldest use first. */
  readonly starts: Map<string, number>;
  /** When the cooldown of a subject ends, first ending first. */
  readonly cooling: Map<string, Instant>;
  open: Open | undefined;
};

export const alerting = <S>(rule: Rule, logic: RuleLogic<S>, named: Named): Machine<Heard, Alerting<S>, Alert> => {
  const { key, place, placeName, version, naming } = named;
  const { tenant, camera } = key;
  const ownKey = keyText(tenant, camera);
  const scheduled = rule.schedule === undefined ? undefined : within(rule.schedule);
  const cooldown = milliseconds(rule.cooldown);
  const placeText = place.analytic === "fov" ? "fov" : `${place.analytic} ${placeName}`;

  const dropped = ({ cooling }: Alerting<S>, { at, subject }: Raised): boolean => {
    if (scheduled?.(at) === false) return true;
    if (cooldown === 0) return false;
    for (const [cooled, until] of cooling) {
      if (until > at) break;
      cooling.delete(cooled);
    }
    if (cooling.has(subject)) return true;
    cooling.set(subject, at + cooldown);
    return false;
  };

  const nextOrdinal = ({ starts }: Alerting<S>, { direction, start }: Raised): number => {
    const pair = `${direction ?? ""}@${start}`;
    const ordinal = starts.get(pair) ?? 0;
    starts.delete(pair);
    starts.set(pair, ordinal + 1);
    if (starts.size > rememberedStarts) starts.delete(starts.keys().next().value as string);
    return ordinal;
  };

  const alert = ({ id, raised }: Open, receivedAt: Instant, closed: Closed | undefined): Alert => ({
    kind: "alert",
    tenant,
    camera,
    receivedAt,
    id,
    revision: closed === undefined ? 0 : 1,
    retracted: false,
    ruleId: rule.ruleId,
    ruleName: rule.name,
    ruleType: rule.ruleType,
    ruleVersion: version,
    severity: rule.severity,
    place,
    placeName,
    direction: raised.direction,
    count: raised.count,
    start: raised.start,
    end: closed?.end ?? raised.end,
    raisedAt: closed?.at ?? raised.at,
    description: describe(rule, placeText, naming, raised),
    objects: raised.objects,
    cause: { from: raised.cause.from, to: closed?.to ?? raised.cause.to },
  });

  const tell = (state: Alerting<S>, conclusion: Conclusion, receivedAt: Instant): Alert | undefined => {
    if (conclusion.kind === "closed") {
      const { open } = state;
      state.open = undefined;
      return open && alert(open, receivedAt, conclusion);
    }
    if (dropped(state, conclusion)) return undefined;
    const { direction, start } = conclusion;
    const ordinal = nextOrdinal(state, conclusion);
    const { analytic, id: placeId } = place;
    const id = alertId({ tenant, ruleId: rule.ruleId, ruleVersion: version, camera, analytic, placeId, direction, start, ordinal });
    const open = { id, raised: conclusion };
    if (conclusion.open) state.open = open;
    return alert(open, receivedAt, undefined);
  };
  const tellAll = (state: Alerting<S>, conclusions: readonly Conclusion[], receivedAt: Instant): readonly Alert[] =>
    conclusions.length === 0
      ? nothing
      : conclusions.map((conclusion) => tell(state, conclusion, receivedAt)).filter((told) => told !== undefined);

  const { due, ring } = logic;
  const machineVersion = logic.version * 100 + 1;
  return {
    name: `${logic.name}/${rule.ruleId}`,
    version: machineVersion,
    keyOf: (input) => {
      if (!rule.enabled || input.tenant !== tenant || input.camera !== camera) return undefined;
      if (input.kind === "ended" || input.kind === "passed") return ownKey;
      return input.place.id === place.id && input.place.analytic === place.analytic ? ownKey : undefined;
    },
    at: (input) => (input.kind === "crossing" ? input.confirmedAt : input.at),
    initial: () => ({ logic: logic.initial(), starts: new Map(), cooling: new Map(), open: undefined }),
    step: (state, input) => {
      if (!rule.enabled || input.kind === "passed") return [state, nothing];
      const told = tellAll(state, logic.hear(state.logic, input), input.receivedAt);
      if (input.kind === "ended" && input.reason === "clock_reset") state.cooling.clear();
      return [state, told];
    },
    ...(due && { due: (state: Alerting<S>) => due(state.logic) }),
    ...(ring && {
      ring: (state: Alerting<S>, at: Instant, _key: string, by: Heard) =>
        [state, tellAll(state, ring(state.logic, at), by.receivedAt)] as const,
    }),
    save: (state) => saveState(state, logic),
    load: (saved, from) =>
      from === machineVersion
        ? loaded(
            saved,
            (form) => loadState(form, logic),
            (state) => saveState(state, logic),
          )
        : undefined,
  };
};

const saveOpen = ({ id, raised }: Open): Json => ({
  id,
  direction: raised.direction ?? null,
  count: raised.count,
  start: raised.start,
  end: raised.end,
  at: raised.at,
  objects: raised.objects?.map(saveSighting) ?? null,
  from: saveFrameRef(raised.cause.from),
  to: saveFrameRef(raised.cause.to),
  subject: raised.subject,
});

type Saved = { [part in string]: Json };

const loadOpen = (saved: Saved): Open => ({
  id: saved.id as string,
  raised: {
    kind: "raised",
    direction: (saved.direction ?? undefined) as Raised["direction"],
    count: saved.count as number,
    start: saved.start as number,
    end: saved.end as number,
    at: saved.at as number,
    objects: (saved.objects as Json[] | null)?.map(loadSighting),
    cause: { from: loadFrameRef(saved.from as Json), to: loadFrameRef(saved.to as Json) },
    subject: saved.subject as string,
    open: true,
  },
});

const saveState = <S>(state: Alerting<S>, logic: RuleLogic<S>): Json => ({
  logic: logic.save(state.logic),
  starts: [...state.starts],
  cooling: [...state.cooling],
  open: state.open === undefined ? null : saveOpen(state.open),
});

const loadState = <S>(saved: Json, logic: RuleLogic<S>): Alerting<S> => {
  const { logic: own, starts, cooling, open } = saved as { [part in string]: Json };
  return {
    logic: logic.load(own as Json),
    starts: new Map(starts as [string, number][]),
    cooling: new Map(cooling as [string, number][]),
    open: open === null ? undefined : loadOpen(open as Saved),
  };
};
