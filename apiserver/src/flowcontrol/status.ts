import type { FlowSchema, FlowSchemaCondition } from "@coracle/shared/api/generated/flowcontrol-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { Logger } from "@coracle/shared/log.ts";
import { flowSchemas as kind } from "../kinds/flowschemas/kind.ts";
import { priorityLevelConfigurations } from "../kinds/prioritylevelconfigurations/kind.ts";
import { followKind } from "../registry/follow.ts";
import type { Registry } from "../registry/registry.ts";
import { rewriteObject } from "../registry/rewrite.ts";

/** Keeps the condition of every FlowSchema that says whether its priority level exists. */
export function startFlowSchemaStatus(
  registry: Registry,
  log: Logger | undefined,
  signal: AbortSignal,
): void {
  const isWrong = (schema: FlowSchema): boolean =>
    danglingOf(schema)?.status !== wanted(registry, schema).status;
  const reconcile = async (name: string): Promise<void> => {
    const found = registry.cache.get({ resource: kind.storage, namespace: "", name });
    if (!found || !isWrong(found.object)) return;
    const change = (object: object): void => {
      const schema = object as FlowSchema;
      const others = (schema.status?.conditions ?? []).filter((c) => c.type !== "Dangling");
      schema.status = { ...schema.status, conditions: [...others, wanted(registry, schema)] };
    };
    try {
      await rewriteObject(registry, { kind, namespace: "", name, dryRun: false, change });
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === "NotFound")) throw error;
    }
  };
  followKind(registry, {
    kind,
    dependsOn: priorityLevelConfigurations,
    wants: isWrong,
    reconcile,
    log,
    signal,
  });
}

const danglingOf = ({ status }: FlowSchema): FlowSchemaCondition | undefined =>
  status?.conditions?.find((c) => c.type === "Dangling");

function wanted({ cache, now }: Registry, { spec }: FlowSchema): FlowSchemaCondition {
  const name = spec?.priorityLevelConfiguration.name ?? "";
  const exists = cache.get({ resource: priorityLevelConfigurations.storage, namespace: "", name });
  const refers = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
  return {
    type: "Dangling",
    status: exists ? "False" : "True",
    lastTransitionTime: `${now().toISOString().slice(0, 19)}Z`,
    reason: exists ? "Found" : "NotFound",
    message: exists ? `${refers} and it exists` : `${refers} but there is no such object`,
  };
}
