/** An HTTP hook: it succeeds when it is delivered, whatever the answer says. */
import type { HTTPGetAction } from "@coracle/shared/api/generated/core-v1.ts";
import { PLAIN_ANSWER } from "../probes/http.ts";
import { runProbe, type ProbeTarget } from "../probes/probe.ts";
import type { Runtime } from "../runtime/runtime.ts";

/** No hook has a time limit of its own; the caller's signal is one. */
const UNLIMITED_SECONDS = 86_400;
const AGENT = { name: "User-Agent", value: "kube-lifecycle/1.36" };

export interface HttpHook {
  readonly action: HTTPGetAction;
  readonly target: ProbeTarget;
  readonly runtime: Pick<Runtime, "exec">;
  /** It was meant for a server with TLS, and delivered to one without. */
  readonly onPlain: () => void;
}

/** Why it could not be delivered; undefined when it was. Aborting the signal is an error. */
export async function deliver(hook: HttpHook, signal: AbortSignal): Promise<string | undefined> {
  const first = await attempt(hook, hook.action, signal);
  if (first === undefined || !first.endsWith(PLAIN_ANSWER)) return first;
  // As upstream, for manifests from before hooks heeded the scheme. What is secret is not sent in the clear.
  const httpHeaders = hook.action.httpHeaders?.filter(({ name }) => name.toLowerCase() !== "authorization");
  const plain = { ...hook.action, scheme: "HTTP", ...(httpHeaders ? { httpHeaders } : {}) };
  if ((await attempt(hook, plain, signal)) !== undefined) return first;
  hook.onPlain();
  return undefined;
}

async function attempt(
  { target, runtime }: HttpHook,
  action: HTTPGetAction,
  signal: AbortSignal,
): Promise<string | undefined> {
  const httpGet = { ...action, httpHeaders: [AGENT, ...(action.httpHeaders ?? [])] };
  const result = await runProbe({ httpGet, timeoutSeconds: UNLIMITED_SECONDS }, target, runtime, signal);
  signal.throwIfAborted();
  const delivered = result.outcome !== "failure" || /statuscode/.test(result.message);
  return delivered ? undefined : result.message;
}
