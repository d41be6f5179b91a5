/**
 * Probes: in each partition a camera in front of which somebody new appears again and again, so that each body raises one alert of
 * its own. So it is known of every frame when it was acknowledged and when a subscriber heard of it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, client } from "../client.ts";
import { type Camera, insist, oneInEach } from "./load.ts";

const BEGIN = Date.UTC(2026, 0, 6, 8);
/** Between two appearances: who was there before has left by then. */
const STEP_MS = 5000;
const RULE_ID = "somebody";

/** Instants of the monotonic clock; `undefined` while it has not happened. */
export type Probe = {
  readonly partition: number;
  readonly sentAt: number;
  acknowledgedAt: number | undefined;
  alertAt: number | undefined;
};

export type Prober = {
  readonly probes: readonly Probe[];
  readonly cameras: readonly Camera[];
  /** Tell it of every alert a subscriber hears. */
  readonly hear: (alert: Readonly<Record<string, unknown>>) => void;
  configure(call: Client): Promise<void>;
  /** One body to a partition's camera, tried until it is acknowledged. Bodies of one camera follow each other. */
  probe(partition: number): Promise<Probe>;
  /** Probes every partition again and again until `stop` resolves; waits for what is under way. */
  run(everyMs: number, stop: { readonly aborted: boolean }): Promise<void>;
};

export const proberOf = (url: () => string, partitions: number): Prober => {
  const cameras = oneInEach(partitions, "probe").map((sensorId): Camera => ({ sensorId, live: false, acknowledged: 0, position: "" }));
  const probes: Probe[] = [];
  const byName = new Map<string, Probe>();
  const last: Promise<unknown>[] = cameras.map(() => Promise.resolve());
  const send = async (partition: number): Promise<Probe> => {
    const camera = cameras[partition] as Camera;
    const n = camera.acknowledged / 2;
    const object = { id: `visitor-${partition}-${n}`, type: "Person", bbox: { leftX: 600, topY: 300, rightX: 660, bottomY: 480 } };
    const body = [0, 100].map((ms) => ({
      sensorId: camera.sensorId,
      timestamp: new Date(BEGIN + n * STEP_MS + ms).toISOString(),
      id: `${n}/${ms}`,
      objects: [object],
    }));
    const probe: Probe = { partition, sentAt: performance.now(), acknowledgedAt: undefined, alertAt: undefined };
    byName.set(object.id, probe);
    const { position } = await insist(() => client(url())("POST", "/frames", body));
    probe.acknowledgedAt = performance.now();
    camera.acknowledged += body.length;
    camera.position = String(position);
    probes.push(probe);
    return probe;
  };
  const probe = (partition: number): Promise<Probe> => {
    const next = (last[partition] as Promise<unknown>).then(() => send(partition));
    last[partition] = next.catch(() => undefined);
    return next;
  };
  return {
    probes,
    cameras,
    hear: (alert) => {
      if (alert.rule_id !== RULE_ID) return;
      for (const { name, value } of alert.attributes as readonly { name: string; value: readonly { id: string }[] }[])
        if (name === "objects")
          for (const { id } of value) {
            const heard = byName.get(id);
            if (heard !== undefined) heard.alertAt ??= performance.now();
          }
    },
    configure: async (call) => {
      const rule = { ruleId: RULE_ID, name: "Somebody", ruleType: "increment", countThreshold: 1, direction: "entry" };
      for (const { sensorId } of cameras) await call("POST", "/config/rule/alerts/fov", { sensorId, rules: [rule] });
    },
    probe,
    run: async (everyMs, stop) => {
      const one = async (partition: number): Promise<void> => {
        for (let due = performance.now(); !stop.aborted; due = Math.max(due + everyMs, performance.now())) {
          if (due > performance.now()) await sleep(due - performance.now());
          await probe(partition);
        }
      };
      await Promise.all(cameras.map((_, partition) => one(partition)));
    },
  };
};
