/**
 * A SIMULATED shop entrance. Nobody was filmed: a seeded random generator moves people about and then spoils what a detector
 * would have seen of them, in the ways detectors do. Same seed, same frames.
 *
 *        240,400 ┌──────── inside ────────┐ 1040,400        y grows downwards, pixels of a 1280 x 720 camera
 *   ─────────────┴──── 420 ═ door ═ 860 ──┴───────────      the wire, y = 440; its arrow points in (upwards)
 *            street: passers-by, and those who come in
 *
 * What is spoilt: boxes jitter; a detection is missed now and then; people are hidden for a moment behind others; a track that was
 * lost comes back under a new id; two who pass close by may swap ids; ghosts appear for a frame or two; groups come all at once.
 */

export type SimulatedObject = {
  readonly id: string;
  readonly type: string;
  readonly bbox: { readonly leftX: number; readonly topY: number; readonly rightX: number; readonly bottomY: number };
  readonly confidence: number;
  readonly info?: { readonly [name: string]: string };
};
/** The shape that POST /api/v2/frames takes. */
export type SimulatedFrame = {
  readonly sensorId: string;
  /** RFC 3339, UTC. */
  readonly timestamp: string;
  readonly id: string;
  readonly objects: readonly SimulatedObject[];
};

export type Simulation = {
  readonly seed?: number;
  /** Epoch milliseconds of the first frame. */
  readonly begin: number;
  readonly framesPerSecond?: number;
  readonly sensorId?: string;
};

export const demoSensor = "shop-entrance";

/** Bodies of POST /api/v2/config/tripwire, /config/roi and /config/rule/alerts/{fov,tripwire,roi}. */
export const demoConfiguration = {
  tripwire: {
    sensorId: demoSensor,
    deleteIfPresent: false,
    tripwires: [
      {
        id: "door",
        name: "Front door",
        wire: [
          { x: 420, y: 440 },
          { x: 860, y: 440 },
        ],
        direction: { p1: { x: 640, y: 520 }, p2: { x: 640, y: 360 }, entry: { name: "came in" }, exit: { name: "went out" } },
      },
    ],
  },
  roi: {
    sensorId: demoSensor,
    deleteIfPresent: false,
    rois: [
      {
        id: "inside",
        name: "Sales floor",
        coordinates: [
          { x: 300, y: 160 },
          { x: 980, y: 160 },
          { x: 1040, y: 400 },
          { x: 240, y: 400 },
        ],
      },
    ],
  },
  rules: {
    tripwire: {
      sensorId: demoSensor,
      rules: [
        {
          id: "door",
          ruleId: "every-fifth-guest",
          name: "Every fifth guest",
          ruleType: "increment",
          countThreshold: 5,
          direction: "entry",
        },
        { id: "door", ruleId: "rush", name: "Rush at the door", ruleType: "flowrate", countThreshold: 5, timeInterval: 10 },
      ],
    },
    roi: {
      sensorId: demoSensor,
      rules: [
        { id: "inside", ruleId: "crowd", name: "Crowd on the floor", ruleType: "occupancy", countThreshold: 3, timeInterval: 10 },
        {
          id: "inside",
          ruleId: "second-till",
          name: "Open a second till",
          ruleType: "occupancy_threshold_switch",
          countThreshold: 5,
          hold: 2,
          band: 1,
        },
      ],
    },
    fov: {
      sensorId: demoSensor,
      rules: [
        {
          ruleId: "ladder",
          name: "Somebody with a ladder",
          ruleType: "notify",
          objectTypes: ["Person"],
          attribute: { name: "carries", value: "ladder" },
          severity: "info",
        },
      ],
    },
  },
} as const;

type Spot = { readonly x: number; readonly y: number /** Seconds. */; readonly stay: number };
type Person = {
  trackId: number;
  readonly ladder: boolean;
  /** Pixels a second, at the height of the door. */
  readonly speed: number;
  readonly way: Spot[];
  x: number;
  y: number;
  /** Seconds still to stand here. */
  standing: number;
  /** Seconds still hidden behind somebody. */
  hidden: number;
  /** Seconds since last detected. */
  unseen: number;
};

/** A small, well-spread generator of numbers in [0, 1); 32 bits of state. */
const dice = (seed: number): (() => number) => {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};

/** Every ninety seconds a group of so many comes at once. */
const GROUP = { everySeconds: 90, atSecond: 14, size: 6 };
const LADDER_EVERY_SECONDS = 75;
/** A tracker gives up so long after its last detection; what comes back is somebody else to it. */
const TRACK_LOST_SECONDS = 0.8;

/** Frames without end, in order, `framesPerSecond` (10) apart. Pure: it neither sleeps nor looks at a clock. */
export function* shopEntrance({
  seed = 1,
  begin,
  framesPerSecond = 10,
  sensorId = demoSensor,
}: Simulation): Generator<SimulatedFrame, never> {
  const roll = dice(seed);
  const within = (low: number, high: number): number => low + (high - low) * roll();
  const wobble = (pixels: number): number => (roll() + roll() + roll() - 1.5) * pixels;
  const dt = 1 / framesPerSecond;
  let people: Person[] = [];
  let nextTrack = 1;
  let nextArrival = 1;

  const streetEnd = (): Spot => ({ x: roll() < 0.5 ? -40 : 1320, y: within(600, 690), stay: 0 });
  const arrive = (purpose: "shop" | "pass", ladder: boolean, from: Spot = streetEnd()): void => {
    const door = within(500, 780);
    const inside = Array.from({ length: 1 + Math.floor(roll() * 3) }, () => ({
      x: within(340, 940),
      y: within(200, 380),
      stay: within(3, 14),
    }));
    const shopping = [{ x: door, y: 500, stay: 0 }, { x: door, y: 385, stay: 0 }, ...inside, { x: door, y: 390, stay: 0 }];
    const way = purpose === "pass" ? [] : [...shopping, { x: within(500, 780), y: 510, stay: 0 }];
    const track = nextTrack++;
    const { x, y } = from;
    const end = purpose === "pass" ? { ...from, x: 1280 - x } : streetEnd();
    people.push({ trackId: track, ladder, speed: within(110, 190), way: [...way, end], x, y, standing: 0, hidden: 0, unseen: 0 });
  };

  const walk = (person: Person): void => {
    if (person.standing > 0) {
      person.standing -= dt;
      return;
    }
    const [next] = person.way;
    if (next === undefined) return;
    const [dx, dy] = [next.x - person.x, next.y - person.y];
    const far = Math.sqrt(dx * dx + dy * dy);
    // Further up in the picture is further away: slower in pixels.
    const step = person.speed * dt * (0.5 + person.y / 880);
    if (far > step) {
      person.x += (dx / far) * step;
      person.y += (dy / far) * step;
      return;
    }
    person.x = next.x;
    person.y = next.y;
    person.standing = next.stay;
    person.way.shift();
  };

  const come = (second: number, k: number): void => {
    if (second >= nextArrival) {
      arrive(roll() < 0.6 ? "shop" : "pass", false);
      nextArrival = second + within(1.5, 7);
    }
    const once = (at: number): boolean => k === Math.round(at * framesPerSecond);
    const round = Math.floor(second / GROUP.everySeconds) * GROUP.everySeconds;
    if (once(round + GROUP.atSecond)) {
      const meetingPoint = streetEnd();
      for (let i = 0; i < GROUP.size; i += 1)
        arrive("shop", false, { ...meetingPoint, x: meetingPoint.x + within(-20, 20), y: within(600, 690) });
    }
    if (once(Math.floor(second / LADDER_EVERY_SECONDS) * LADDER_EVERY_SECONDS + 5)) arrive("shop", true);
  };

  /** Whom the tracker takes for each other: two close by, now and then. */
  const swapIds = (): void => {
    for (let i = 1; i < people.length; i += 1) {
      const [one, other] = [people[i - 1] as Person, people[i] as Person];
      if (Math.abs(one.x - other.x) > 25 || Math.abs(one.y - other.y) > 25 || roll() > 0.02) continue;
      [one.trackId, other.trackId] = [other.trackId, one.trackId];
    }
  };

  const detect = (person: Person): SimulatedObject | undefined => {
    if (person.hidden > 0) person.hidden -= dt;
    else if (roll() < 0.006) person.hidden = within(0.2, 1.6);
    if (person.hidden > 0 || roll() < 0.03) {
      person.unseen += dt;
      return undefined;
    }
    if (person.unseen > TRACK_LOST_SECONDS) person.trackId = nextTrack++;
    person.unseen = 0;
    if (person.x < 0 || person.x > 1280) return undefined;
    const height = 80 + person.y / 4;
    const [x, bottom] = [person.x + wobble(5), person.y + wobble(6)];
    const half = height / 5 + wobble(3);
    return {
      id: String(person.trackId),
      type: "Person",
      bbox: { leftX: round1(x - half), topY: round1(bottom - height + wobble(6)), rightX: round1(x + half), bottomY: round1(bottom) },
      confidence: Math.round((0.93 - roll() * roll() * 0.5) * 1000) / 1000,
      ...(person.ladder ? { info: { carries: "ladder" } } : {}),
    };
  };

  const ghost = (): SimulatedObject | undefined => {
    if (roll() > 0.01) return undefined;
    const [x, y] = [within(100, 1180), within(250, 680)];
    return {
      id: String(nextTrack++),
      type: "Person",
      bbox: { leftX: round1(x - 25), topY: round1(y - 120), rightX: round1(x + 25), bottomY: round1(y) },
      confidence: Math.round(within(0.25, 0.45) * 1000) / 1000,
    };
  };

  for (let k = 0; ; k += 1) {
    come(k * dt, k);
    for (const person of people) walk(person);
    people = people.filter(({ way, standing }) => way.length > 0 || standing > 0);
    swapIds();
    const objects = [...people.map(detect), ghost()].filter((object) => object !== undefined);
    const timestamp = new Date(begin + Math.round((k * 1000) / framesPerSecond)).toISOString();
    yield { sensorId, timestamp, id: String(k), objects };
  }
}

const round1 = (pixels: number): number => Math.round(pixels * 10) / 10;
