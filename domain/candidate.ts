/** Definitions that nobody decided, for a look at what they would have given. */
import {
  type Camera,
  type CameraCommand,
  evolveCamera,
  initialCamera,
  type Roi,
  type Rule,
  type SensorSettings,
  type Tripwire,
  type Versioned,
} from "./camera.ts";
import { cameraDecider } from "./camera-decider.ts";
import { isRefusal, type Refusal } from "./decider.ts";
import type { BacktestCameraWish } from "./job.ts";
import { same } from "./same.ts";

/** In the place of all a camera had: its wires, regions and rules. `settings`: undefined for those it had. */
export type Candidate = {
  readonly tripwires: readonly Tripwire[];
  readonly rois: readonly Roi[];
  readonly rules: readonly Rule[];
  readonly settings: SensorSettings | undefined;
};

type Wanted = Pick<BacktestCameraWish, "camera" | "candidate">;

/** A rule of the whole picture stands at its camera, whichever that is. */
const placedAt = (candidate: Candidate, camera: string): Candidate => ({
  ...candidate,
  rules: candidate.rules.map((rule) => (rule.analytic === "fov" ? { ...rule, placeId: camera } : rule)),
});

/** Cameras with equal candidates refer to the first of them. */
export const saidOnce = (wanted: readonly Wanted[]): readonly BacktestCameraWish[] => {
  const firsts = new Map<string, string>();
  return wanted.map(({ camera, candidate }) => {
    if (candidate === undefined) return { camera, candidate };
    const text = JSON.stringify(placedAt(candidate, ""));
    const like = firsts.get(text);
    if (like !== undefined) return { camera, candidate: undefined, like };
    firsts.set(text, camera);
    return { camera, candidate };
  });
};

/** Each with its candidate. */
export const eachSaid = (cameras: readonly BacktestCameraWish[]): readonly Wanted[] => {
  const said = new Map(cameras.map(({ camera, candidate }) => [camera, candidate]));
  return cameras.map(({ camera, candidate, like }) => {
    const other = like === undefined ? undefined : said.get(like);
    return { camera, candidate: other === undefined ? candidate : placedAt(other, camera) };
  });
};

/** The version of what nobody decided. */
const UNDECIDED = 0;

const versioned = <T extends object>(given: T, inForce: Versioned<T> | undefined): Versioned<T> => {
  const version = inForce !== undefined && same({ ...inForce, version: 0 }, { ...given, version: 0 }) ? inForce.version : UNDECIDED;
  return { ...given, version };
};

/**
 * The camera as if the candidate had been decided. What is equal to what is in force bears its version, anything else 0; a rule the number
 * it has in force where its place and the settings are equal, too. Who the camera is, and which histories were deleted, stays as decided.
 */
export const candidateCamera = (decided: Camera, { tripwires, rois, rules, settings }: Candidate): Camera => {
  const camera: Camera = {
    ...decided,
    settings: settings === undefined ? decided.settings : versioned(settings, decided.settings),
    tripwires: new Map(tripwires.map((wire) => [wire.id, versioned(wire, decided.tripwires.get(wire.id))])),
    rois: new Map(rois.map((roi) => [roi.id, versioned(roi, decided.rois.get(roi.id))])),
    rules: new Map(rules.map((rule) => [rule.ruleId, versioned<Rule>(rule, decided.rules.get(rule.ruleId))])),
  };
  const isInForce = ({ ruleId, version, analytic, placeId }: Versioned<Rule>): boolean => {
    const places = analytic === "tripwire" ? camera.tripwires : analytic === "roi" ? camera.rois : undefined;
    const isPlace = places === undefined || (places.get(placeId)?.version ?? UNDECIDED) !== UNDECIDED;
    return decided.rules.has(ruleId) && version !== UNDECIDED && isPlace && hasSettings(camera, decided);
  };
  const undecided = [...camera.rules.values()].filter((rule) => !isInForce(rule)).map(({ ruleId }) => ruleId);
  return undecided.length === 0 ? camera : { ...camera, undecided: new Set(undecided) };
};

/** Settings may bear the version 0 and be in force: those no one has ever set. */
const hasSettings = (camera: Camera, decided: Camera): boolean =>
  same({ ...camera.settings, version: 0 }, { ...decided.settings, version: 0 });

/** Why the candidate could not be decided: the first flaw the camera's own decider finds, with its path. Undefined for none. */
export const candidateFault = ({ tripwires, rois, rules, settings }: Candidate, { registered }: Camera): Refusal | undefined => {
  const commands: readonly CameraCommand[] = [
    ...(settings === undefined ? [] : [{ type: "set-sensor", settings } as const]),
    { type: "define-tripwires", tripwires, deleteHistory: false },
    { type: "define-rois", rois, deleteHistory: false },
    { type: "define-rules", rules },
  ];
  let camera: Camera = { ...initialCamera(), registered };
  for (const command of commands) {
    const decided = cameraDecider.decide(command, camera);
    if (isRefusal(decided)) return command.type === "set-sensor" ? { ...decided, path: `settings.${decided.path}` } : decided;
    camera = decided.reduce(evolveCamera, camera);
  }
  return undefined;
};
