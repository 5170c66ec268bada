import type { FlowSchema, PriorityLevelConfiguration } from "@coracle/shared/api/generated/flowcontrol-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { equal } from "../patch/json.ts";
import { apiserverUser, ensure, servedFor } from "../registry/bootstrap/ensure.ts";
import { keyFor, type Registry } from "../registry/registry.ts";
import { updateObject } from "../registry/update-object.ts";
import { autoUpdate, defaultFlowSchemas, mandatory, priorityLevels } from "./bootstrap.ts";

type Configuration = FlowSchema | PriorityLevelConfiguration;

const everyMs = 60_000;
const settleMs = 500;
const configuration: readonly Configuration[] = [...priorityLevels, ...defaultFlowSchemas];

/** Puts missing objects of the default configuration back, and back in shape those that are to follow it. */
export async function ensureFlowControl(registry: Registry): Promise<void> {
  await Promise.all(configuration.map((object) => keep(registry, object)));
}

/** Sees to the default configuration for as long as the server runs: soon after a change, and every minute. */
export function keepFlowControl(registry: Registry, log: Logger | undefined, signal: AbortSignal): void {
  let soon: NodeJS.Timeout | undefined;
  const look = (): void => {
    soon = undefined;
    ensureFlowControl(registry).catch((error: unknown) => {
      if (!signal.aborted) log?.warn({ err: error }, "the default flow control could not be kept");
    });
  };
  const often = setInterval(look, everyMs).unref();
  const resources = new Set(configuration.map((object) => keyOf(registry, object).resource));
  const unsubscribe = registry.cache.onChange(({ current: { key } }) => {
    if (resources.has(key.resource)) soon ??= setTimeout(look, settleMs).unref();
  });
  const stop = (): void => {
    unsubscribe();
    clearInterval(often);
    clearTimeout(soon);
  };
  signal.addEventListener("abort", stop, { once: true });
}

const keyOf = (registry: Registry, object: Configuration) =>
  keyFor(servedFor(registry, object).kind, "", object.metadata.name ?? "");

async function keep(registry: Registry, wanted: Configuration): Promise<void> {
  const found = registry.cache.get(keyOf(registry, wanted))?.object as Configuration | undefined;
  if (!found) return ensure(registry, wanted);
  if (found.metadata.deletionTimestamp || !differs(found, wanted)) return undefined;
  try {
    await updateObject(registry, {
      served: servedFor(registry, wanted),
      namespace: "",
      name: wanted.metadata.name ?? "",
      subresource: "",
      user: apiserverUser,
      dryRun: false,
      fieldManager: "kube-apiserver",
      warn: () => undefined,
      retry: false,
      change: (current) => corrected(current.object, wanted),
    });
  } catch (error) {
    // Another server, or the object's owner, was there first: it is looked at again after that change.
    if (!(error instanceof ApiError && (error.reason === "Conflict" || error.reason === "NotFound")))
      throw error;
  }
}

/** Mandatory objects follow the defaults; of the suggested ones those that say so, or that nobody has touched. */
function follows({ metadata }: Configuration): boolean {
  if (mandatory.has(metadata.name ?? "")) return true;
  const said = metadata.annotations?.[autoUpdate];
  return said === undefined ? metadata.generation === 1 : said === "true";
}

const differs = (found: Configuration, wanted: Configuration): boolean =>
  found.metadata.annotations?.[autoUpdate] !== String(follows(found)) ||
  (follows(found) && !equal(found.spec, specOf(found, wanted)));

/** What of a mandatory priority level may be tuned stays as it is. */
const specOf = (found: Configuration, wanted: Configuration): Configuration["spec"] =>
  wanted.spec && "exempt" in wanted.spec && found.spec && "exempt" in found.spec
    ? { ...wanted.spec, exempt: found.spec.exempt }
    : wanted.spec;

function corrected(found: Configuration, wanted: Configuration): KubeObject {
  const object = structuredClone(found) as KubeObject & Configuration;
  const follow = follows(found);
  object.metadata.annotations = { ...object.metadata.annotations, [autoUpdate]: String(follow) };
  if (follow) object["spec"] = structuredClone(specOf(found, wanted));
  return object;
}
