/** What the door answers. */
import type { NotReceived } from "../domain/door.ts";

export type { Incoming, NotReceived, Reached, Received, Rejected } from "../domain/door.ts";

export const notReceived = (problem: NotReceived["problem"], detail: string): NotReceived => ({ problem, detail });

export const isNotReceived = (answer: object): answer is NotReceived => "problem" in answer;
