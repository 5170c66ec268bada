/** Whether the server behind an APIService answers. */
import type { APIService, APIServiceCondition } from "@coracle/shared/api/generated/apiregistration-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import { apiServices, localCondition } from "../kinds/apiservices/kind.ts";
import type { Registry } from "../registry/registry.ts";
import { rewriteObject } from "../registry/rewrite.ts";

export type Availability = Pick<APIServiceCondition, "status" | "reason" | "message">;

const { type: _type, ...local } = localCondition;
export const isLocal: Availability = local;
export const passed: Availability = { status: "True", reason: "Passed", message: "all checks passed" };

/** What could not be reached, as a condition. */
export function unavailable(service: APIService, error: unknown): Availability {
  const message = error instanceof Error ? error.message : String(error);
  const { namespace, name } = service.spec?.service ?? {};
  if (error instanceof ApiError && message.includes("not found"))
    return {
      status: "False",
      reason: "ServiceNotFound",
      message: `service/${name} in ${JSON.stringify(namespace)} is not present`,
    };
  if (error instanceof ApiError && message.startsWith("no service port"))
    return {
      status: "False",
      reason: "ServicePortError",
      message: `service/${name} in ${JSON.stringify(namespace)} is not listening on port ${service.spec?.service?.port ?? 443}`,
    };
  if (error instanceof ApiError && message.startsWith("no endpoints"))
    return {
      status: "False",
      reason: "MissingEndpoints",
      message: `endpointslices for service/${name} in ${JSON.stringify(namespace)} have no addresses with port name ""`,
    };
  const { group, version } = service.spec ?? {};
  const url = `https://${name}.${namespace}.svc:${service.spec?.service?.port ?? 443}/apis/${group}/${version}`;
  return {
    status: "False",
    reason: "FailedDiscoveryCheck",
    message: `failing or missing response from ${url}: ${message}`,
  };
}

export const availabilityOf = (service: APIService): APIServiceCondition | undefined =>
  service.status?.conditions?.find((condition) => condition.type === "Available");

/** Writes the condition unless it says so already; any server may do it. */
export async function tellAvailability(
  registry: Registry,
  name: string,
  wanted: Availability,
): Promise<void> {
  const key = { resource: apiServices.storage, namespace: "", name };
  const service = registry.cache.get(key)?.object as APIService | undefined;
  if (!service) return;
  const current = availabilityOf(service);
  if (
    current?.status === wanted.status &&
    current.reason === wanted.reason &&
    current.message === wanted.message
  )
    return;
  const now = `${registry.now().toISOString().slice(0, 19)}Z`;
  await rewriteObject(registry, {
    kind: apiServices,
    namespace: "",
    name,
    dryRun: false,
    change: (object) => {
      const { status } = object as APIService;
      const others = status?.conditions?.filter((condition) => condition.type !== "Available") ?? [];
      const before = status?.conditions?.find((condition) => condition.type === "Available");
      const lastTransitionTime = before?.status === wanted.status ? (before.lastTransitionTime ?? now) : now;
      object["status"] = { conditions: [...others, { type: "Available", lastTransitionTime, ...wanted }] };
    },
  });
}
