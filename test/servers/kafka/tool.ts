/** Kafka's own command line tools, by the name of their class: what other people's Java programs write and read. */
import { execFile } from "node:child_process";
import { classPath } from "./jars.ts";

/** What the tool prints. Throws when it fails. */
export const kafkaTool = async (name: string, args: readonly string[], input = ""): Promise<string> => {
  const cp = await classPath();
  return new Promise((resolve, reject) => {
    const child = execFile("java", ["-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", cp, name, ...args], (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    child.stdin?.end(input);
  });
};
