/**
 * A real RTSP camera: GStreamer's server (rtsp-camera.py) on a free port of loopback. Its picture says when it was made, see `readPicture`.
 * Needs Debian's python3-gi, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-{base,good,bad,ugly}.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Debian's own: another Python may stand before it on the path, without GStreamer. */
const PYTHON = "/usr/bin/python3";
const PROGRAM = fileURLToPath(new URL("rtsp-camera.py", import.meta.url));
const NEEDED = ["x264enc", "x265enc", "rtph264pay", "rtph265pay", "voaacenc", "rtpmp4gpay", "appsrc"];
const LOOK = `
import gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
print(" ".join(name for name in "${NEEDED.join(" ")}".split() if Gst.ElementFactory.find(name) is None))`;

const run = promisify(execFile);

export const whyNoFfmpeg = async (): Promise<string | undefined> => {
  for (const program of ["ffmpeg", "ffprobe"])
    try {
      await run(program, ["-version"]);
    } catch (error) {
      return `${program} does not run (${(error as NodeJS.ErrnoException).code})`;
    }
  return undefined;
};

export const whyNoCamera = async (): Promise<string | undefined> => {
  try {
    const { stdout } = await run(PYTHON, ["-c", LOOK]);
    return stdout.trim() === "" ? undefined : `GStreamer lacks ${stdout.trim()}`;
  } catch (error) {
    return `GStreamer's RTSP server is not there (${String((error as { stderr?: string }).stderr)
      .trim()
      .split("\n")
      .pop()})`;
  }
};

export type CameraShape = {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** Pictures from one keyframe to the next. */
  readonly gop: number;
  readonly codec: "h264" | "h265";
  readonly audio: boolean;
  readonly bFrames: number;
  /** Noise in the last rows: the film then has the bitrate it is allowed, some 1,000 kbit/s, where else it has a seventh. */
  readonly snow: boolean;
  readonly auth: "none" | "basic" | "digest";
  readonly user: string;
  readonly password: string;
};
const SHAPE: CameraShape = {
  width: 320,
  height: 180,
  fps: 10,
  gop: 10,
  codec: "h264",
  audio: false,
  bFrames: 0,
  snow: false,
  auth: "none",
  user: "viewer",
  password: "",
};

export type Camera = {
  readonly port: number;
  readonly pid: number;
  /** With its credentials, where it asks for any. */
  readonly url: string;
  /** The same with others, or with another path. */
  urlWith(other: { readonly userinfo?: string; readonly path?: string }): string;
  stop(): Promise<void>;
};

export const startCamera = async (shape: Partial<CameraShape> = {}): Promise<Camera> => {
  const told = { ...SHAPE, ...shape };
  const child = spawn(PYTHON, [PROGRAM, JSON.stringify(told)], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = once(child, "exit");
  const said = text(child.stderr);
  const line = await Promise.race([once(createInterface({ input: child.stdout }), "line"), ended.then(() => undefined)]);
  if (line === undefined) throw new Error(`The camera did not start: ${await said}`);
  const port = Number(line[0]);
  const own = told.auth === "none" ? "" : `${encodeURIComponent(told.user)}:${encodeURIComponent(told.password)}`;
  const urlWith: Camera["urlWith"] = ({ userinfo = own, path = "/stream" }) =>
    `rtsp://${userinfo === "" ? "" : `${userinfo}@`}127.0.0.1:${port}${path}`;
  return {
    port,
    pid: child.pid as number,
    url: urlWith({}),
    urlWith,
    stop: async () => {
      child.stdin.end();
      await ended;
    },
  };
};

const COLUMNS = 16;
const ROWS = 4;

/** What one picture says, 8 bits of grey a pixel: when it was made (epoch milliseconds) and which it is since the camera began, modulo 65,536. */
export const readPicture = (grey: Uint8Array, width: number, height: number): { readonly madeAt: number; readonly number: number } => {
  let [madeAt, number] = [0, 0];
  for (let bit = 0; bit < COLUMNS * ROWS; bit += 1) {
    const x = Math.floor((((bit % COLUMNS) + 0.5) * width) / COLUMNS);
    const y = Math.floor(((Math.floor(bit / COLUMNS) + 0.5) * height) / 2 / ROWS);
    const one = (grey[y * width + x] as number) > 127 ? 1 : 0;
    if (bit < 48) madeAt = madeAt * 2 + one;
    else number = number * 2 + one;
  }
  return { madeAt, number };
};
