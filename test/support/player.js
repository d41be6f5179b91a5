/**
 * What the page of a player does (player.ts): plays a playlist with hls.js, as any page would, and keeps each picture that is shown.
 * A picture's instant is that of its segment in the playlist, and how far into it it is.
 */
const { Hls } = window;
const film = document.querySelector("video");
const canvas = new OffscreenCanvas(1, 1);
const pencil = canvas.getContext("2d", { willReadFrequently: true });
let hls;
let pictures = [];
let errors = [];
/** Where the film stood when a picture was last told of. */
let toldAt;

const segments = () => hls?.levels[0]?.details?.fragments ?? [];
const instantOf = (time) => {
  const segment = segments().find(({ start, duration }) => start <= time + 0.001 && time + 0.001 < start + duration);
  return segment === undefined ? null : segment.programDateTime + (time - segment.start) * 1000;
};
/** Their colours are greys: one channel says all. */
const greyNow = ({ width, height }) => {
  Object.assign(canvas, { width, height });
  pencil.drawImage(film, 0, 0);
  const { data } = pencil.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, at) => data[at * 4]).toBase64();
};
const see = (_, { mediaTime, width, height }) => {
  pictures.push({ instant: instantOf(mediaTime), width, height, grey: greyNow({ width, height }) });
  toldAt = film.seeking ? undefined : film.currentTime;
  film.requestVideoFrameCallback(see);
};
film.requestVideoFrameCallback(see);
// One shown while the one before it was told of is never told of, and where the film stands still no other comes: it goes there once more.
setInterval(() => {
  if (film.paused && !film.seeking && film.readyState >= film.HAVE_CURRENT_DATA && toldAt !== film.currentTime) {
    const { currentTime } = film;
    film.currentTime = currentTime;
  }
}, 500);

const close = () => {
  hls?.destroy();
  pictures = [];
  errors = [];
};

window.player = {
  close,
  open(url, config) {
    close();
    hls = new Hls(config);
    hls.on(Hls.Events.ERROR, (_, { type, details, fatal, error, response }) =>
      errors.push({ type, details, fatal, message: error?.message ?? "", status: response?.code ?? 0 }),
    );
    hls.loadSource(url);
    hls.attachMedia(film);
  },
  /** To an instant that was recorded. */
  seek(instant) {
    const segment = segments().find(
      ({ programDateTime, duration }) => programDateTime <= instant && instant < programDateTime + duration * 1000,
    );
    if (segment === undefined) throw new Error(`no segment has ${new Date(instant).toISOString()}`);
    film.pause();
    film.currentTime = segment.start + (instant - segment.programDateTime) / 1000;
    pictures = [];
  },
  play() {
    film.play().catch(({ name, message }) => errors.push({ type: name, details: "play", fatal: true, message, status: 0 }));
  },
  /** Since it was last asked, or opened, or sought. */
  pictures: () => pictures.splice(0),
  /** Null where the browser does not let this page read the answer. */
  async ask(method, url, token) {
    try {
      const answer = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
      return { status: answer.status, body: await answer.json() };
    } catch (error) {
      if (error instanceof TypeError) return null;
      throw error;
    }
  },
  state: () => ({
    time: film.currentTime,
    duration: Number.isFinite(film.duration) ? film.duration : null,
    hasEnded: film.ended,
    decoded: film.getVideoPlaybackQuality().totalVideoFrames,
    heard: film.webkitAudioDecodedByteCount,
    fault: film.error === null ? null : film.error.message,
    errors,
  }),
};
