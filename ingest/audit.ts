/**
 * Who changed what, and who watched what: every decision of a tenant, in the order in which they were made. What is kept here is where each
 * stands, not what it says.
 */
import type { Json } from "../domain/envelope.ts";
import type { PlaybackEvent } from "../domain/playback.ts";
import type { Decided, EventStore, Revision } from "../domain/ports.ts";
import type { AuditPage } from "../domain/registry.ts";
import { cameraOfStream, tenantOfPlaybackStream, tenantOfStream } from "../domain/streams.ts";

export type Audit = {
  /** Of each decision as the store tells of it; one told of before is passed over. */
  note(event: Decided): void;
  readonly page: AuditPage;
};

type Place = { readonly stream: string; readonly camera: string | undefined; readonly revision: Revision };

/** Taking a place among the tenant's cameras is told of by the camera's own stream. */
const TOLD_ELSEWHERE: ReadonlySet<string> = new Set(["camera-added", "camera-dropped"]);

/** Undefined: nobody asks for it. */
const aboutWhom = ({ stream, type, data }: Decided): { readonly tenant: string; readonly camera: string | undefined } | undefined => {
  const watching = tenantOfPlaybackStream(stream);
  if (watching !== undefined) {
    // What the store holds are the decider's own events, as JSON: it wrote them. That one ended says nothing of who watched.
    const event = data as unknown as PlaybackEvent;
    return event.type === "playback-started" ? { tenant: watching, camera: event.playback.camera } : undefined;
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
    // Of each stream from the oldest that is shown: the newest come first.
    const oldest = new Map(chosen.map(({ stream, revision }) => [stream, revision]));
    const streams = new Map<string, readonly Decided[]>();
    for (const [stream, revision] of oldest) streams.set(stream, await store.read(stream, revision - 1));
    return chosen.map(({ stream, camera: of, revision, number }) => {
      const decided = streams.get(stream)?.[revision - (oldest.get(stream) as number)];
      if (decided === undefined) throw new Error(`${stream} has no revision ${revision}`);
      const { id, at, by, type, data } = decided;
      return { number, id, at, by, type, camera: of, revision, data: withoutSecrets(data) };
    });
  };

  return { note, page };
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
