/** The processes a bench measures and is measured with. All of them end with it. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Flooded, Order } from "./flood.ts";
import type { Paced, Pacing } from "./pace.ts";

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** A program of this folder, or named from here, in a process of its own: it does what it is sent, and says what came of it. */
export const sender =
  <Asked extends object, Done>(program: string) =>
  () => {
    const child = fork(here(program), [], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    return {
      pid: child.pid as number,
      run: async (asked: Asked): Promise<Done> => {
        child.send(asked);
        const [told] = (await once(child, "message")) as [{ readonly done?: Done; readonly failed?: string }];
        if (told.done === undefined) throw new Error(`the load failed: ${told.failed}`);
        return told.done;
      },
      close: (): void => child.disconnect(),
    };
  };
export const startFlood = sender<Order, Flooded>("./flood.ts");
export const startPace = sender<Pacing, Paced>("./pace.ts");

export const startBare = async (file: string) => {
  const child = fork(here("./bare-server.ts"), [file], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
  const [port] = (await once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data")) as [Buffer];
  return { url: `http://127.0.0.1:${Number(port)}`, close: (): void => child.disconnect() };
};

const statusOf = (pid: number, name: string): number => {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  if (found === undefined) throw new Error(`/proc/${pid}/status says nothing of ${name}`);
  return Math.round(Number(found) / 1024);
};

/** The embedded warehouse is the one child a server has. */
export const warehousePid = (server: number): number | undefined => {
  const [child] = readFileSync(`/proc/${server}/task/${server}/children`, "utf8").split(" ");
  return child === undefined || child === "" ? undefined : Number(child);
};

/** MB of the server and of its warehouse: resident now and at most so far, with the log's pages that are mapped; `own` without. Linux only. */
export const memoryOf = (server: number) => {
  const warehouse = warehousePid(server);
  const both = (pid: number) => ({ now: statusOf(pid, "VmRSS"), own: statusOf(pid, "RssAnon"), most: statusOf(pid, "VmHWM") });
  return { server: both(server), warehouse: warehouse === undefined ? undefined : both(warehouse) };
};

/** Seconds of processor the machine has used, over all its processors, whoever used them. */
export const machineBusy = (): number => {
  const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] =
    readFileSync("/proc/stat", "utf8").split("\n")[0]?.split(/ +/).slice(1).map(Number) ?? [];
  return (user + nice + system + irq + soft) / TICKS_PER_SECOND;
};

const TICKS_PER_SECOND = 100;
/** Seconds of processor a process has used. */
export const processorOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};
