/** One keep-alive connection that posts a body and waits for the answer: as little of HTTP as a load needs, so that the client is not what is measured. */
import { connect, type Socket } from "node:net";

export type Connection = {
  readonly busy: boolean;
  /** Resolves with the answer's body. Rejects on any status but 202, and when the connection breaks. */
  post(body: readonly Buffer[]): Promise<string>;
  close(): void;
};

const HEAD_END = Buffer.from("\r\n\r\n");

export const openConnection = async (url: URL, path: string): Promise<Connection> => {
  const socket: Socket = connect(Number(url.port), url.hostname);
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.setNoDelay(true);
  let waiting: { readonly resolve: (body: string) => void; readonly reject: (error: Error) => void } | undefined;
  let received: Buffer = Buffer.alloc(0);

  const settle = (): void => {
    const head = received.indexOf(HEAD_END);
    if (head === -1) return;
    const headers = received.toString("latin1", 0, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(headers)?.[1];
    if (length === undefined) {
      fail(new Error(`an answer without Content-Length: ${headers}`));
      return;
    }
    const end = head + HEAD_END.length + Number(length);
    if (received.length < end) return;
    const body = received.toString("utf8", head + HEAD_END.length, end);
    received = received.subarray(end);
    const one = waiting;
    waiting = undefined;
    if (headers.startsWith("HTTP/1.1 202")) one?.resolve(body);
    else one?.reject(new Error(`${headers.slice(0, headers.indexOf("\r"))}: ${body}`));
  };
  const fail = (error: Error): void => {
    socket.destroy();
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.on("data", (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    settle();
  });
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("the connection was closed")));

  return {
    get busy() {
      return waiting !== undefined;
    },
    post: (body) => {
      const bytes = body.reduce((sum, { length }) => sum + length, 0);
      const head = `POST ${path} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${bytes}\r\n\r\n`;
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        // One write, copied: the tape's bytes change with the next pass.
        socket.write(Buffer.concat([Buffer.from(head, "latin1"), ...body]));
      });
    },
    close: () => socket.destroy(),
  };
};
