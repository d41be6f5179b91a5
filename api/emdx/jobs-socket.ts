/**
 * The socket /jobs/ws: the tenant's jobs, first those under way, then each as it changes.
 *
 * What a client says is ignored. With `tallywire.v1` the first message is a heartbeat, and one comes with every ping.
 * A caller is told of what it may ask for: of recomputations with `cameras:write`, of what operators do with `ops`.
 */
import type { Job } from "../../domain/job.ts";
import { CLOSE, endSocket, FAILED, V1 } from "../connection.ts";
import { formatInstant } from "../instant.ts";
import type { Arrived, House, SocketRoute } from "../surface.ts";
import { jobKinds, scopeOf } from "./jobs.ts";
import { jobBody } from "./jobs-present.ts";

export const jobSocket =
  ({ core }: House): SocketRoute["take"] =>
  ({ socket, caller }: Arrived) => {
    const { tenant, scopes } = caller;
    const mayHear = ({ wish }: Pick<Job, "wish">): boolean => scopes.has(scopeOf(wish.kind));
    const say = (message: object): void => {
      if (socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount <= core.limits.socketBufferBytes) return void socket.send(JSON.stringify(message));
      core.meter.count("tallywire_slow_sockets_total", 1, { tenant });
      endSocket(socket, CLOSE.tooSlow, "");
    };
    const tell = (job: Job): void => {
      if (mayHear(job)) say({ job: jobBody(job, false) });
    };
    const heartbeat = (): void => {
      if (socket.protocol === V1) say({ heartbeat: formatInstant(core.now()) });
    };
    /** What changed while the others were looked up is newer than these. */
    const changed = new Set<string>();
    const watching = core.jobs.watch(tenant, (job) => {
      changed.add(job.id);
      tell(job);
    });
    const begin = async (): Promise<void> => {
      const wanted = jobKinds.filter((kind) => scopes.has(scopeOf(kind)));
      const all = (await Promise.all(wanted.map((kind) => core.jobs.list(tenant, kind)))).flat();
      const open = all.filter(({ id, endedAt }) => endedAt === undefined && !changed.has(id));
      for (const job of open.sort((a, b) => a.at - b.at)) tell(job);
    };
    socket.on("close", () => watching.stop());
    socket.on("heartbeat", heartbeat);
    heartbeat();
    begin().catch((error: unknown) => {
      core.journal.error({ err: error }, "a socket could not be told of jobs");
      endSocket(socket, CLOSE.failed, FAILED);
    });
  };
