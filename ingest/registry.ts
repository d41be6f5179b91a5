/**
 * The cameras of a tenant: created, changed, removed. A camera is added to its tenant's stream first, where the limit and the channel are
 * decided, and registered in its own stream then; removed the other way round. Whoever was interrupted between the two left one that is half
 * done: it is finished by the next who looks, from what stands in the tenant's stream.
 */
import { isRefusal, type Refusal, refuse } from "../domain/decider.ts";
import { cameraDefaults } from "../domain/defaults.ts";
import type { CameraKey } from "../domain/envelope.ts";
import { createStreams, type Folding } from "../domain/fold.ts";
import { limits } from "../domain/limits.ts";
import { narrower, type Registration } from "../domain/registration.ts";
import type { Holding, Registered, Registry } from "../domain/registry.ts";
import { tenantStream } from "../domain/streams.ts";
import { type Added, type Lowered, type Tenant, tenantDecider } from "../domain/tenant.ts";
import { keepUrl, type Urls } from "./camera-url.ts";
import type { Cameras } from "./decide.ts";
import { sensorProblem } from "./normalise.ts";
import type { Relay } from "./relay.ts";

type World = Omit<Folding, "revision"> & {
  readonly relay: Pick<Relay, "heard" | "revision">;
  readonly cameras: Cameras;
  readonly urls: Urls;
};

/** Cameras whose streams are read at once. */
const AT_ONCE = 64;

const noSuch = refuse("unknown-camera", "id", "there is no such camera");

export const createRegistry = ({ relay, cameras, urls, ...folding }: World): Registry => {
  const { clock } = folding;
  const streams = createStreams({ ...folding, revision: relay.revision }, tenantDecider);
  const tenantOf = async (tenant: string): Promise<Tenant> => (await streams.load(tenantStream(tenant))).state;

  const decided = async (
    tenant: string,
    command: Parameters<typeof streams.decide>[1],
    by: string | undefined,
  ): Promise<Tenant | Refusal> => {
    const stream = tenantStream(tenant);
    const answer = await streams.decide(stream, command, by);
    if (isRefusal(answer)) return answer;
    await relay.heard(stream, answer.revision);
    return answer.state;
  };

  /** Finishes what is half done. Undefined where there is no such camera any more. */
  const settled = async (key: CameraKey, { by, ...added }: Added): Promise<Registration | undefined> => {
    const { channel } = added;
    const { registered, lastChannel } = await cameras.camera(key);
    if (registered?.channel === channel) return registered;
    if (lastChannel >= channel) {
      await decided(key.tenant, { type: "drop-camera", camera: key.camera, channel }, undefined);
      return undefined;
    }
    const done = await cameras.change(key, { type: "register", ...added }, by);
    if (!isRefusal(done)) return done.camera.registered;
    // Removed meanwhile, or changed by many at once: the next look finishes it. Whatever else was seen to before it took its place.
    if (done.refused === "conflict") return undefined;
    throw new Error(`camera ${key.camera} was added and cannot be registered: ${done.path}: ${done.detail}`);
  };

  const get = async (key: CameraKey): Promise<Registered | undefined> => {
    const known = (await tenantOf(key.tenant)).cameras.get(key.camera);
    // It may have been added at another process a moment ago, and its adder have been told so.
    const added = known ?? (await streams.refresh(tenantStream(key.tenant))).state.cameras.get(key.camera);
    const registration = added && (await settled(key, added));
    return registration && { id: key.camera, registration };
  };

  const create: Registry["create"] = async (key, { rtspUrl, model, ...said }, { subject, cameraLimit, features }) => {
    const { tenant: of, camera } = key;
    const problem = sensorProblem(camera, limits);
    if (problem !== undefined) return refuse("invalid", "id", problem);
    // As parts of an address they are resolved before anybody can ask for them.
    if (camera === "." || camera === "..") return refuse("invalid", "id", "must not be . or ..");
    if ((await get(key)) !== undefined) return refuse("conflict", "id", "there is such a camera");
    const address = await keepUrl(urls, key, rtspUrl ?? "", undefined);
    if (address === "kept") throw new Error("nothing was kept yet");
    if (isRefusal(address)) return address;
    const description = { ...cameraDefaults, name: camera, ...given(said), model: model || undefined, url: address.url };
    const added = { description, at: clock.now(), ...(subject === undefined ? {} : { by: subject }) };
    const lowered: Lowered = { cameraLimit, features: features ?? "every" };
    const tenant = await decided(of, { type: "add-camera", camera, added, lowered }, subject);
    if (isRefusal(tenant)) return tenant;
    const { by: _, ...register } = tenant.cameras.get(camera) as Added;
    return cameras.change(key, { type: "register", ...register }, subject);
  };

  const change: Registry["change"] = async (key, { rtspUrl, model, ...said }, { subject, features }) => {
    const known = await get(key);
    if (known === undefined) return noSuch;
    const address = rtspUrl === undefined ? "kept" : await keepUrl(urls, key, rtspUrl, known.registration.url);
    if (address !== "kept" && isRefusal(address)) return address;
    const changes = {
      ...given(said),
      ...(model === undefined ? {} : { model: model || undefined }),
      ...(address === "kept" ? {} : { url: address.url }),
    };
    const { settings } = await tenantOf(key.tenant);
    const licence = narrower(settings.features, features ?? "every");
    return cameras.change(key, { type: "describe", changes, licence, at: clock.now() }, subject);
  };

  const remove: Registry["remove"] = async (key, { subject }) => {
    const known = await get(key);
    if (known === undefined) return noSuch;
    const { channel } = known.registration;
    const done = await cameras.change(key, { type: "unregister", channel }, subject);
    if (isRefusal(done)) return done;
    const dropped = await decided(key.tenant, { type: "drop-camera", camera: key.camera, channel }, subject);
    return isRefusal(dropped) ? dropped : done;
  };

  const list: Registry["list"] = async (tenant) => {
    const { cameras: added } = await tenantOf(tenant);
    const all: Registered[] = [];
    for (const some of chunks([...added], AT_ONCE)) {
      const found = await Promise.all(some.map(async ([id, one]) => ({ id, registration: await settled({ tenant, camera: id }, one) })));
      for (const { id, registration } of found) if (registration !== undefined) all.push({ id, registration });
    }
    return all;
  };

  return {
    list,
    get,
    create,
    change,
    remove,
    tenant: async (tenant) => holdingOf(await tenantOf(tenant)),
    set: async (tenant, changes, { subject, cameraLimit, features }) => {
      const lowered: Lowered = { cameraLimit, features: features ?? "every" };
      const done = await decided(tenant, { type: "set-tenant", changes, lowered }, subject);
      return isRefusal(done) ? done : holdingOf(done);
    },
  };
};

const holdingOf = ({ settings, cameras }: Tenant): Holding => ({ settings, cameras: cameras.size });

const chunks = <T>(all: readonly T[], size: number): readonly (readonly T[])[] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));

/** What is said, without what is left out: an undefined would overwrite. */
const given = <T extends object>(said: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
