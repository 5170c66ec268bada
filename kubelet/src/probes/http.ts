import type { HTTPGetAction } from "@coracle/shared/api/generated/core-v1.ts";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { failure, success, warning, type ProbeResult } from "./result.ts";

/** As much of an answer's body as the event may show. */
const maxBodyBytes = 10 * 1024;
const maxRedirects = 10;

export interface HttpTarget {
  readonly host: string;
  readonly port: number;
}

async function readBody(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of response) {
    text += String(part);
    if (text.length > maxBodyBytes) break;
  }
  return text.slice(0, maxBodyBytes);
}

function get(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    // Certificates are not verified: the probe asks whether the server answers, not who it is (as upstream).
    const options = { method: "GET", headers, signal, agent: false as const, rejectUnauthorized: false };
    const request =
      url.protocol === "https:" ? httpsRequest(url, options, resolve) : httpRequest(url, options, resolve);
    request.on("error", reject);
    request.end();
  });
}

/** 200 to 399 is success. A redirect is followed on the same host; one elsewhere counts as success with a warning (as upstream). */
export async function probeHttp(
  action: HTTPGetAction,
  target: HttpTarget,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const scheme = (action.scheme ?? "HTTP").toLowerCase();
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  let url = new URL(action.path ?? "/", `${scheme}://${host}:${target.port}`);
  const headers: Record<string, string> = {
    "user-agent": "kube-probe/1.36",
    accept: "*/*",
    connection: "close",
  };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  try {
    for (let left = maxRedirects; left >= 0; left--) {
      const response = await get(url, headers, signal);
      const status = response.statusCode ?? 0;
      const { location } = response.headers;
      if (status >= 300 && status < 400 && location && status !== 304) {
        const next = new URL(location, url);
        if (next.hostname !== url.hostname)
          return warning(`Probe terminated redirects, Response body: ${await readBody(response)}`);
        response.resume();
        url = next;
        continue;
      }
      const body = await readBody(response);
      return status >= 200 && status < 400
        ? success(body)
        : failure(`HTTP probe failed with statuscode: ${status}`);
    }
    return failure("stopped after 10 redirects");
  } catch (error) {
    return failure(
      signal.aborted
        ? `Get "${url.href}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`
        : `Get "${url.href}": ${describe(error)}`,
    );
  }
}

/** How a failure ends when a server without TLS was asked for it. */
export const PLAIN_ANSWER = "http: server gave HTTP response to HTTPS client";

/** The usual failures in the words a reader of events knows. */
export function describe(error: unknown): string {
  const { code, address, port, message } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  const dial = address ? `dial tcp ${address}:${port}: ` : "";
  if (code === "ECONNREFUSED") return `${dial}connect: connection refused`;
  if (code === "EHOSTUNREACH") return `${dial}connect: no route to host`;
  if (
    /wrong version number|packet length too long|http request/.test(message) &&
    code?.match(/EPROTO|ERR_SSL/)
  )
    return PLAIN_ANSWER;
  if (code === "ECONNRESET") return "read: connection reset by peer";
  return message;
}
