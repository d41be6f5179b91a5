/** A verification, as a job of a tenant and as a command: the warehouse compared with the logs, and these with each other where that is asked. */
import { type Proven, proveDerived } from "../../analytics/derive-again.ts";
import type { Json } from "../../domain/envelope.ts";
import { type Finding, isUnchecked } from "../../domain/finding.ts";
import type { Run, VerifyWish, Work } from "../../domain/job.ts";
import { limits as defaultLimits, type Limits } from "../../domain/limits.ts";
import { AdapterError, type Clock, type Journal, type Logs, type Warehouse } from "../../domain/ports.ts";
import type { Borders } from "../../projections/borders.ts";
import { projections } from "../../projections/index.ts";
import type { Progress } from "../../projections/progress.ts";
import { type DayTold, type Proof, type Verifying, verify } from "../../projections/verify/verify.ts";

export type VerifyParts = {
  readonly logs: Pick<Logs, "facts" | "derived" | "baseBefore" | "progress">;
  /** Throws AdapterError `unavailable` while its tables are not there. */
  readonly warehouse: () => Warehouse;
  readonly reached: Verifying["reached"];
  readonly clock: Clock;
  readonly journal: Journal;
  readonly limits?: Pick<Limits, "verifyDays" | "verifyNarrowed" | "verifyFindings" | "jobRows">;
};

/** `agree`; `differ`: something is wrong; `unchecked`: nothing is, as far as could be looked. */
export type Verdict = "agree" | "differ" | "unchecked";

/** `findings`: how many; `told`: the first of them. `derived`: where facts were stepped again. */
export type Verified = Proof & {
  readonly verdict: Verdict;
  readonly findings: number;
  readonly told: readonly Finding[];
  readonly derived: Proven | undefined;
};

/** Where it is known how far everything was brought in: a server that does it alone knows it of itself, several know it by their marks. */
export const reachedBy = (how: { readonly isShared: boolean; readonly progress: Pick<Progress, "passed"> }): Verifying["reached"] =>
  how.isShared ? (_log, _partition, { begin }) => begin : (log, partition) => how.progress.passed(log, partition);

/** The same for who has the data to himself: a batch that was being written when its server ended counts as written. */
export const reachedAlone: Verifying["reached"] = (_log, _partition, { end }) => end;

/** What is asked for, and who is told of it. */
export type VerifyAsked = Pick<Run<VerifyWish>, "wish" | "stop" | "progress" | "pause"> & {
  /** Of one tenant; undefined: of all. */
  readonly tenant: string | undefined;
  readonly tell: (finding: Finding) => void;
  readonly tellDay: (day: DayTold) => Promise<void> | undefined;
};

/** Of the result of a job, in characters of JSON: what a job may say in short. */
const TOLD_TEXT = 32 * 1024;

/** Throws AdapterError: `closed` when stopped, and what the logs and the warehouse throw. */
export const verifyAll = async (parts: VerifyParts, asked: VerifyAsked): Promise<Verified> => {
  const { logs, clock, journal, reached, limits = defaultLimits } = parts;
  const { wish, tenant, stop, progress, pause, tellDay } = asked;
  const told: Finding[] = [];
  let findings = 0;
  let text = 0;
  let differs = false;
  let isWhole = true;
  const tell = (finding: Finding): void => {
    findings += 1;
    if (isUnchecked(finding)) isWhole = false;
    else differs = true;
    text += JSON.stringify(finding).length;
    if (told.length < limits.verifyFindings && text < TOLD_TEXT) told.push(finding);
    asked.tell(finding);
  };
  const only = { tenant, from: wish.from, to: wish.to };
  const common = { clock, journal, stop, pause, tell };
  const proof = await verify({
    ...common,
    logs,
    warehouse: parts.warehouse(),
    projections,
    reached,
    only,
    limits,
    progress,
    tellDay,
  });
  let derived: Proven | undefined;
  for (let partition = 0; wish.derive && partition < logs.facts.partitions; partition++) {
    try {
      const proven = await proveDerived({ ...common, logs, partition, tenant });
      derived = { events: (derived?.events ?? 0) + proven.events, left: (derived?.left ?? 0) + proven.left };
    } catch (error) {
      // The record was told of when it was met first: nothing that follows from it can be derived again.
      if (!(error instanceof AdapterError && error.code === "corrupt")) throw error;
    }
  }
  const verdict = differs ? "differ" : isWhole ? "agree" : "unchecked";
  return { ...proof, verdict, findings, told, derived };
};

/** Rows that are kept together. */
const ROWS = 500;

/** Its rows: what was found, and every camera's day of every table, as they come. */
export const verifyWork =
  (parts: VerifyParts & { readonly borders?: Pick<Borders, "out" | "untilWhole"> }): Work<VerifyWish> =>
  async (run) => {
    // Of a table that is being built at the start nothing could be said: it is waited for.
    for (const table of parts.borders?.out() ?? []) await parts.borders?.untilWhole(table, run.stop);
    const { jobRows } = parts.limits ?? defaultLimits;
    let number = 0;
    let waiting: Json[] = [];
    const flush = async (): Promise<void> => {
      const rows = waiting.slice(0, Math.max(0, jobRows - number));
      waiting = [];
      if (rows.length > 0) await run.rows(number, rows);
      number += rows.length;
    };
    const tellDay = (day: DayTold): Promise<void> | undefined => {
      waiting.push({ ...day, log: { ...day.log }, rows: { ...day.rows } });
      return waiting.length < ROWS ? undefined : flush();
    };
    const tell = (finding: Finding): void => void waiting.push(finding as Json);
    const { wish, tenant, stop, progress, pause } = run;
    const verified = await verifyAll(parts, { wish, tenant, stop, progress, pause, tell, tellDay });
    await flush();
    return JSON.parse(JSON.stringify(verified)) as Json;
  };
