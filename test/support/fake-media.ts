/** A fake of the port of films: nothing is filmed, and a test says what comes of it. */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { ArchiveStream, Clip, LiveStream, LiveWish, MediaEvent, MediaFile, NotRecorded, StreamState } from "../../domain/media.ts";
import type { AdapterError, Media } from "../../domain/ports.ts";
import type { Place } from "../../domain/video.ts";
import { aClip } from "./fake-video.ts";

const aFile = (content: string): MediaFile => ({ type: "video/iso.segment", content: new TextEncoder().encode(content) });

export type FakeFilm = LiveStream & { readonly wish: LiveWish; readonly released: number; become(state: StreamState): void };

const fakeFilm = (wish: LiveWish, number: number): FakeFilm => {
  let state: StreamState = { state: "starting" };
  let released = 0;
  let tell: (state: StreamState) => void = () => undefined;
  const ready = new Promise<StreamState>((resolve) => {
    tell = resolve;
  });
  return {
    wish,
    ready,
    state: () => state,
    get released() {
      return released;
    },
    file: async (name) => (state.state !== "starting" && released === 0 ? aFile(`${name} of film ${number}`) : undefined),
    release: async () => {
      released += 1;
      tell(state);
    },
    become: (next) => {
      state = next;
      if (next.state !== "starting" && next.state !== "stalled") tell(next);
    },
  };
};

export class FakeMedia implements Media {
  readonly films: FakeFilm[] = [];
  /** What a film that is begun is from the first moment on. */
  begins: StreamState = { state: "running" };
  refusal: AdapterError | undefined;
  pieces: ArchiveStream["pieces"] = [];
  readonly asked: (readonly [what: string, ...given: readonly unknown[]])[] = [];
  readonly recordings = new Map<string, string>();
  state: StreamState = { state: "running" };
  /** What goes wrong the next times, first to last. */
  readonly faults: { readonly of: "record" | "reconcile" | "retain"; readonly error: Error }[] = [];
  readonly #listeners: ((event: MediaEvent) => void)[] = [];

  #ask(what: string, ...given: readonly unknown[]): void {
    this.asked.push([what, ...given]);
    const at = this.faults.findIndex(({ of }) => of === what);
    const [fault] = at < 0 ? [] : this.faults.splice(at, 1);
    if (fault !== undefined) throw fault.error;
  }
  tell(event: MediaEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  live = (wish: LiveWish): LiveStream => {
    if (this.refusal !== undefined) throw this.refusal;
    const film = fakeFilm(wish, this.films.length);
    film.become(this.begins);
    this.films.push(film);
    return film;
  };
  archive = async (_: CameraKey, from: Instant, to: Instant): Promise<ArchiveStream | undefined> => {
    this.#ask("archive", from, to);
    if (this.refusal !== undefined) throw this.refusal;
    const pieces = this.pieces.filter(({ start, end }) => start < to && end > from);
    return pieces.length === 0 ? undefined : { pieces, file: async (name) => aFile(`${name} of an archive`) };
  };
  place = async (_: CameraKey, at: Instant): Promise<Place | NotRecorded> =>
    this.pieces.some(({ start, end }) => start <= at && at < end)
      ? { date: "2026-11-21", hour: 14, offset: 0 }
      : { notRecorded: this.pieces.length === 0 ? "nothing" : "gap" };
  hour = async (): Promise<MediaFile | undefined> => undefined;
  hourFile = async (): Promise<MediaFile | undefined> => undefined;
  hours = async (): Promise<readonly number[]> => [];
  record = async ({ camera }: CameraKey, url: string | undefined): Promise<void> => {
    this.#ask("record", camera, url);
    if (url === undefined) this.recordings.delete(camera);
    else this.recordings.set(camera, url);
  };
  recording = ({ camera }: CameraKey): StreamState | undefined => (this.recordings.has(camera) ? this.state : undefined);
  snap = async (_: CameraKey, at: Instant): Promise<MediaFile> => {
    this.#ask("snap", at);
    return aFile(`picture of ${at}`);
  };
  clip = async (_: CameraKey, from: Instant, to: Instant): Promise<Clip> => {
    this.#ask("clip", from, to);
    return aClip(`${from} to ${to}`);
  };
  reconcile: Media["reconcile"] = async ({ camera }) => this.#ask("reconcile", camera);
  retain = async (now: Instant): Promise<number> => {
    this.#ask("retain", now);
    return 0;
  };
  onEvent = (listener: (event: MediaEvent) => void): void => void this.#listeners.push(listener);
  close = async (): Promise<void> => undefined;
}
