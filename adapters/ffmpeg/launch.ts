/**
 * A child process that does not outlive this one, however this one ends; with little of our environment, and a bound on its memory.
 *
 * Where the system can be asked (Linux, util-linux): `setpriv --pdeathsig KILL` lets the kernel kill the child when the thread that
 * started it is gone, which is our main thread. Were we killed before it has asked, nothing would come of it, so a shell looks afterwards
 * whether its parent still is who it was, and becomes the program only then.
 * Elsewhere a shell stays between: it passes our signals on, and when the pipe to us is closed, whoever closed it, it kills the program.
 */
import { constants, setPriority } from "node:os";
import type { Readable, Writable } from "node:stream";
import { execa } from "execa";
import { limits } from "../../domain/limits.ts";
import { programAt } from "./programs.ts";

export type Binding = "setpriv" | "watcher";

/**
 * What we have open (the log and the store, which LMDB leaves to children) is not for a program that reads what strangers send. Only bash can
 * close numbers of more than one digit.
 */
const CLOSED = `if cd /proc/$$/fd 2>/dev/null; then
  for n in *; do [ "$n" -gt 4 ] && eval "exec $n>&-"; done
  cd "$OLDPWD"
fi
`;
const BOUND = '[ "$PPID" = "$1" ] || exit 125; ulimit -v "$2" || exit 125; shift 2; exec "$@"';
const CONTROL_FD = 4;
/** What ends the program also ends this: the subshell is not left waiting for a number that another process may have by then. */
const WATCHED = `
ulimit -v "$2" 2>/dev/null
shift 2
"$@" 4<&- &
pid=$!
{ while read -r signal <&4; do kill -"$signal" $pid; done; kill -KILL $pid; } 3>&- >/dev/null 2>&1 &
watcher=$!
exec 4<&- 3>&- >/dev/null
wait $pid
code=$?
kill $watcher
exit $code`;

export type Launched = {
  /** Of the program where it is bound by setpriv, of the shell before it otherwise. */
  readonly pid: number | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly progress: Readable;
  signal(name: "TERM" | "KILL"): void;
  /**
   * Never rejects; told when all it said is read. `code` as a shell gives it, 128 and the signal where it was killed; undefined where it
   * could not be started, and `error` says why.
   */
  readonly ended: Promise<{ readonly code: number | undefined; readonly error: string | undefined }>;
};

/** What stands between us and the program. */
export type Shell = { readonly path: string; readonly closes: boolean };
export const shellOf = async (searchPath: string): Promise<Shell> => {
  const bash = await programAt("bash", searchPath);
  return bash === undefined ? { path: "/bin/sh", closes: false } : { path: bash, closes: true };
};

/** Of a process that gives way to all others: an encoder takes all there is. */
const IDLE = 15;

export type LaunchSettings = {
  readonly shell: Shell;
  readonly givesWay: boolean;
  readonly searchPath: string;
  /** Name and value of the mark by which leftovers are known. */
  readonly mark: readonly [name: string, value: string];
  /** Bytes of address space. */
  readonly memoryBytes: number;
};

/** Which of the two ways this system has. */
export const bindingOf = async (searchPath: string): Promise<Binding> => {
  const setpriv = await programAt("setpriv", searchPath);
  if (setpriv === undefined) return "watcher";
  const tried = await execa(setpriv, ["--pdeathsig", "KILL", "--", "true"], {
    reject: false,
    stdio: "ignore",
    cleanup: false,
    timeout: limits.ffmpegFindMs,
  });
  return tried.failed ? "watcher" : "setpriv";
};

const giveWay = (pid: number): void => {
  try {
    setPriority(pid, IDLE);
  } catch (error) {
    // It has ended already, or the system does not let us: it runs as we do then.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
};

/** `program` is a whole path. Standard input is empty; file 3 of the program is `progress`. */
export const launch = (
  binding: Binding,
  program: string,
  args: readonly string[],
  { shell: { path, closes }, givesWay, searchPath, mark, memoryBytes }: LaunchSettings,
): Launched => {
  const isWatched = binding === "watcher";
  const bounds = [String(process.pid), String(Math.floor(memoryBytes / 1024))];
  const shell = [path, "-c", (closes ? CLOSED : "") + (isWatched ? WATCHED : BOUND), "sh", ...bounds, program, ...args];
  const [command = "", ...words] = isWatched ? shell : ["setpriv", "--pdeathsig", "KILL", "--", ...shell];
  const child = execa(command, words, {
    env: { PATH: searchPath, LC_ALL: "C", [mark[0]]: mark[1] },
    extendEnv: false,
    buffer: false,
    reject: false,
    // It is bound to us above. What execa would do for that hears signals in our place, and ends us in the middle of ending cleanly.
    cleanup: false,
    stdio: ["ignore", "pipe", "pipe", "pipe", isWatched ? { value: "pipe", input: true } : "ignore"],
  });
  if (givesWay && child.pid !== undefined) giveWay(child.pid);
  const control = isWatched ? (child.stdio[CONTROL_FD] as Writable) : undefined;
  control?.on("error", () => undefined); // Whoever read it has ended.
  return {
    pid: child.pid,
    stdout: child.stdout,
    stderr: child.stderr,
    progress: child.stdio[3] as Readable,
    signal(name) {
      if (control === undefined) child.kill(`SIG${name}`);
      else control.write(`${name}\n`);
    },
    ended: child.then(({ exitCode, signal, originalMessage }) => ({
      code: exitCode ?? (signal === undefined ? undefined : 128 + constants.signals[signal]),
      error: exitCode === undefined && signal === undefined ? (originalMessage ?? "it could not be started") : undefined,
    })),
  };
};
