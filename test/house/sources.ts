import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** The files git knows or would take, as paths from the root. */
export const tracked = (): string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"], { cwd: root, encoding: "utf8" })
    .split("\n")
    .filter((path) => path !== "");

export const read = (path: string): string => readFileSync(root + path, "utf8");

const ROOMS = ["domain", "analytics", "projections", "adapters", "ingest", "video", "jobs", "api"] as const;
export type Room = (typeof ROOMS)[number];

export const roomOf = (path: string): Room | undefined => ROOMS.find((room) => path.startsWith(`${room}/`));

/** The product's own TypeScript: rooms, the files at the root and what they are divided into. */
export const sources = (): string[] =>
  tracked().filter((path) => path.endsWith(".ts") && (roomOf(path) !== undefined || path.startsWith("roles/") || !path.includes("/")));

/** What a file says beside its code. */
export const comments = (text: string): string => (text.match(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm) ?? []).join("\n");

/** What a file imports, by text: `import … from "x"`, `export … from "x"`, `import("x")`. Comments are left out. */
export const imports = (text: string): string[] => {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/(?:from\s+|import\s*\(?\s*)"([^"]+)"/g)].map((match) => match[1] as string);
};
