import { expect } from "vitest";
import { AdapterError } from "../../domain/ports.ts";

/** What the work is refused with; anything else fails the test. */
export const refusal = async (work: Promise<unknown>): Promise<AdapterError> => {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(AdapterError);
  return error as AdapterError;
};
