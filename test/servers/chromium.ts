/** A real browser, without a window: `chromium` on the path. It is not downloaded; Debian's package brings it, and .ci/run installs that. */
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Browser } from "playwright-core";

/** It asks nobody but the tests for anything, and as root it has no sandbox. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const onPath = async (): Promise<string | undefined> => {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const program = join(folder, "chromium");
    const isThere = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== "" && isThere) return program;
  }
  return undefined;
};

export const whyNoChromium = async (): Promise<string | undefined> =>
  (await onPath()) === undefined ? "there is no `chromium` on the path" : undefined;

/** Ended by `close`, and with this process. What drives it is loaded here: every run of the tests asks only whether it is there. */
export const startChromium = async (): Promise<Browser> => {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: (await onPath()) ?? "chromium", headless: true, args: ARGUMENTS });
};
