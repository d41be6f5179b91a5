import { loadCameraDefinition, saveCameraDefinition } from "../domain/camera-saving.ts";
import type { CameraKey, Instant, Json } from "../domain/envelope.ts";
import type { Derived, Frame } from "../domain/event.ts";
import { loaded } from "../domain/machine.ts";
import type { Saved } from "../domain/ports.ts";
import { loadTime, saveTime, TIME_VERSION } from "../domain/rules/sensor-time.ts";
import { type CameraMemory, createCameraMemory, fitToDefinition, reckonDue } from "./camera-memory.ts";
import { loadPending, savePending } from "./pending.ts";
import { loadTold, numbered, saveTold } from "./told-already.ts";

/** Raised when the saved form changes: the memory is then derived again from a base or from the log's start. */
const VERSION = 1;

/** What a partition remembers, by tenant and camera. Two steps rather than a joined key: no text is made for each frame. */
export type Memory = { readonly tenants: Map<string, Map<string, CameraMemory>>; touched: CameraMemory[] };

export const createMemory = (): Memory => ({ tenants: new Map(), touched: [] });

export const cameraMemory = (memory: Memory, tenant: string, camera: string): CameraMemory => {
  const known = memory.tenants.get(tenant)?.get(camera);
  if (known !== undefined) return known;
  const fresh = createCameraMemory(tenant, camera);
  put(memory, fresh);
  return fresh;
};

const put = ({ tenants }: Memory, one: CameraMemory): void => {
  const cameras = tenants.get(one.tenant) ?? new Map<string, CameraMemory>();
  cameras.set(one.camera, one);
  tenants.set(one.tenant, cameras);
};

export const touch = (memory: Memory, one: CameraMemory): void => {
  if (one.touched) return;
  one.touched = true;
  memory.touched.push(one);
};

const all = function* ({ tenants }: Memory): Generator<CameraMemory> {
  for (const cameras of tenants.values()) yield* cameras.values();
};

export const camerasIn = (memory: Memory): readonly CameraKey[] => Array.from(all(memory), ({ tenant, camera }) => ({ tenant, camera }));

/** What the engine gave as it is to be told, undefined where that is no news: a recomputation may have told the same alert. */
export const asTold = (memory: Memory, event: Derived): Derived | undefined => {
  if (event.kind !== "alert") return event;
  const one = cameraMemory(memory, event.tenant, event.camera);
  if (one.told.size === 0) return event;
  const [told, alert] = numbered(one.told, event);
  one.told = told;
  return alert;
};

/** For a base, which stands for what was, not for what is to be done, nor for what was said of it afterwards. Undefined for a camera never heard of. */
export const saveCameraMemory = (memory: Memory, tenant: string, camera: string): Json | undefined => {
  const one = memory.tenants.get(tenant)?.get(camera);
  return one && save({ ...one, recomputes: [], told: new Map() });
};

/** The cameras touched since it was last called, saved; from here on they count as untouched. */
export const saveTouched = (memory: Memory): readonly Saved[] => {
  const { touched } = memory;
  memory.touched = [];
  return touched.map((one) => {
    one.touched = false;
    return { tenant: one.tenant, camera: one.camera, memory: save(one) };
  });
};

const save = (one: CameraMemory): Json => ({
  version: VERSION,
  definition: saveCameraDefinition(one.definition),
  stopped: one.stopped ?? null,
  time: [TIME_VERSION, saveTime(one.time)],
  coverage: [one.coverage.version, one.coverage.save(one.watching)],
  places: one.places.map(({ analytic, id, machine, state }) => [analytic, id, machine.version, machine.save(state)]),
  rules: one.rules.map(({ ruleId, machine, state }) => [ruleId, machine.version, machine.save(state)]),
  ...(one.recomputes.length === 0 ? {} : { recomputes: one.recomputes.map(savePending) }),
  ...(one.told.size === 0 ? {} : { told: saveTold(one.told) }),
});

/**
 * Takes saved memories in, replacing what was there. Says which could not be loaded because their form is not known: those
 * cameras are not in memory, and are to be derived again.
 */
export const restoreMemory = (memory: Memory, saved: readonly Saved[]): readonly CameraKey[] => {
  const unknown: CameraKey[] = [];
  for (const { tenant, camera, memory: form } of saved) {
    memory.tenants.get(tenant)?.delete(camera);
    if (form === undefined) continue;
    const one = load(tenant, camera, form);
    if (one === undefined) unknown.push({ tenant, camera });
    else put(memory, one);
  }
  return unknown;
};

type Form = {
  readonly version: number;
  readonly definition: Json;
  readonly stopped: string | null;
  readonly time: [number, Json];
  readonly coverage: [number, Json];
  readonly places: [string, string, number, Json][];
  readonly rules: [string, number, Json][];
  readonly recomputes?: Json[];
  readonly told?: Json;
};

/** Bases are kept for long, and a checkpoint may be a newer program's: what is in one is looked at before it is believed. */
const load = (tenant: string, camera: string, saved: Json): CameraMemory | undefined =>
  loaded<CameraMemory | undefined>(
    saved,
    (form) => read(tenant, camera, form as unknown as Form),
    (one) => (one === undefined ? null : save(one)),
  );

const read = (tenant: string, camera: string, form: Form): CameraMemory | undefined => {
  if (form.version !== VERSION || form.time[0] !== TIME_VERSION) return undefined;
  const one = createCameraMemory(tenant, camera);
  const definition = loadCameraDefinition(form.definition);
  const time = loadTime(form.time[1]);
  const watching = one.coverage.load(form.coverage[1], form.coverage[0]);
  if (definition === undefined || time === undefined || watching === undefined) return undefined;
  const recomputes = (form.recomputes ?? []).map(loadPending);
  Object.assign(one, { decided: definition, definition, time, watching, recomputes, told: loadTold(form.told) });
  if (form.stopped !== null) {
    one.places = [];
    one.rules = [];
    one.stopped = form.stopped;
    return one;
  }
  fitToDefinition(one);
  if (one.places.length !== form.places.length || one.rules.length !== form.rules.length) return undefined;
  for (const [i, place] of one.places.entries()) {
    const [analytic, id, version, state] = form.places[i] as Form["places"][number];
    const known = place.analytic === analytic && place.id === id ? place.machine.load(state, version) : undefined;
    if (known === undefined) return undefined;
    place.state = known;
  }
  for (const [i, rule] of one.rules.entries()) {
    const [ruleId, version, state] = form.rules[i] as Form["rules"][number];
    const known = rule.ruleId === ruleId ? rule.machine.load(state, version) : undefined;
    if (known === undefined) return undefined;
    rule.state = known;
  }
  reckonDue(one);
  return one;
};

/** A camera with a timer or a held frame: `due` is at or before the next; `toldUntil` is what its time has reached. */
export type Pending = CameraKey & {
  readonly due: Instant;
  readonly newest: { readonly timestamp: Instant; readonly id: string; readonly receivedAt: Instant };
  readonly toldUntil: Instant;
};

export const pendingCameras = (memory: Memory): readonly Pending[] => {
  const pending: Pending[] = [];
  for (const one of all(memory)) {
    const { newest, newestReceivedAt, held, until } = one.time;
    if (one.stopped !== undefined || newest === undefined) continue;
    // With frames held back, timers too run behind by as much.
    const { reorderMs } = one.definition.settings;
    const due = Math.min(one.nextDue, (held[0] as Frame | undefined)?.timestamp ?? Number.POSITIVE_INFINITY) + reorderMs;
    if (due === Number.POSITIVE_INFINITY) continue;
    const { tenant, camera } = one;
    const toldUntil = until === undefined ? Number.NEGATIVE_INFINITY : until + reorderMs;
    pending.push({ tenant, camera, due, newest: { ...newest, receivedAt: newestReceivedAt }, toldUntil });
  }
  return pending;
};

/** Cameras whose machines a defect stopped, with what was thrown: `tenant/camera: reason`. */
export const stoppedCameras = (memory: Memory): readonly string[] => {
  const stopped: string[] = [];
  for (const one of all(memory)) if (one.stopped !== undefined) stopped.push(`${one.tenant}/${one.camera}: ${one.stopped}`);
  return stopped;
};
