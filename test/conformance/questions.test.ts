import { describe } from "vitest";
import { embedded, tempDir } from "../support/warehouse.ts";
import { questionsSuite } from "./questions.suite.ts";

describe("what SQL answers equals what folding the events answers", () => {
  questionsSuite(async () => {
    const { dir, remove } = tempDir();
    return { ...(await embedded(dir)), remove };
  });
});
