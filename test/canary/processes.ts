/** The command lines of all processes of this machine, as anybody can read them. */
import { readdirSync, readFileSync } from "node:fs";
import { type Form, lookIn } from "./forms.ts";

/** Stands in the command line that is planted: two runs on one machine see each other's. */
export const ON_PURPOSE = "planted-on-purpose";

export class Processes {
  readonly sights: { readonly pid: string; readonly program: string; readonly form: string }[] = [];
  readonly figures = { looks: 0, commandLines: 0 };
  readonly #forms: readonly Form[];
  readonly #known = new Map<string, string>();

  readonly #isPlanted: boolean;

  constructor(forms: readonly Form[], isPlanted: boolean) {
    this.#forms = forms;
    this.#isPlanted = isPlanted;
  }

  /** A process may take another command line: each is read every time, and looked through when it is new. */
  look(): void {
    this.figures.looks += 1;
    const there = new Set(readdirSync("/proc").filter((name) => /^\d+$/.test(name)));
    for (const pid of this.#known.keys()) if (!there.has(pid)) this.#known.delete(pid);
    for (const pid of there) {
      const line = commandLine(pid);
      if (line === undefined || line === this.#known.get(pid)) continue;
      this.#known.set(pid, line);
      this.figures.commandLines += 1;
      if (line.includes(ON_PURPOSE) && !this.#isPlanted) continue;
      for (const { form } of lookIn(Buffer.from(line, "latin1"), this.#forms).sights)
        this.sights.push({ pid, program: line.split("\0")[0] ?? "", form });
    }
  }
}

/** Undefined where the process has ended meanwhile. */
const commandLine = (pid: string): string | undefined => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
};
