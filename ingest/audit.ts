/**
 * Who changed what, who watched what, and who had what done: every decision of a tenant, in the order in which they were made. What is kept here is where each
 * stands, not what it says.
 */
import type { Json } from "../domain/envelope.ts";
import type { JobWish } from "../domain/job.ts";
import type { JobEvent } from "../domain/job-decider.ts";
import type { PlaybackEvent } from "../domain/playback.ts";
import type { Decided, EventStore, Revision } from "../domain/ports.ts";
import type { AuditPage } from "../domain/registry.ts";
import { cameraOfStream, tenantOfJobStream, tenantOfPlaybackStream, tenantOfStream } from "../domain/streams.ts";

export type Audit = {
  /** Of each decision as the store tells of it; one told of before is passed over. */
  note(event: Decided): void;
  readonly page: AuditPage;
};

type Place = { readonly stream: string; readonly camera: string | undefined; readonly revision: Revision };

/** Revisions between two that are shown which are read with them: one question more takes longer. */
const READ_OVER = 100;
/** Taking a place among the tenant's cameras is told of by the camera's own stream. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(["camera-added", "camera-dropped"]);

/** That a job was asked for, and what became of it; how it went meanwhile nobody did. */
const OF_JOBS: ReadonlySet<string> = new Set<JobEvent["type"]>(["job-requested", "job-cancelled", "job-done", "job-failed"]);

/** The one camera a job is about. */
const cameraOf = (wish: JobWish): string | undefined => {
  if (wish.kind === "recompute") return wish.camera;
  return wish.kind === "backtest" && wish.cameras.length === 1 ? wish.cameras[0]?.camera : undefined;
};

/** Undefined: nobody asks for it. */
const aboutWhom = ({ stream, type, data }: Decided): { readonly tenant: string; readonly camera: string | undefined } | undefined => {
  const watching = tenantOfPlaybackStream(stream);
  if (watching !== undefined) {
    // What the store holds are the decider's own events, as JSON: it wrote them. That one ended says nothing of who watched.
    const event = data as unknown as PlaybackEvent;
    return event.type === "playback-started" ? { tenant: watching, camera: event.playback.camera } : undefined;
  }
  const having = tenantOfJobStream(stream);
  if (having !== undefined) {
    const event = data as unknown as JobEvent;
    return OF_JOBS.has(type) ? { tenant: having, camera: event.type === "job-requested" ? cameraOf(event.wish) : undefined } : undefined;
  }
  const key = cameraOfStream(stream);
  const tenant = key?.tenant ?? tenantOfStream(stream);
  return tenant === undefined || TOLD_ELSEWHERE.has(type) ? undefined : { tenant, camera: key?.camera };
};

export const createAudit = (store: Pick<EventStore, "read">): Audit => {
  const places = new Map<string, Place[]>();
  const seen = new Map<string, Revision>();

  const note: Audit["note"] = (event) => {
    const { stream, revision } = event;
    if (revision <= (seen.get(stream) ?? 0)) return;
    seen.set(stream, revision);
    const about = aboutWhom(event);
    if (about === undefined) return;
    const { tenant, camera } = about;
    const ofTenant = places.get(tenant) ?? [];
    places.set(tenant, ofTenant);
    ofTenant.push({ stream, camera, revision });
  };

  const page: AuditPage = async (tenant, { camera, before, limit }) => {
    const ofTenant = places.get(tenant) ?? [];
    const chosen: (Place & { readonly number: number })[] = [];
    for (let i = Math.min(before === undefined ? ofTenant.length : before - 1, ofTenant.length); i > 0 && chosen.length < limit; i--) {
      const place = ofTenant[i - 1] as Place;
      if (camera === undefined || place.camera === camera) chosen.push({ ...place, number: i });
    }
    const found = await readAll(store, chosen);
    return chosen.map(({ stream, camera: of, revision, number }) => {
      const decided = found.get(stream)?.get(revision);
      if (decided === undefined) throw new Error(`${stream} has no revision ${revision}`);
      const { id, at, by, type, data } = decided;
      return { number, id, at, by, type, camera: of, revision, data: withoutSecrets(data) };
    });
  };

  return { note, page };
};

/** What stands there, by stream and revision. Of a long stream no more is read than a little beside it. `places`: the newest first. */
const readAll = async (
  store: Pick<EventStore, "read">,
  places: readonly Place[],
): Promise<ReadonlyMap<string, ReadonlyMap<Revision, Decided>>> => {
  const found = new Map<string, Map<Revision, Decided>>();
  const wanted = new Map<string, Revision[]>();
  for (const { stream, revision } of places) wanted.set(stream, [...(wanted.get(stream) ?? []), revision]);
  for (const [stream, revisions] of wanted) {
    const ofStream = new Map<Revision, Decided>();
    found.set(stream, ofStream);
    let [newest] = revisions as [Revision];
    for (const [at, oldest] of revisions.entries()) {
      const next = revisions[at + 1];
      if (next !== undefined && oldest - next <= READ_OVER) continue;
      for (const decided of await store.read(stream, oldest - 1, newest - oldest + 1)) ofStream.set(decided.revision, decided);
      newest = next ?? newest;
    }
  }
  return found;
};

/** What is sealed is nobody's to read. */
const withoutSecrets = (data: Json): Json => {
  if (Array.isArray(data)) return (data as readonly Json[]).map(withoutSecrets);
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(
    Object.entries(data)
      .filter(([name]) => name !== "sealed")
      .map(([name, value]) => [name, withoutSecrets(value)]),
  );
};
