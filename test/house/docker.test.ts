/** docker/ is judged by linters and by what the project knows: no Docker engine is needed for it, and none has run it. */
import { builtinModules } from "node:module";
import { posix } from "node:path";
import { DCLinter } from "dclint";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { placeOf } from "../../adapters/clickhouse/place.ts";
import { readKafkaUrl } from "../../adapters/kafka/url.ts";
import { readConfig } from "../../config.ts";
import { roles } from "../../domain/roles.ts";
import { imports, read, root, tracked } from "./sources.ts";

const dockerfile = DockerfileParser.parse(read("docker/Dockerfile"));
const instructions = dockerfile.getInstructions();
const named = (keyword: string) => instructions.filter((one) => one.getKeyword() === keyword);
/** Of the last stage only: the image itself. */
const final = instructions.slice(instructions.findLastIndex((one) => one.getKeyword() === "FROM"));
const inFinal = (keyword: string) => final.filter((one) => one.getKeyword() === keyword);
const argumentsOf = (one: (typeof instructions)[number]): string[] => one.getArguments().map((argument) => argument.getValue());
/** Sources and destination of the COPYs that take from the context. */
const copied = (from: typeof instructions): string[] =>
  from
    .filter((one) => one.getKeyword() === "COPY" && !/--from=/.test(one.getTextContent()))
    .flatMap((one) => argumentsOf(one).slice(0, -1));

/** The linter's own types do not resolve. */
type Linted = { readonly messages: readonly { readonly line: number; readonly rule: string; readonly message: string }[] };
type Service = {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly profiles: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly healthcheck?: object;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes?: readonly string[];
};
const composeText = read("docker/compose.yaml");
const compose = parse(composeText, { merge: true }) as {
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, null>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);
const example = Object.fromEntries(
  read("docker/.env.example")
    .split("\n")
    .filter((line) => /^\w+=/.test(line))
    .map((line) => line.split("=") as [string, string]),
);
/** As compose fills in `${NAME:-default}`. */
const filled = (text: string, env: Readonly<Record<string, string>> = {}): string =>
  text.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, otherwise: string) => env[name] || otherwise);
const environmentOf = ({ environment }: Service, env: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, filled(value, env)]));
/** ENV of the image. */
const imageEnvironment = Object.fromEntries(
  inFinal("ENV").flatMap((one) => argumentsOf(one).map((pair) => pair.split("=") as [string, string])),
);

/** Every file of ours that main.ts leads to, and every package on the way. */
const reached = (): { readonly files: Set<string>; readonly packages: Set<string> } => {
  const [files, packages, open] = [new Set<string>(), new Set<string>(), ["main.ts"]];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    const text = read(path);
    // A program of its own is named by its address.
    const programs = [...text.matchAll(/new URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g)].map(([, target]) => target as string);
    for (const target of [...imports(text), ...programs]) {
      if (target.startsWith(".")) open.push(posix.join(posix.dirname(path), target));
      else if (/^@?[a-z]/.test(target) && !target.startsWith("node:") && !builtinModules.includes(target))
        packages.add(
          target
            .split("/")
            .slice(0, target.startsWith("@") ? 2 : 1)
            .join("/"),
        );
    }
  }
  return { files, packages };
};

describe("the Dockerfile", () => {
  it("has no fault its linter knows, which knows some", () => {
    expect(validate(read("docker/Dockerfile"))).toEqual([]);
    expect(validate(read("docker/Dockerfile").replace("WORKDIR /app", "WORKDIR")).length).toBeGreaterThan(0);
  });

  it("copies every file and folder that main.ts leads to, and none besides", () => {
    const tops = new Set([...reached().files].map((path) => path.split("/")[0] as string));
    expect(tops.size).toBeGreaterThan(10);
    expect(copied(final).sort()).toEqual(["package.json", ...tops].sort());
  });

  it("installs every package that main.ts leads to, and no other kind", () => {
    const { dependencies } = JSON.parse(read("package.json")) as { dependencies: Record<string, string> };
    const { packages } = reached();
    expect(packages.size).toBeGreaterThan(10);
    expect([...packages].filter((name) => dependencies[name] === undefined)).toEqual([]);
    const runs = named("RUN").map((one) => one.getArgumentsContent() ?? "");
    expect(runs.filter((run) => run.includes("npm"))).toEqual([expect.stringMatching(/^npm install --omit=dev /)]);
    expect(read("docker/Dockerfile")).not.toMatch(/registry|https?:\/\/(?!127\.0\.0\.1)/);
    expect(copied(instructions)).toEqual(expect.arrayContaining(["package-lock.json", ".npmrc"]));
  });

  it("runs as somebody who is not root, without a shell, with its data in a volume", () => {
    expect(named("FROM").map((one) => argumentsOf(one)[0])).toEqual(["node:24-slim", "node:24-slim"]);
    expect(inFinal("USER").map(argumentsOf)).toEqual([["node"]]);
    expect(final.findLastIndex((one) => one.getKeyword() === "RUN")).toBeLessThan(final.findIndex((one) => one.getKeyword() === "USER"));
    for (const keyword of ["ENTRYPOINT", "CMD"]) expect(inFinal(keyword)[0]?.getArgumentsContent()).toMatch(/^\[/);
    expect(inFinal("VOLUME").map(argumentsOf)).toEqual([[imageEnvironment.TALLYWIRE_DATA]]);
    expect(inFinal("STOPSIGNAL").map(argumentsOf)).toEqual([["SIGTERM"]]);
    expect(inFinal("EXPOSE").map(argumentsOf)).toEqual([[imageEnvironment.TALLYWIRE_PORT]]);
  });

  it("asks after its health with what is in the image", () => {
    const health = inFinal("HEALTHCHECK")[0]?.getTextContent() ?? "";
    expect(health).toMatch(/CMD \["node", "-e", "fetch\(.*\/healthz/);
    expect(health).not.toMatch(/curl|wget/);
  });

  it("is started like the server everywhere else", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const command = [inFinal("ENTRYPOINT"), inFinal("CMD")].flatMap(([one]) => JSON.parse(one?.getArgumentsContent() ?? "[]") as string[]);
    expect(command.join(" ")).toBe(scripts.start);
  });

  it("does not start on all addresses before somebody says that it may", () => {
    const { NODE_ENV: _, ...settings } = imageEnvironment;
    expect(() => readConfig(settings)).toThrow(/TALLYWIRE_HOST: 0\.0\.0\.0 is not loopback and tokens are off/);
    expect(readConfig({ ...settings, TALLYWIRE_INSECURE_BIND: "true" }).DATA).toBe("/data");
  });

  it("is given what it copies, and nothing else", () => {
    const lines = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines[0]).toBe("*");
    const letIn = lines.filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    expect(letIn.sort()).toEqual([...new Set(copied(instructions))].sort());
    for (const kept of ["**/node_modules", "**/.env"]) expect(lines).toContain(kept);
  });
});

describe("compose.yaml", () => {
  it("holds to the compose specification, and has no fault its linter knows but for the order of keys", () => {
    const order = ["service-keys-order", "services-alphabetical-order", "top-level-properties-order"];
    const rules = {
      ...Object.fromEntries(order.map((rule) => [rule, 0 as const])),
      "require-quotes-in-ports": [2, { quoteType: "double" }] as [2, object],
    };
    const lint = (path: string) =>
      new DCLinter({ rules, quiet: false, debug: false, exclude: [] })
        .lintFiles([root + path], false)
        .flatMap(({ messages }: Linted) => messages.map(({ line, rule, message }) => `${line} ${rule}: ${message}`));
    expect(lint("docker/compose.yaml")).toEqual([]);
    expect(lint("test/house/faulty-compose.yaml")).toEqual([expect.stringContaining("invalid-schema")]);
  });

  it("pins every image that it does not build", () => {
    const foreign = services.filter(([, { build }]) => build === undefined).map(([, { image }]) => image);
    expect(foreign).toHaveLength(3);
    for (const image of foreign) expect(image).toMatch(/^[\w./-]+:\d+\.\d+(\.\d+)*$/);
    expect(
      ours.every(
        ([, { build, image }]) => build?.dockerfile === "docker/Dockerfile" && build.context === ".." && image === "tallywire:local",
      ),
    ).toBe(true);
  });

  it("publishes ports on loopback only, none twice in a profile", () => {
    const published = services.flatMap(([name, { ports = [], profiles }]) =>
      ports.map((port) => ({ name, port: filled(port, example), profiles })),
    );
    expect(published.length).toBeGreaterThan(3);
    for (const { port } of published) expect(port).toMatch(/^127\.0\.0\.1:\d+:8080$/);
    for (const profile of ["single", "scale"]) {
      const taken = published.filter(({ profiles }) => profiles.includes(profile)).map(({ port }) => port);
      expect(new Set(taken).size).toBe(taken.length);
    }
  });

  it.each(ours.map(([name]) => name))("gives %s settings that config.ts knows and takes", (name) => {
    const service = compose.services[name] as Service;
    const { NODE_ENV: _, ...image } = imageEnvironment;
    for (const env of [{}, example, { ...example, CLICKHOUSE_PASSWORD: "s3cret", TALLYWIRE_METRICS_AUTH: "me:too" }]) {
      const config = readConfig({ ...image, ...environmentOf(service, env) });
      expect(config.INSECURE_BIND).toBe(true);
      if (service.profiles.includes("scale"))
        expect(readKafkaUrl(config.LOG)).toMatchObject({ brokers: ["kafka:9092"], prefix: "tallywire" });
      if (config.WAREHOUSE.startsWith("http"))
        expect(placeOf(config.WAREHOUSE)).toMatchObject({ username: "tallywire", database: "tallywire" });
    }
  });

  it("has two profiles: everything in one process, and the roles apart, two engines and two APIs among them", () => {
    const inProfile = (profile: string) => ours.filter(([, { profiles }]) => profiles.includes(profile));
    expect(services.every(([, { profiles }]) => profiles.length === 1 && /^(single|scale)$/.test(profiles[0] as string))).toBe(true);
    expect(inProfile("single").map(([, { environment }]) => environment.TALLYWIRE_ROLES)).toEqual([undefined]);
    const apart = inProfile("scale").map(([, { environment }]) => environment.TALLYWIRE_ROLES as string);
    expect([...new Set(apart)].sort()).toEqual([...roles].sort());
    expect(apart.filter((role) => role === "engine")).toHaveLength(2);
    expect(apart.filter((role) => role === "api")).toHaveLength(2);
  });

  it("waits for the health of every server a service is told of, and asks each after its own", () => {
    const servers = services.filter(([, { build }]) => build === undefined);
    for (const [, { healthcheck }] of servers) expect(healthcheck).toBeDefined();
    for (const [name, service] of ours) {
      const told = servers
        .map(([server]) => server)
        .filter((server) => Object.values(environmentOf(service)).some((value) => value.includes(`${server}:`)));
      expect([name, Object.keys(service.depends_on ?? {}).sort()]).toEqual([name, told.sort()]);
      for (const { condition } of Object.values(service.depends_on ?? {})) expect(condition).toBe("service_healthy");
    }
  });

  it("keeps the data of whoever has some in volumes it declares", () => {
    const used = services.flatMap(([, { volumes = [] }]) => volumes.map((volume) => volume.split(":")[0]));
    expect(used.sort()).toEqual(Object.keys(compose.volumes).sort());
    expect(compose.services.tallywire?.volumes).toEqual([`data:${imageEnvironment.TALLYWIRE_DATA}`]);
  });

  it("takes its secrets from the environment, all of it named in .env.example, and .env itself is nowhere", () => {
    const asked = new Set([...composeText.matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name]) => name as string));
    expect([...asked].sort()).toEqual(Object.keys(example).sort());
    expect(example.CLICKHOUSE_PASSWORD).toBe("");
    expect(composeText).not.toMatch(/PASSWORD: (?!\$)/);
    expect(tracked().filter((path) => /(^|\/)\.env$/.test(path))).toEqual([]);
    expect(read(".gitignore").split("\n")).toContain(".env");
  });

  it("does not start ClickHouse without a password", () => {
    expect(composeText).toMatch(/test -n "\$\$CLICKHOUSE_PASSWORD" \|\| \{ echo [^}]*exit 1; \}; exec \/entrypoint\.sh/);
  });
});

describe("docs/docker.md", () => {
  it("says the commands as they are, and that nobody has run them here", () => {
    const text = read("docs/docker.md");
    for (const profile of ["single", "scale"]) {
      const command = `docker compose -f docker/compose.yaml --profile ${profile} up --build --wait`;
      expect(text).toContain(command);
      expect(composeText).toContain(command);
    }
    expect(text).toMatch(/not been run/);
  });
});
