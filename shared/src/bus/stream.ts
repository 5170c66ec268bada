import { headers as natsHeaders, nuid, type NatsConnection, type Subscription } from "nats";
import { ApiError, internalError, serviceUnavailable } from "../errors.ts";
import { createSession, type DuplexChannels, type Session } from "./session.ts";
import { sessionDownSubject, sessionUpSubject, unescapeToken } from "./subjects.ts";

export type { DuplexChannels, Received } from "./session.ts";

const ACCEPT_MS = 10_000;

/** `node-1` of `node.node-1.logs`, still escaped. */
const nodeTokenOf = (subject: string): string => subject.split(".")[1] ?? "";

/**
 * Opens a session on a node's subject (`node.<node>.<verb>`). Aborting `signal` breaks the session off.
 * @throws ApiError 503 when nobody listens there
 */
export async function openStream(
  nc: NatsConnection,
  subject: string,
  open: object,
  signal: AbortSignal,
): Promise<DuplexChannels> {
  signal.throwIfAborted();
  const id = nuid.next();
  const node = nodeTokenOf(subject);
  const name = unescapeToken(node);
  const up = sessionUpSubject(node, id);
  const onAbort = (): void => session.breakOff(serviceUnavailable("the request was aborted"));
  const session: Session = createSession({
    publish: (frame) => nc.publish(up, frame),
    abortOnPeerEnd: false,
    onClosed: () => {
      signal.removeEventListener("abort", onAbort);
      subscription.unsubscribe();
    },
  });
  const down = sessionDownSubject(node, id);
  const subscription: Subscription = nc.subscribe(down, {
    callback: (error, message) => {
      if (error) session.fail(serviceUnavailable(error.message));
      else if (message.headers?.code === 503)
        session.fail(serviceUnavailable(`node ${name} is not connected to the cluster`));
      else session.deliver(message.data);
    },
  });
  signal.addEventListener("abort", onAbort);
  const headers = natsHeaders();
  headers.set("session", id);
  nc.publish(subject, JSON.stringify(open), { reply: down, headers });
  const timer = setTimeout(
    () => session.breakOff(serviceUnavailable(`node ${name} did not answer in time`)),
    ACCEPT_MS,
  );
  try {
    await session.accepted;
  } finally {
    clearTimeout(timer);
  }
  return session;
}

export type StreamHandler = (open: unknown, channels: DuplexChannels) => Promise<void>;

/**
 * Answers sessions opened on `subject`. The handler's return ends the session; what it throws becomes the end status, and is sent
 * on the error channel's behalf to the opener. Returns a function that stops taking new sessions.
 */
export function serveStreams(nc: NatsConnection, subject: string, handler: StreamHandler): () => void {
  const node = nodeTokenOf(subject);
  const subscription = nc.subscribe(subject, {
    callback: (error, message) => {
      const id = error ? "" : message.headers?.get("session");
      if (!id) return;
      let open: unknown;
      try {
        open = message.json();
      } catch {
        return;
      }
      const session = accept(nc, node, id);
      void serve(handler, open, session);
    },
  });
  return () => subscription.unsubscribe();
}

function accept(nc: NatsConnection, node: string, id: string): Session {
  const session: Session = createSession({
    publish: (frame) => nc.publish(sessionDownSubject(node, id), frame),
    abortOnPeerEnd: true,
    onClosed: () => subscription.unsubscribe(),
  });
  const subscription: Subscription = nc.subscribe(sessionUpSubject(node, id), {
    callback: (error, message) => {
      if (error) session.fail(serviceUnavailable(error.message));
      else session.deliver(message.data);
    },
  });
  session.accept();
  return session;
}

async function serve(handler: StreamHandler, open: unknown, session: Session): Promise<void> {
  try {
    await handler(open, session);
    session.end();
  } catch (error) {
    session.end(error instanceof ApiError ? error.status : internalError((error as Error).message).status);
  }
}
