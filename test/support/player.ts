/** A player as others have it: a page of an origin of its own, with hls.js, in a real browser. */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { HlsConfig } from "hls.js";
import type { Browser } from "playwright-core";
import type { Instant } from "../../domain/envelope.ts";
import { readPicture } from "../servers/rtsp-camera.ts";

const PAGE = `<!doctype html><title>Player</title><video muted playsinline></video><script src="hls.js"></script><script src="player.js"></script>`;

export type Pages = {
  /** Of the pages, as browsers write it. */
  readonly origin: string;
  /** The same pages, of another origin. */
  readonly otherOrigin: string;
  close(): Promise<void>;
};

export const servePages = async (): Promise<Pages> => {
  const script = (path: string | URL): Promise<string> => readFile(path, "utf8");
  const files: Readonly<Record<string, readonly [type: string, content: string]>> = {
    "/": ["text/html", PAGE],
    "/hls.js": ["text/javascript", await script(createRequire(import.meta.url).resolve("hls.js"))],
    "/player.js": ["text/javascript", await script(new URL("player.js", import.meta.url))],
  };
  const server = createServer(({ url = "" }, response) => {
    const [type, content] = files[url] ?? [];
    response.writeHead(content === undefined ? 404 : 200, { "content-type": `${type ?? "text/plain"}; charset=utf-8` }).end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    otherOrigin: `http://localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};

/** `instant`: of what the playlist says it is; `madeAt`: what it says itself, epoch milliseconds. */
export type Shown = { readonly instant: Instant | undefined; readonly madeAt: Instant };
export type PlayerState = {
  readonly time: number;
  readonly duration: number | null;
  readonly hasEnded: boolean;
  /** Pictures. */
  readonly decoded: number;
  /** Bytes of sound. */
  readonly heard: number;
  /** What the browser says of a film that it cannot play. */
  readonly fault: string | null;
  /** What hls.js told of. */
  readonly errors: readonly {
    readonly type: string;
    readonly details: string;
    readonly fatal: boolean;
    readonly message: string;
    readonly status: number;
  }[];
};

export type Player = {
  /** Shows its first picture, or that from which hls.js plays a live one. `config`: of hls.js, else its own. */
  open(url: string, config?: Partial<HlsConfig>): Promise<void>;
  /** Shows the picture of that instant, which was recorded. */
  seek(instant: Instant): Promise<void>;
  /** On from there. */
  play(): Promise<void>;
  state(): Promise<PlayerState>;
  /** Pictures shown since it was last asked, or opened, or sought. */
  pictures(): Promise<readonly Shown[]>;
  /** A request of the page itself; undefined where the browser does not let it read the answer. */
  ask(method: string, url: string, token: string): Promise<{ readonly status: number; readonly body: unknown } | undefined>;
  /** What the page has asked for, the oldest first. */
  readonly asked: readonly string[];
  close(): Promise<void>;
};

/** As player.js has them. */
type Picture = { readonly instant: number | null; readonly width: number; readonly height: number; readonly grey: string };

const readShown = ({ instant, width, height, grey }: Picture): Shown => ({
  instant: instant ?? undefined,
  madeAt: readPicture(Buffer.from(grey, "base64"), width, height).madeAt,
});

export const openPlayer = async (browser: Browser, origin: string): Promise<Player> => {
  const page = await browser.newPage();
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(origin);
  const inPage = <T>(name: string, ...given: readonly unknown[]): Promise<T> =>
    page.evaluate(`player.${name}(...${JSON.stringify(given)})`) as Promise<T>;
  return {
    open: (url, config = {}) => inPage("open", url, config),
    seek: (instant) => inPage("seek", instant),
    play: () => inPage("play"),
    state: () => inPage("state"),
    pictures: async () => (await inPage<readonly Picture[]>("pictures")).map(readShown),
    ask: async (method, url, token) =>
      (await inPage<{ readonly status: number; readonly body: unknown } | null>("ask", method, url, token)) ?? undefined,
    asked,
    close: () => page.close(),
  };
};
