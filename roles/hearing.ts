/** Who hears of decisions: they are told from the first one on, and who hears of them is there only later. */
import type { Decided } from "../domain/ports.ts";

type Heard = Pick<Decided, "stream" | "revision">;
type Listener = (event: Heard & Partial<Pick<Decided, "data">>) => void;

export type Hearing = {
  /** Of each decision of the store, in the order in which they were made. */
  tell(event: Decided): void;
  /** Tells of the newest of each stream that was told, and of all that is told from now on. */
  join(listener: Listener): void;
  /** Nobody joins any more. */
  begin(): void;
};

export const createHearing = (): Hearing => {
  const early = new Map<string, Heard>();
  const listeners: Listener[] = [];
  let isOpen = true;
  return {
    tell(event) {
      if (isOpen) early.set(event.stream, { stream: event.stream, revision: event.revision });
      for (const listener of listeners) listener(event);
    },
    join(listener) {
      for (const heard of early.values()) listener(heard);
      listeners.push(listener);
    },
    begin() {
      isOpen = false;
      early.clear();
    },
  };
};
