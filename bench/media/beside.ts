/** A whole server with frames going through it, without and with live films by copy that are played: what those do to its alerts. */
import { join } from "node:path";
import { type RunningServer, startServer } from "../../examples/server.ts";
import type { Camera } from "../../test/servers/rtsp-camera.ts";
import { childrenOf } from "../../test/support/media.ts";
import { caughtUp, defineSensors, EACH, ready } from "../support/house.ts";
import { machineBusy, processorOf, sender, startPace, warehousePid } from "../support/processes.ts";
import { load, round, table } from "../support/report.ts";
import type { Playing, PlayingDone } from "./players.ts";

const startPlayers = sender<Playing, PlayingDone>("../media/players.ts");

type How = { readonly sessions: number; readonly framesPerSecond: number; readonly framesPerBody: number; readonly seconds: number };
type Session = { readonly streamSessionId: number; readonly hlsUrl: string; readonly status: string };

const WARM_SECONDS = 5;
/** Films that are begun at once. */
const AT_ONCE = 5;

const call = async <T>(url: string, method: string, body?: object): Promise<T> => {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
};

const someAtOnce = async (count: number, work: (at: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const one = async (): Promise<void> => {
    for (let at = next++; at < count; at = next++) await work(at);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
};

const startFilms = async (url: string, channels: readonly number[]): Promise<readonly Session[]> => {
  const begun: Session[] = [];
  await someAtOnce(channels.length, async (at) => {
    const { result } = await call<{ readonly result: readonly Session[] }>(`${url}/REST/local/startlive/${channels[at]}/0/0/0`, "POST");
    const [session] = result;
    if (session?.status !== "running") throw new Error(`a film does not come: ${JSON.stringify(session)}`);
    begun.push(session);
  });
  return begun;
};
const stopFilms = (url: string, begun: readonly Session[]): Promise<void> =>
  someAtOnce(begun.length, async (at) => {
    await call(`${url}/REST/local/stoplive/${begun[at]?.streamSessionId}`, "GET");
  });

/** Frames once without films, once with them, once more without. */
const measure = async (server: RunningServer, camera: Camera, channels: readonly number[], how: How) => {
  const pid = server.process.pid as number;
  const warehouse = warehousePid(pid);
  if (warehouse === undefined) throw new Error("the server has no warehouse");
  const frames = startPace();
  const players = startPlayers();

  const phase = async (isOn: boolean) => {
    const { seconds, framesPerBody, framesPerSecond } = how;
    const begun = isOn ? await startFilms(server.url, channels) : [];
    const programs = (await childrenOf(pid)).map((child) => child.pid);
    if (programs.length !== begun.length) throw new Error(`${begun.length} films are made by ${programs.length} programs`);
    const lasting = WARM_SECONDS + seconds;
    const ours: Readonly<Record<string, readonly number[]>> = {
      ...{ server: [pid], ffmpeg: programs, warehouse: [warehouse] },
      ...{ camera: [camera.pid], players: [players.pid], "frames' sender": [frames.pid] },
    };
    const used = (): readonly number[] => Object.values(ours).map((pids) => pids.reduce((sum, one) => sum + processorOf(one), 0));
    const [before, busy, begunAt] = [used(), machineBusy(), performance.now()];
    const playing = isOn ? players.run({ playlists: begun.map(({ hlsUrl }) => hlsUrl), seconds: lasting }) : undefined;
    const paced = await frames.run({
      ...{ url: server.url, framesPerSecond, framesPerBody, seconds },
      ...{ connections: 16, warmSeconds: WARM_SECONDS },
    });
    const played = await playing;
    const took = (performance.now() - begunAt) / 1000;
    const cores = used().map((now, at) => (now - (before[at] as number)) / took);
    const others = (machineBusy() - busy) / took - cores.reduce((sum, one) => sum + one, 0);
    await stopFilms(server.url, begun);
    await caughtUp(server.url);

    const [p50, p90, p99, , most] = paced.quantiles.map((ms) => round(ms, 1));
    const alerts = {
      ...{ sessions: begun.length, "frames/s": round(paced.framesPerSecond), alerts: paced.alerts },
      ...{ "p50 ms": p50, "p90 ms": p90, "p99 ms": p99, "max ms": most, load: load() },
    };
    const processors = {
      sessions: begun.length,
      ...Object.fromEntries(Object.keys(ours).map((name, at) => [name, round(cores[at] as number, 2)])),
      "all else": round(others, 2),
    };
    return {
      alerts,
      processors,
      quantiles: paced.quantiles,
      played: played && { ...played, perSecond: played.seconds / begun.length / lasting },
    };
  };
  try {
    return [await phase(false), await phase(true), await phase(false)];
  } finally {
    frames.close();
    players.close();
  }
};

export const beside = async (camera: Camera, folder: string, how: How): Promise<void> => {
  const { sessions, framesPerSecond, framesPerBody, seconds } = how;
  const server = await startServer({
    data: join(folder, "data"),
    env: {
      TALLYWIRE_RTSP_ALLOW: "127.0.0.0/8",
      TALLYWIRE_SECRET_KEY: "a key for the bench and of no use elsewhere",
      TALLYWIRE_LIVE_STREAMS: String(sessions),
      TALLYWIRE_LIVE_STREAMS_PER_TENANT: String(sessions),
      TALLYWIRE_PLAYBACKS_PER_TENANT: String(sessions),
    },
  });
  try {
    await ready(server.url);
    await defineSensors(server.url, EACH);
    const channels: number[] = [];
    for (let at = 0; at < sessions; at++) {
      // One camera for all, by as many names: it encodes once. None of the names has frames, so that they are the same in all turns.
      const wanted = { id: `film-${at}`, name: `Film ${at}`, rtsp_url: camera.urlWith({ userinfo: `viewer${at}` }) };
      channels.push((await call<{ readonly channel: number }>(`${server.url}/v2/api/cameras`, "POST", wanted)).channel);
    }
    const phases = await measure(server, camera, channels, how);

    table(
      `Frame in to alert out, ${framesPerSecond} frames a second of 20 objects, ${framesPerBody} a body, for ${seconds} s: without, with and without ${sessions} live films by copy, each played`,
      phases.map(({ alerts }) => alerts),
    );
    table(
      "Cores meanwhile",
      phases.map(({ processors }) => processors),
    );
    const played = phases[1]?.played;
    if (played === undefined) throw new Error("nothing was played");
    console.log(
      `each player got ${round(played.perSecond, 2)} s of film a second, ${round((8 * played.bytes) / played.seconds / 1000)} kbit/s; ${played.missed} pieces missed${played.refused.map(([status, times]) => `, ${times} times ${status}`).join("")}`,
    );
    const ratioOf = (q: number) => {
      const [first = Number.NaN, on = Number.NaN, last = Number.NaN] = phases.map(({ quantiles }) => quantiles[q]);
      return { of: round((2 * on) / (first + last), 2), on: round(on, 1), off: [round(first, 1), round(last, 1)] };
    };
    const [p50, p99] = [ratioOf(0), ratioOf(2)];
    const said = ({ of, on, off }: typeof p50): string => `${of} (${on} ms beside ${off.join(" and ")} ms)`;
    console.log(`alerts with the films, of what they take without: p50 ${said(p50)}, p99 ${said(p99)}`);
    console.log(
      JSON.stringify({
        bench: "media",
        part: "beside",
        ...how,
        p50,
        p99,
        played,
        phases: phases.map(({ alerts, processors }) => ({ ...alerts, processors })),
      }),
    );
  } finally {
    await server.stop();
  }
};
