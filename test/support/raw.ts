import type { IncomingMessage } from "node:http";
import { request, Agent, type RequestOptions } from "node:https";
import { once } from "node:events";
import { KubeConfig } from "@kubernetes/client-node";
import { WebSocket } from "ws";
import { kubeconfig } from "./run.ts";

/** What a WebSocket said until it ended. */
export interface Conversation {
  readonly protocol: string;
  readonly frames: readonly Buffer[];
  /** Status and body when the server did not let it open. */
  readonly refused?: { readonly status: number; readonly text: string } | undefined;
}

export interface Talk {
  readonly protocols?: readonly string[];
  /** Sent as soon as it is open. */
  readonly say?: readonly (Buffer | string)[];
  /** Closes it from our side after the frame that is accepted. */
  readonly until?: (frame: Buffer) => boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The body as JSON; an error where it is none. */
  json<T = Json>(): T;
}

/** What a test reads out of an object of any kind. */
export interface Json {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly finalizers?: readonly string[];
  };
  readonly items?: readonly Json[];
  readonly status?: unknown;
}

export interface Ask {
  readonly body?: object | string;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** Who a test is, if not the administrator; nobody when it is empty. Certificate and key are base64 of PEM. */
export interface Credentials {
  readonly token?: string;
  readonly certData?: string;
  readonly keyData?: string;
}

/** Requests as the administrator of the kubeconfig, or with credentials of the test's own; with nothing between the test and the wire. */
export class Raw {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });
  readonly #config = new KubeConfig();
  readonly #server: URL;

  constructor(credentials?: Credentials) {
    this.#config.loadFromFile(kubeconfig);
    const cluster = this.#config.getCurrentCluster();
    if (!cluster) throw new Error(`${kubeconfig} names no cluster`);
    if (credentials) this.#config.loadFromClusterAndUser(cluster, { name: "test", ...credentials });
    this.#server = new URL(cluster.server);
  }

  async #open(method: string, path: string, ask: Ask): Promise<IncomingMessage> {
    const body = typeof ask.body === "object" ? JSON.stringify(ask.body) : ask.body;
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      headers: {
        ...(ask.headers as Record<string, string>),
        accept: ask.accept ?? "application/json",
        ...(body === undefined
          ? {}
          : { "content-type": ask.type ?? "application/json", "content-length": Buffer.byteLength(body) }),
      },
    };
    await this.#config.applyToHTTPSOptions(options);
    // The kubeconfig's own agent would open a connection for each request.
    options.agent = this.#agent;
    const sent = request(new URL(path, this.#server), options);
    sent.end(body);
    const [answer] = (await once(sent, "response")) as [IncomingMessage];
    answer.setEncoding("utf8");
    return answer;
  }

  /** One request and the whole of its answer, whatever its status. */
  async ask(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const answer = await this.#open(method, path, ask);
    let text = "";
    for await (const chunk of answer) text += String(chunk);
    return {
      status: answer.statusCode ?? 0,
      headers: answer.headers,
      text,
      json: <T>() => JSON.parse(text) as T,
    };
  }

  /** The events of a watch, up to and including the first that `last` accepts. */
  async watch(path: string, last: (event: WatchEvent) => boolean): Promise<WatchEvent[]> {
    const answer = await this.#open("GET", path, {});
    const events: WatchEvent[] = [];
    let rest = "";
    for await (const chunk of answer) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const event = JSON.parse(line) as WatchEvent;
        events.push(event);
        if (last(event)) {
          answer.destroy();
          return events;
        }
      }
    }
    throw new Error(`the watch ended (${answer.statusCode}) after ${JSON.stringify(events).slice(0, 500)}`);
  }

  /** Opens a WebSocket and listens until either side closes it. */
  async talk(path: string, { protocols = [], say = [], until }: Talk = {}): Promise<Conversation> {
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key } = options;
    const url = new URL(path, this.#server);
    url.protocol = "wss:";
    const socket = new WebSocket(url, [...protocols], { ca, cert, key });
    const frames: Buffer[] = [];
    return new Promise((resolve, reject) => {
      const end = (refused?: Conversation["refused"]): void =>
        resolve({ protocol: socket.protocol, frames, refused });
      socket.on("open", () => {
        for (const words of say) socket.send(words);
      });
      socket.on("message", (frame: Buffer) => {
        frames.push(frame);
        if (until?.(frame)) socket.close(1000);
      });
      socket.on("close", () => end());
      socket.on("unexpected-response", (_request, answer: IncomingMessage) => {
        let text = "";
        answer.on("data", (chunk: Buffer) => (text += chunk.toString()));
        answer.on("end", () => end({ status: answer.statusCode ?? 0, text }));
      });
      socket.on("error", (error) => reject(error));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Json;
}

/** Who the API takes the holder of these credentials for; the status when it takes them for nobody. */
export async function who(
  credentials: Credentials,
): Promise<{ username: string; groups: string[] } | number> {
  const raw = new Raw(credentials);
  const answer = await raw.ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { body: {} });
  raw.close();
  if (answer.status !== 201) return answer.status;
  return answer.json<{ status: { userInfo: { username: string; groups: string[] } } }>().status.userInfo;
}
