import type { Binding, Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { badRequest, conflict } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../../request.ts";
import { admitMutate, admitValidate } from "../admission.ts";
import { timestamp } from "../create-object.ts";
import { notSupported, path, required, type FieldError } from "../field.ts";
import type { Call, Registry } from "../registry.ts";
import { rewriteObject } from "../rewrite.ts";
import { refuseInvalid } from "../strategy.ts";
import { bodyKind, readAction } from "./body-kind.ts";
import { respondSuccess } from "./success.ts";

export const bindingBody = bodyKind("", "v1", "Binding");
const bindingKind = { group: "", version: "v1", kind: "Binding" };
const pods = { group: "", resource: "pods" };

/** POST pods/x/binding, and POST of a Binding: gives a pod its node. */
export async function bind(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, info, user, warn } = call;
  const { body, options } = readAction(registry, call, bindingBody);
  const podName = info.resource === "pods" ? info.name : (body.metadata.name ?? "");
  if (body.metadata.name && body.metadata.name !== podName) {
    throw badRequest(
      `the name of the object (${body.metadata.name}) does not match the name on the URL (${podName})`,
    );
  }
  body.metadata.name = podName;
  body.metadata.namespace = info.namespace;
  const kind = registry.resources.byStorage("pods");
  if (!kind) throw new Error("pods are not served");
  refuseInvalid(bindingBody.kind, podName, validateBinding(body as Binding));
  const scope = {
    operation: "CREATE" as const,
    kind,
    subresource: "binding",
    namespace: info.namespace,
    name: podName,
    user,
    dryRun: options.dryRun,
    options: options.given,
    body: bindingKind,
    version: call.served.version,
    warn,
  };
  const binding = (await admitMutate(registry, scope, body)) as Binding;
  await admitValidate(registry, scope, body);
  await rewriteObject(registry, {
    kind,
    namespace: info.namespace,
    name: podName,
    dryRun: options.dryRun,
    change: (object) => assign(object, binding, registry.now()),
  });
  return respondSuccess(request, 201);
}

function validateBinding({ target }: Binding): FieldError[] {
  const at = path("target");
  const errors: FieldError[] = [];
  if (target.kind && target.kind !== "Node")
    errors.push(notSupported(at.child("kind"), target.kind, ["Node", "<empty>"]));
  if (!target.name) errors.push(required(at.child("name")));
  return errors;
}

/** @throws ApiError 409 for a pod that has a node or is on its way out */
function assign(pod: Pod, { metadata, target }: Binding, now: Date): void {
  const name = pod.metadata.name ?? "";
  if (metadata.uid && metadata.uid !== pod.metadata.uid) {
    throw conflict(
      pods,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${pod.metadata.uid}`,
    );
  }
  if (pod.metadata.deletionTimestamp)
    throw bindingConflict(name, `pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec?.nodeName)
    throw bindingConflict(
      name,
      `pod ${name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`,
    );
  if (pod.spec?.schedulingGates?.length)
    throw bindingConflict(name, `pod ${name} has non-empty .spec.schedulingGates`);
  if (!pod.spec) throw badRequest("the pod has no spec");
  pod.spec.nodeName = target.name ?? "";
  pod.metadata.annotations = { ...pod.metadata.annotations, ...metadata.annotations };
  if (Object.keys(pod.metadata.annotations).length === 0) delete pod.metadata.annotations;
  pod.metadata.labels = { ...pod.metadata.labels, ...metadata.labels };
  if (Object.keys(pod.metadata.labels).length === 0) delete pod.metadata.labels;
  const condition = {
    type: "PodScheduled",
    observedGeneration: pod.metadata.generation,
    status: "True",
    lastProbeTime: undefined,
    lastTransitionTime: timestamp(now),
  };
  const others = (pod.status?.conditions ?? []).filter((c) => c.type !== "PodScheduled");
  // A promise of a node is kept, or void, once the pod has one (KEP-5278).
  const { nominatedNodeName: _promise, ...status } = pod.status ?? {};
  pod.status = { ...status, conditions: [...others, condition] };
}

const bindingConflict = (name: string, why: string) =>
  conflict({ group: "", resource: "pods/binding" }, name, why);
