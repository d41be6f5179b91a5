/** A `tallywire.v1` subscriber that comes back with its last cursor whenever its server goes away. */
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

const EVERYTHING = JSON.stringify([
  {
    sensorId: "*",
    tripwires: [{ tripwireId: "*", alertRuleTypes: ["*"] }],
    rois: [{ roiId: "*", alertRuleTypes: ["*"] }],
    fov: { alertRuleTypes: ["*"] },
  },
]);
const PATIENCE_MS = 20_000;

type Told = { readonly id: string; readonly revision: number; readonly retracted?: boolean };
type Message = { alerts?: Told[]; cursor?: string; gap?: unknown; error?: unknown };

/** `onAlert` hears of every alert as it comes. */
export const resumingSubscriber = (where: () => string | undefined, onAlert?: (alert: Told & Record<string, unknown>) => void) => {
  const received = new Map<string, { highest: number }>();
  const revisions = new Set<string>();
  const doubled: string[] = [];
  const state = { gaps: 0, cursor: undefined as string | undefined, closed: false, socket: undefined as WebSocket | undefined };
  let subscribed: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => {
    subscribed = resolve;
  });

  const take = (text: string): void => {
    const message = JSON.parse(text) as Message;
    if (message.gap !== undefined) state.gaps++;
    if (message.error !== undefined) throw new Error(`the socket says ${text}`);
    for (const alert of message.alerts ?? []) {
      const { id, revision } = alert;
      onAlert?.(alert);
      const name = `${id}/${revision}`;
      if (revisions.has(name)) doubled.push(name);
      revisions.add(name);
      received.set(id, { highest: Math.max(revision, received.get(id)?.highest ?? -1) });
    }
    if (message.cursor !== undefined) {
      state.cursor = message.cursor;
      subscribed();
    }
  };
  const connect = async (): Promise<void> => {
    while (!state.closed) {
      const url = where();
      if (url !== undefined) {
        const since = state.cursor === undefined ? "" : `&since=${encodeURIComponent(state.cursor)}`;
        const socket = new WebSocket(
          `${url.replace("http", "ws")}/api/v2/alerts/ws?filter=${encodeURIComponent(EVERYTHING)}${since}`,
          "tallywire.v1",
        );
        state.socket = socket;
        socket.on("message", (data) => take(String(data)));
        socket.on("error", () => undefined);
        await new Promise((resolve) => socket.once("close", resolve));
      }
      await sleep(20);
    }
  };
  void connect();

  return {
    ready,
    received,
    doubled,
    get gaps() {
      return state.gaps;
    },
    /** Waits for what is still under way; returns when it has come or has not come in time. */
    until: async (done: () => boolean): Promise<void> => {
      for (const start = performance.now(); !done() && performance.now() - start < PATIENCE_MS; ) await sleep(20);
    },
    /** Goes away and comes back with the last cursor. */
    move: (): void => state.socket?.close(),
    close: (): void => {
      state.closed = true;
      state.socket?.close();
    },
  };
};
