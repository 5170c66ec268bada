/** Groups of the API that other servers answer for. Every API server follows APIServices through its own watch cache. */
import type { Agent } from "node:http";
import type { APIService } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { ApiError, serviceUnavailable } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { createWorkQueue } from "@coracle/shared/workqueue/work-queue.ts";
import type { WorkQueue } from "@coracle/shared/workqueue/queue.ts";
import { apiServices } from "../kinds/apiservices/kind.ts";
import { equal } from "../patch/json.ts";
import type { Registry } from "../registry/registry.ts";
import type { ApiRequest, ApiResponse, UserInfo } from "../request.ts";
import type { CacheEvent } from "../watch/cache.ts";
import { availabilityOf, isLocal, passed, tellAvailability, unavailable } from "./availability.ts";
import { forward } from "./forward.ts";
import type { FrontProxy } from "./front-proxy.ts";
import { registerLocal } from "./local.ts";
import type { Reach } from "./reach.ts";
import { readDocuments, type ReadDocument } from "./remote-documents.ts";
import { resourcesIn } from "./remote-kinds.ts";
import { createRemoteTable, type RemoteTable, type RemoteVersion } from "./remote-table.ts";
import { tlsAgent } from "./tls-agent.ts";

export interface AggregationParts {
  readonly registry: Registry;
  readonly reach: Reach;
  readonly frontProxy?: FrontProxy | undefined;
  /** Makes APIServices of what this server serves itself. */
  readonly registerLocal: boolean;
  readonly log?: Logger | undefined;
  readonly signal: AbortSignal;
}

/** Answers requests that are another server's to answer; undefined for all others. */
export type Aggregate = (request: ApiRequest, user: UserInfo) => Promise<ApiResponse> | undefined;

interface Remote extends RemoteVersion {
  readonly agent: Agent;
  readonly host: string;
}

const { storage } = apiServices;
/** How often a server that nothing is heard of is asked whether it is still there. */
const recheckMs = 30_000;
const localKey = "";
const aggregator: UserInfo = { username: "system:kube-aggregator", groups: ["system:masters"] };

export function startAggregation(parts: AggregationParts): Aggregate {
  const { registry, signal } = parts;
  /** By `group/version`. */
  const remotes = new Map<string, Remote>();
  const table = createRemoteTable(registry.resources, remotes);
  const queue = createWorkQueue();

  const follow = (name: string, service: APIService): void => {
    setRemote(parts, remotes, service);
    table.show(service.spec?.group ?? "");
    queue.add(name);
  };
  const unsubscribe = registry.cache.onChange(({ type, current, previous }: CacheEvent) => {
    const { resource, name } = current.key;
    if (resource === storage) {
      const service = current.object as APIService;
      if (type === "DELETED") {
        dropRemote(remotes, groupVersion(service));
        table.show(service.spec?.group ?? "");
        queue.add(localKey);
      } else if (!previous || !equal((previous.object as APIService).spec, service.spec))
        follow(name, service);
      return;
    }
    if (remotes.size > 0 && (resource === "services" || resource === "endpointslices.discovery.k8s.io"))
      for (const { service } of remotes.values())
        if (service.spec?.service?.namespace === current.key.namespace)
          queue.add(service.metadata.name ?? "");
  });
  for (const item of registry.cache.all(storage)) follow(item.key.name, item.object);
  const forgetTable = registry.resources.onChange(() => queue.add(localKey));
  queue.add(localKey);
  const stop = (): void => {
    unsubscribe();
    forgetTable();
    queue.shutDown();
  };
  signal.addEventListener("abort", stop, { once: true });
  void work(parts, { remotes, table }, queue);
  return (request, user) => {
    if (remotes.size === 0) return undefined;
    const remote = remotes.get(remoteKey(request.path));
    // A server that has no such document lets this one make up for it.
    if (!remote || (request.path.startsWith("/openapi/") && remote.documents?.v3 === undefined))
      return undefined;
    return proxy(registry, remote, request, user);
  };
}

const groupVersion = ({ spec }: APIService): string => `${spec?.group ?? ""}/${spec?.version ?? ""}`;

/** `/apis/<group>/<version>/…`, and the group's part of the OpenAPI document. */
function remoteKey(path: string): string {
  const parts = path.split("/");
  if (parts[1] === "apis") return `${parts[2]}/${parts[3]}`;
  return parts[1] === "openapi" && parts[2] === "v3" && parts[3] === "apis" ? `${parts[4]}/${parts[5]}` : "";
}

function setRemote(
  { reach, frontProxy }: AggregationParts,
  remotes: Map<string, Remote>,
  service: APIService,
): void {
  const key = groupVersion(service);
  const { namespace = "", name = "", port = 443 } = service.spec?.service ?? {};
  if (!service.spec?.service) {
    dropRemote(remotes, key);
    return;
  }
  const known = remotes.get(key);
  const serverName = `${name}.${namespace}.svc`;
  const agent = tlsAgent({
    open: (signal) => reach.toService({ namespace, name, port }, signal),
    serverName,
    ca: service.spec.caBundle,
    insecure: service.spec.insecureSkipTLSVerify,
    client: frontProxy?.client,
  });
  known?.agent.destroy();
  const { resources = [], documents, isStale = false } = known ?? {};
  remotes.set(key, { service, agent, host: `${serverName}:${port}`, resources, documents, isStale });
}

function dropRemote(remotes: Map<string, Remote>, key: string): void {
  remotes.get(key)?.agent.destroy();
  remotes.delete(key);
}

function proxy(
  registry: Registry,
  remote: Remote,
  request: ApiRequest,
  user: UserInfo,
): Promise<ApiResponse> {
  const { agent, host, service } = remote;
  const current = registry.cache.get({ resource: storage, namespace: "", name: service.metadata.name ?? "" });
  if (availabilityOf(current?.object ?? service)?.status !== "True")
    throw serviceUnavailable("service unavailable");
  return forward(request, { agent, host, user });
}

interface Known {
  readonly remotes: Map<string, Remote>;
  readonly table: RemoteTable;
}

async function work(parts: AggregationParts, known: Known, queue: WorkQueue): Promise<void> {
  const { registry, log, signal } = parts;
  const { remotes } = known;
  for (let name = await queue.next(); name !== undefined; name = await queue.next()) {
    try {
      if (name !== localKey) await reconcile(parts, known, { name, queue });
      else if (parts.registerLocal) await registerLocal(registry, (other) => isRemoteName(remotes, other));
      queue.forget(name);
    } catch (error) {
      if (!signal.aborted) {
        log?.warn({ err: error, apiService: name }, "an APIService could not be brought up to date");
        queue.addRateLimited(name);
      }
    }
    queue.done(name);
  }
}

const isRemoteName = (remotes: ReadonlyMap<string, Remote>, name: string): boolean =>
  [...remotes.values()].some(({ service }) => service.metadata.name === name);

/** Asks a server what it has, which is also the proof that it answers. */
async function reconcile(
  { registry, reach, signal }: AggregationParts,
  { remotes, table }: Known,
  { name, queue }: { readonly name: string; readonly queue: WorkQueue },
): Promise<void> {
  const service = registry.cache.get({ resource: storage, namespace: "", name })?.object as
    | APIService
    | undefined;
  if (!service) return;
  const { service: target, group = "", version = "" } = service.spec ?? {};
  if (!target) {
    await tellAvailability(registry, name, isLocal);
    return;
  }
  const remote = remotes.get(groupVersion(service));
  if (!remote) return;
  queue.addAfter(name, recheckMs);
  try {
    reach.check({ namespace: target.namespace ?? "", name: target.name ?? "", port: target.port ?? 443 });
    remote.resources = resourcesIn(await readJson(remote, `/apis/${group}/${version}`, signal));
    remote.isStale = false;
    const read: ReadDocument = (path) => readJson(remote, path, signal).catch(() => undefined);
    remote.documents = await readDocuments(read, { group, version }, remote.documents);
    table.show(group);
    await tellAvailability(registry, name, passed);
  } catch (error) {
    // One that has been replaced meanwhile was cut off, which says nothing of the other.
    if (signal.aborted || remotes.get(groupVersion(service)) !== remote) return;
    remote.isStale = true;
    table.show(group);
    await tellAvailability(registry, name, unavailable(service, error));
  }
}

async function readJson({ agent, host }: Remote, path: string, signal: AbortSignal): Promise<unknown> {
  const request: ApiRequest = {
    method: "GET",
    path,
    query: new URLSearchParams(),
    headers: { accept: "application/json" },
    body: new Uint8Array(),
    remoteAddress: "127.0.0.1",
    signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
  };
  const { status, body } = await forward(request, { agent, host, user: aggregator });
  const chunks: Uint8Array[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(chunk);
  if (status < 200 || status > 299) throw new ApiError(status, "", `bad status from ${path}: ${status}`);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
}
