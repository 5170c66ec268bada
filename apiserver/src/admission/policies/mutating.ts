/** MutatingAdmissionPolicy: changes to writes as expressions. */
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from "@coracle/shared/api/generated/admissionregistration-v1.ts";
import { ApiError, forbidden } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { fromCel } from "@coracle/shared/cel/values.ts";
import { applyJsonPatch } from "../../patch/json-patch.ts";
import { clone, equal, isObject } from "../../patch/json.ts";
import { mergeTyped } from "../../patch/merge-typed.ts";
import type { ResourceTable } from "../../registry/resources.ts";
import { setDefaults } from "../../registry/strategy.ts";
import { nameOf, type AdmissionContext, type AdmissionPlugin, type Attributes } from "../plugin.ts";
import { versionOf } from "../webhooks/match.ts";
import { checked, shownIn, shownNode } from "../webhooks/versions.ts";
import { evaluateConditions, expressionOf, sceneVariables, withParams, type Variables } from "./compiled.ts";
import { matchPolicies, mayConcern, paramsOf, type MatchedPolicy } from "./matched.ts";

const group = "admissionregistration.k8s.io";
const storages = {
  policies: `mutatingadmissionpolicies.${group}`,
  bindings: `mutatingadmissionpolicybindings.${group}`,
};

type Matched = MatchedPolicy<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>;

/** What each policy left behind in the first round of a write. */
const rounds = new WeakMap<Attributes, ReadonlyMap<string, KubeObject>>();

export function createMutatingPolicies(resources: () => ResourceTable): AdmissionPlugin {
  return {
    name: "MutatingAdmissionPolicy",
    handles: mayConcern,
    mutate: (attributes, ctx) => {
      if (!attributes.object || attributes.operation === "DELETE") return undefined;
      for (const _ of ctx.cache.all(storages.policies)) return run(resources(), attributes, ctx);
      return undefined;
    },
  };
}

async function run(
  resources: ResourceTable,
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<void | "changed"> {
  const before = rounds.get(attributes);
  const left = new Map<string, KubeObject>();
  let changed = false;
  const matched = await matchPolicies<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding>(
    storages,
    attributes,
    ctx,
  );
  for (const one of matched) {
    const previous = before?.get(one.name);
    if (before && !isReinvoked(one, attributes, previous)) continue;
    if (await apply(resources, one, attributes, ctx)) changed = true;
    if (attributes.object) left.set(one.name, clone(attributes.object));
  }
  if (!before) rounds.set(attributes, left);
  return changed && !before ? "changed" : undefined;
}

const isReinvoked = ({ policy }: Matched, { object }: Attributes, left: KubeObject | undefined): boolean =>
  policy.spec?.reinvocationPolicy === "IfNeeded" && left !== undefined && !equal(left, object);

/** Carries out a policy, once for each binding and each parameter. @returns whether the object is another now */
async function apply(
  resources: ResourceTable,
  { policy, name, version, bindings }: Matched,
  attributes: Attributes,
  ctx: AdmissionContext,
): Promise<boolean> {
  const { spec = {} } = policy;
  const { oldObject } = attributes;
  let changed = false;
  for (const binding of bindings) {
    try {
      const query = { kind: spec.paramKind, ref: binding.spec?.paramRef, namespace: attributes.namespace };
      for (const params of await paramsOf(resources, ctx, query)) {
        if (!attributes.object) continue;
        const shown = await shownIn(resources, attributes, attributes.object, version);
        const old = oldObject && (await shownIn(resources, attributes, oldObject, version));
        const declared = spec.variables ?? [];
        const scene = { attributes, version, object: shown, oldObject: old, declared };
        const variables = withParams(await sceneVariables(scene, ctx), params, declared);
        const verdict = evaluateConditions(spec.matchConditions, variables);
        if (!verdict.matches) {
          if (verdict.error !== undefined) throw new Error(verdict.error);
          continue;
        }
        const mutated = await mutate(resources, { attributes, version, shown }, { spec, params, ctx });
        const next = await shownIn(resources, attributes, mutated, versionOf(attributes));
        if (!attributes.body) setDefaults(attributes.kind, next);
        if (equal(next, attributes.object)) continue;
        attributes.object = next;
        changed = true;
      }
    } catch (error) {
      if (spec.failurePolicy !== "Ignore")
        throw refusal(attributes, { policy: name, binding, message: (error as Error).message });
    }
  }
  return changed;
}

interface Mutating {
  readonly attributes: Attributes;
  readonly version: string;
  readonly shown: KubeObject;
}

interface With {
  readonly spec: NonNullable<MutatingAdmissionPolicy["spec"]>;
  readonly params: KubeObject | null;
  readonly ctx: AdmissionContext;
}

/** Mutations one after the other; each sees what those before it have made. */
async function mutate(
  resources: ResourceTable,
  { attributes, version, shown }: Mutating,
  { spec, params, ctx }: With,
): Promise<KubeObject> {
  let object = shown;
  for (const mutation of spec.mutations ?? []) {
    const declared = spec.variables ?? [];
    const scene = { attributes, version, object, oldObject: attributes.oldObject, declared };
    const variables = withParams(await sceneVariables(scene, ctx), params, declared);
    object = checked(resources, attributes, {
      ...mutateOnce(resources, { attributes, version, object }, mutation, variables),
    });
  }
  return object;
}

interface State {
  readonly attributes: Attributes;
  readonly version: string;
  readonly object: KubeObject;
}

function mutateOnce(
  resources: ResourceTable,
  { attributes, version, object }: State,
  mutation: Mutation,
  variables: Variables,
): KubeObject {
  if (mutation.patchType === "JSONPatch") {
    const operations = fromCel(expressionOf(mutation.jsonPatch?.expression ?? "").run(variables));
    return applyJsonPatch(object, operations) as KubeObject;
  }
  const configuration = fromCel(expressionOf(mutation.applyConfiguration?.expression ?? "").run(variables));
  if (!isObject(configuration)) throw new Error("must evaluate to Object but got another type");
  for (const field of ["apiVersion", "kind"])
    if (field in configuration) throw new Error(`may not modify ${field}`);
  const node = shownNode(resources, attributes, version);
  return clone(mergeTyped(node, object, configuration)) as KubeObject;
}

function refusal(
  attributes: Attributes,
  { policy, binding, message }: { policy: string; binding: MutatingAdmissionPolicyBinding; message: string },
): ApiError {
  const { kind } = attributes;
  const why = `MutatingAdmissionPolicy '${policy}' with binding '${binding.metadata.name}' denied request: ${message}`;
  const error = forbidden({ group: kind.group, resource: kind.plural }, nameOf(attributes), why);
  return new ApiError(422, "Invalid", error.message, { ...error.status.details, causes: [{ message: why }] });
}
