/** A fake of the video side, for tests of surfaces only: what they say, not what is true. It answers what the test lays down. */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { Clip, MediaFile, NotRecorded, StreamState } from "../../domain/media.ts";
import type { NoPlayback, Place, PlaybackKind, PlaybackStatus, PlaybackWish, Video } from "../../domain/video.ts";

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
export const aPlaylist: MediaFile = { type: "application/vnd.apple.mpegurl", content: text("#EXTM3U\n") };
export const aSegment: MediaFile = { type: "video/iso.segment", content: text("segment") };
export const aPicture: MediaFile = { type: "image/jpeg", content: text("picture") };
/** Each letter comes by itself. */
export const aClip = (content: string): Clip => ({
  type: "video/mp4",
  bytes: content.length,
  content: {
    async *[Symbol.asyncIterator]() {
      for (const letter of content) yield text(letter);
    },
  },
});
export const filmText = "film";

export class FakeVideo implements Video {
  /** Calls that came, with all they were given. */
  readonly called: { readonly name: string; readonly given: readonly unknown[] }[] = [];
  /** Playbacks by tenant, kind and id, and those that have ended. */
  readonly playing = new Map<string, PlaybackStatus>();
  readonly ended = new Set<string>();
  refusal: NoPlayback | undefined;
  defect: Error | undefined;
  state: PlaybackStatus["state"] = { state: "running" };
  /** Of every camera, what was recorded. */
  recorded: readonly { readonly start: Instant; readonly end: Instant }[] = [];
  /** How recordings go, by camera. */
  readonly recordings = new Map<string, StreamState>();
  notRecorded: NotRecorded = { notRecorded: "nothing" };
  files = new Map<string, MediaFile>([
    ["index.m3u8", aPlaylist],
    ["init.mp4", { ...aSegment, type: "video/mp4" }],
    ["s00000.m4s", aSegment],
  ]);
  laidClip: Clip = aClip(filmText);
  laidHours: readonly number[] = [];
  /** Of which cameras these are: of all, unless a test says otherwise. */
  laidFor: (key: CameraKey) => boolean = () => true;
  laidPlace: Place | NotRecorded = { date: "2026-11-21", hour: 14, offset: 12.5 };
  #next = 1497350824291;

  #note(name: string, given: readonly unknown[]): void {
    this.called.push({ name, given });
    if (this.defect !== undefined) throw this.defect;
  }
  readonly #key = (tenant: string, kind: PlaybackKind, id: number): string => JSON.stringify([tenant, kind, id]);

  start = async ({ tenant, camera }: CameraKey, wish: PlaybackWish, by?: string): Promise<PlaybackStatus | NoPlayback> => {
    this.#note("start", [{ tenant, camera }, wish, by]);
    if (this.refusal !== undefined) return this.refusal;
    const status = { ...wish, id: this.#next++, camera, startedAt: 0, state: this.state, expiresAt: Date.parse("2026-11-21T14:01:00Z") };
    this.playing.set(this.#key(tenant, wish.kind, status.id), status);
    return status;
  };
  status = async (tenant: string, kind: PlaybackKind, id: number) => {
    this.#note("status", [tenant, kind, id]);
    return this.playing.get(this.#key(tenant, kind, id));
  };
  keepAlive = async (tenant: string, kind: PlaybackKind, id: number) => {
    this.#note("keepAlive", [tenant, kind, id]);
    return this.playing.get(this.#key(tenant, kind, id));
  };
  stop = async (tenant: string, kind: PlaybackKind, id: number, by?: string) => {
    this.#note("stop", [tenant, kind, id, by]);
    const key = this.#key(tenant, kind, id);
    if (this.playing.delete(key)) this.ended.add(key);
    return this.ended.has(key);
  };
  file = async (tenant: string, kind: PlaybackKind, id: number, name: string) => {
    this.#note("file", [tenant, kind, id, name]);
    return this.playing.has(this.#key(tenant, kind, id)) ? this.files.get(name) : undefined;
  };
  hours = async (key: CameraKey, date: string) => {
    this.#note("hours", [key, date]);
    return this.laidFor(key) ? this.laidHours : [];
  };
  hour = async (key: CameraKey, date: string, hour: number, uriOf: (name: string) => string): Promise<MediaFile | undefined> => {
    this.#note("hour", [key, date, hour]);
    if (!this.laidFor(key) || !this.laidHours.includes(hour)) return undefined;
    const lines = ["#EXTM3U", `#EXT-X-MAP:URI="${uriOf("0a1b2c3d.mp4")}"`, uriOf("1763730000000-2000-0a1b2c3d-1000.m4s")];
    return { ...aPlaylist, content: text(`${lines.join("\n")}\n`) };
  };
  hourFile = async (key: CameraKey, date: string, hour: number, name: string): Promise<MediaFile | undefined> => {
    this.#note("hourFile", [key, date, hour, name]);
    return this.laidHours.includes(hour) && name.endsWith(".m4s") ? aSegment : undefined;
  };
  place = async (key: CameraKey, at: Instant) => {
    this.#note("place", [key, at]);
    return this.laidPlace;
  };
  recording = ({ camera }: CameraKey): StreamState | undefined => this.recordings.get(camera);
  isRecorded = (_: CameraKey, at: Instant): boolean => this.recorded.some(({ start, end }) => at >= start && at < end);
  snap = async (key: CameraKey, at: Instant) => {
    this.#note("snap", [key, at]);
    return this.isRecorded(key, at) ? aPicture : this.notRecorded;
  };
  clip = async (key: CameraKey, start: Instant, end: Instant) => {
    this.#note("clip", [key, start, end]);
    return this.isRecorded(key, start) ? this.laidClip : this.notRecorded;
  };
}
