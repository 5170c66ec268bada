/** Calls a webhook: JSON there and back over TLS, to a URL or to a Service of the cluster. */
import { request as httpRequest, type Agent, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { WebhookClientConfig } from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import type { Reach } from "../../aggregation/reach.ts";
import { isObject } from "../../patch/json.ts";
import { keptConnections, tlsAgent } from "../../aggregation/tls-agent.ts";

export interface CallOptions {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** @returns what the webhook answered, parsed. @throws Error with the reason in words */
export type CallWebhook = (
  config: WebhookClientConfig,
  body: object,
  options: CallOptions,
) => Promise<unknown>;

const maxAnswerBytes = 16 * 1024 * 1024;

interface Destination {
  readonly url: URL;
  /** Whom the certificate must name. */
  readonly serverName: string;
  readonly open: (signal: AbortSignal) => Promise<Duplex>;
}

/** Connections are kept for the next call to the same place. */
export function createCallWebhook(reach: Reach): CallWebhook {
  const agents = new Map<string, Agent>();
  const agentFor = (config: WebhookClientConfig, destination: Destination): Agent => {
    const key = JSON.stringify([config.url, config.service, config.caBundle]);
    let agent = agents.get(key);
    if (!agent) {
      // Definitions come and go; what nobody calls any more has closed its connections by itself.
      if (agents.size > 500) agents.clear();
      agent = tlsAgent({ ...destination, ca: config.caBundle });
      agents.set(key, agent);
    }
    return agent;
  };
  return async (config, body, { timeoutMs, signal }) => {
    const destination = destinationOf(reach, config);
    const { url } = destination;
    url.searchParams.set("timeout", `${Math.ceil(timeoutMs / 1000)}s`);
    const limited = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    const payload = Buffer.from(JSON.stringify(body));
    const agent = agentFor(config, destination);
    try {
      return await post({ url, agent, payload, signal: limited });
    } catch (error) {
      if (error instanceof AnswerError)
        throw new Error(`failed to call webhook: ${error.message}`, { cause: error });
      throw new Error(
        `failed to call webhook: Post ${JSON.stringify(config.service ? withPort(url) : url.href)}: ${reason(error, limited, signal)}`,
        {
          cause: error,
        },
      );
    }
  };
}

/** It was answered, but not with what was asked for. */
class AnswerError extends Error {}

/** The URL of a Service, with its port also where that is the usual one. */
const withPort = ({ protocol, hostname, port, pathname, search }: URL): string =>
  `${protocol}//${hostname}:${port || 443}${pathname}${search}`;

function reason(error: unknown, limited: AbortSignal, signal: AbortSignal): string {
  if (limited.aborted && !signal.aborted) return "context deadline exceeded";
  return error instanceof Error ? error.message : String(error);
}

function destinationOf(reach: Reach, { url: text, service }: WebhookClientConfig): Destination {
  if (service) {
    const { namespace, name, port = 443, path = "/" } = service;
    const serverName = `${name}.${namespace}.svc`;
    return {
      url: new URL(path, `https://${serverName}:${port}`),
      serverName,
      open: (signal) => reach.toService({ namespace, name, port }, signal),
    };
  }
  const url = new URL(text ?? "");
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { url, serverName: host, open: (signal) => reach.toHost(host, Number(url.port || 443), signal) };
}

interface Post {
  readonly url: URL;
  readonly agent: Agent;
  readonly payload: Buffer;
  readonly signal: AbortSignal;
}

async function post(call: Post): Promise<unknown> {
  for (let attempt = 1; ; attempt++) {
    const { answer, reused, error } = await send(call);
    if (answer) return readAnswer(answer);
    // A kept connection may have been closed by the other side just now.
    if (!reused || attempt > keptConnections || call.signal.aborted) throw error;
  }
}

interface Sent {
  readonly answer?: IncomingMessage;
  readonly error?: Error;
  readonly reused: boolean;
}

const send = ({ url, agent, payload, signal }: Post): Promise<Sent> =>
  new Promise((resolve) => {
    const outgoing = httpRequest({
      method: "POST",
      host: url.hostname,
      port: url.port || 443,
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        "content-type": "application/json",
        accept: "application/json, */*",
        "content-length": payload.byteLength,
        "user-agent": "kube-apiserver-admission",
      },
      agent,
      signal,
    });
    outgoing.once("response", (answer) => resolve({ answer, reused: outgoing.reusedSocket }));
    outgoing.once("error", (error) => resolve({ error, reused: outgoing.reusedSocket }));
    outgoing.end(payload);
  });

async function readAnswer(answer: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxAnswerBytes) {
      answer.destroy();
      throw new Error("the answer is too large");
    }
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const { statusCode = 0 } = answer;
  const isGood = statusCode >= 200 && statusCode <= 206;
  try {
    const body: unknown = JSON.parse(text);
    if (isGood) return body;
    if (isObject(body) && body["kind"] === "Status" && typeof body["message"] === "string")
      throw new AnswerError(body["message"]);
  } catch (error) {
    if (error instanceof AnswerError) throw error;
    if (isGood) {
      const why = `couldn't get version/kind; json parse error: ${(error as Error).message}`;
      throw new AnswerError(why, { cause: error });
    }
  }
  throw new AnswerError(statusWords[statusCode] ?? otherWords(statusCode, text));
}

/** In the words of upstream's client, by which operators look for their cause. */
const statusWords: Readonly<Record<number, string>> = {
  400: "the server rejected our request for an unknown reason",
  401: "the server has asked for the client to provide credentials",
  404: "the server could not find the requested resource",
  405: "the server does not allow this method on the requested resource",
  422: "the server rejected our request due to an error in our request",
  429: "the server has received too many requests and has asked us to try again later",
  503: "the server is currently unable to handle the request",
  504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};

const otherWords = (code: number, text: string): string =>
  code >= 500
    ? `an error on the server (${JSON.stringify(text.slice(0, 2048) || "unknown")}) has prevented the request from succeeding`
    : `the server responded with the status code ${code} but did not return more information`;
