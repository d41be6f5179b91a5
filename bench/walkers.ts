/** Frames for the bench: seeded walkers in front of 100 sensors, 20 a frame, 100 ms apart. The same seed gives the same frames everywhere. */
export type NativeFrame = {
  readonly sensorId: string;
  readonly timestamp: string;
  readonly id: string;
  readonly objects: readonly {
    readonly id: string;
    readonly type: string;
    readonly bbox: { readonly leftX: number; readonly topY: number; readonly rightX: number; readonly bottomY: number };
    readonly confidence: number;
  }[];
};

type Walker = { id: string; x: number; y: number; vx: number; vy: number; width: number; height: number; steps: number };

const SENSORS = 100;
const WALKERS = 20;
const FPS = 10;

/** Numbers in [0, 1): a linear congruence with the top bits taken, enough for walkers. */
const random = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

const cents = (value: number): number => Math.round(value * 100) / 100;

export const walkers = (frames: number, seed = 1): readonly NativeFrame[] => [...walking(frames, seed)];

/** The same, one at a time: a million of them need not be held. They walk as fast whatever the frame rate. */
export function* walking(frames: number, seed = 1, fps = FPS): Generator<NativeFrame> {
  const pace = FPS / fps;
  const next = random(seed);
  let ids = 0;
  const speed = (): number => (next() < 0.5 ? -1 : 1) * (2 + 6 * next());
  const walker = (): Walker => ({
    id: String(++ids),
    x: 40 + 1200 * next(),
    y: 60 + 640 * next(),
    vx: speed(),
    vy: speed(),
    width: 30 + 30 * next(),
    height: 80 + 60 * next(),
    steps: Math.floor((150 + Math.floor(450 * next())) / pace),
  });
  const sensors = Array.from({ length: SENSORS }, () => Array.from({ length: WALKERS }, walker));
  const start = Date.UTC(2026, 0, 1);
  const walk = (one: Walker): Walker => {
    if (--one.steps <= 0) return walker();
    one.x += pace * (one.vx + 3 * (next() - 0.5));
    one.y += pace * (one.vy + 3 * (next() - 0.5));
    if (one.x < 40 || one.x > 1240) one.vx = -one.vx;
    if (one.y < 60 || one.y > 700) one.vy = -one.vy;
    one.x = Math.min(1240, Math.max(40, one.x));
    one.y = Math.min(700, Math.max(60, one.y));
    return one;
  };
  for (let i = 0; i < frames; i++) {
    const tick = Math.floor(i / SENSORS) + 1;
    const group = sensors[i % SENSORS] as Walker[];
    for (const [k, one] of group.entries()) group[k] = walk(one);
    yield {
      sensorId: `cam-${String(i % SENSORS).padStart(3, "0")}`,
      timestamp: new Date(start + Math.round((tick * 1000) / fps)).toISOString(),
      id: String(tick),
      objects: group.map(({ id, x, y, width, height }) => ({
        id,
        type: "Person",
        bbox: { leftX: cents(x - width / 2), topY: cents(y - height), rightX: cents(x + width / 2), bottomY: cents(y) },
        confidence: cents(0.5 + next() / 2),
      })),
    };
  }
}
