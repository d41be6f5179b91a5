/** Settings of a server with tokens on, and tokens for it, as anyone would mint them. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export const guardedEnv = {
  TALLYWIRE_TOKENS: "on",
  TALLYWIRE_JWT_SECRET: "a secret of thirty-two bytes or more",
  TALLYWIRE_JWT_ISSUER: "https://id.example",
  TALLYWIRE_JWT_AUDIENCE: "tallywire",
  TALLYWIRE_SECRET_KEY: "a key of thirty-two bytes and no less",
};

/** `more`: further words of the command. */
export const mint = async (tenant: string, scope: string, ...more: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(process.execPath, ["main.ts", "token", "--tenant", tenant, "--scope", scope, ...more], {
    env: { ...process.env, ...guardedEnv },
  });
  return stdout.trim();
};
