/**
 * The cameras of a tenant: created, changed, removed. A camera is added to its tenant's stream first, where the limit and the channel are
 * decided, and registered in its own stream then; removed the other way round. Whoever was interrupted between the two left one that is half
 * done: it is finished by the next who looks, from what stands in the tenant's stream.
 */
import { initialCamera } from "../domain/camera.ts";
import { cameraDecider } from "../domain/camera-decider.ts";
import { isRefusal, type Refusal, refuse } from "../domain/decider.ts";
import type { CameraKey } from "../domain/envelope.ts";
import { limits } from "../domain/limits.ts";
import { describedAs, type Licence, narrower, type Registration } from "../domain/registration.ts";
import type { Asker, Registered, Registry } from "../domain/registry.ts";
import { tenantStream } from "../domain/streams.ts";
import { type Added, type Tenant, tenantDecider } from "../domain/tenant.ts";
import { keepUrl, type Urls } from "./camera-url.ts";
import type { Cameras } from "./decide.ts";
import { createStreams, type Folding } from "./fold.ts";
import { sensorProblem } from "./normalise.ts";
import type { Relay } from "./relay.ts";

type World = Omit<Folding, "revision"> & {
  readonly relay: Pick<Relay, "heard" | "revision">;
  readonly cameras: Cameras;
  readonly urls: Urls;
};

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
  const settled = async (key: CameraKey, added: Added): Promise<Registration | undefined> => {
    const { registered, lastChannel } = await cameras.camera(key);
    if (registered?.channel === added.channel) return registered;
    if (lastChannel >= added.channel) {
      await decided(key.tenant, { type: "drop-camera", camera: key.camera, channel: added.channel }, undefined);
      return undefined;
    }
    const { by, ...registration } = added;
    const done = await cameras.change(key, { type: "register", ...registration }, by);
    return isRefusal(done) ? undefined : done.camera.registered;
  };

  const get = async (key: CameraKey): Promise<Registered | undefined> => {
    const added = (await tenantOf(key.tenant)).cameras.get(key.camera);
    const registration = added && (await settled(key, added));
    return registration && { id: key.camera, registration };
  };

  const licenceFor = ({ settings }: Tenant, { features }: Asker): Licence => narrower(settings.features, features ?? "every");

  const create: Registry["create"] = async (key, { rtspUrl, ...said }, asker) => {
    const { tenant: of, camera } = key;
    const problem = sensorProblem(camera, limits);
    if (problem !== undefined) return refuse("invalid", "id", problem);
    if ((await get(key)) !== undefined) return refuse("conflict", "id", "there is such a camera");
    const kept = await keepUrl(urls, key, rtspUrl ?? "", undefined);
    if (isRefusal(kept)) return kept;
    const before = await tenantOf(of);
    const licence = licenceFor(before, asker);
    const description = { ...describedAs, model: undefined, name: camera, ...given(said), url: kept.url };
    const at = clock.now();
    // Refused before it takes a place: only what is certain to follow is added.
    const flaw = cameraDecider.decide({ type: "register", channel: 1, description, licence, at }, initialCamera());
    if (isRefusal(flaw)) return flaw;
    const limit = Math.min(before.settings.cameraLimit, asker.cameraLimit ?? Number.POSITIVE_INFINITY);
    const { subject } = asker;
    const by = subject === undefined ? {} : { by: subject };
    const added = await decided(of, { type: "add-camera", camera, limit, added: { description, licence, at, ...by } }, subject);
    if (isRefusal(added)) return added;
    const { channel } = added.cameras.get(camera) as Added;
    return cameras.change(key, { type: "register", channel, description, licence, at }, subject);
  };

  const change: Registry["change"] = async (key, { rtspUrl, ...said }, asker) => {
    const known = await get(key);
    if (known === undefined) return noSuch;
    const kept = rtspUrl === undefined ? undefined : await keepUrl(urls, key, rtspUrl, known.registration.url);
    if (kept !== undefined && isRefusal(kept)) return kept;
    const changes = { ...given(said), ...(kept && { url: kept.url }) };
    const licence = licenceFor(await tenantOf(key.tenant), asker);
    return cameras.change(key, { type: "describe", changes, licence, at: clock.now() }, asker.subject);
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
    const all = await Promise.all(
      [...added].map(async ([id, one]) => {
        const registration = await settled({ tenant, camera: id }, one);
        return registration && { id, registration };
      }),
    );
    return all.filter((one) => one !== undefined);
  };

  return {
    list,
    get,
    create,
    change,
    remove,
    settings: async (tenant) => (await tenantOf(tenant)).settings,
    set: async (tenant, settings, { subject }) => {
      const done = await decided(tenant, { type: "set-tenant", settings }, subject);
      return isRefusal(done) ? done : done.settings;
    },
  };
};

/** What is said, without what is left out: an undefined would overwrite. */
const given = <T extends object>(said: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)) as never;
