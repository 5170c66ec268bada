import type { Scale } from "@coracle/shared/api/generated/autoscaling-v1.ts";
import { badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { ageColumn, integerColumn, nameColumn } from "../../kinds/shared/columns.ts";
import { checkConfiguration } from "../../patch/apply.ts";
import { clone } from "../../patch/json.ts";
import type { ApiResponse } from "../../request.ts";
import type { CachedObject } from "../../watch/cache.ts";
import { merge, readApplied } from "../apply.ts";
import { invalidValue, path } from "../field.ts";
import { readNamed } from "../get.ts";
import type { Kind, ScaleDescription } from "../kind.ts";
import { writeOptions, type WriteOptions } from "../options.ts";
import { patchTypeOf, readPatch } from "../patch.ts";
import { decodeBody, fromStorage, readBody } from "../read-body.ts";
import type { Call, Registry } from "../registry.ts";
import { respondObject } from "../respond.ts";
import { refuseInvalid } from "../strategy.ts";
import { updateObject, type AdmissionView } from "../update-object.ts";
import { bodyKind } from "./body-kind.ts";
import type { Subresource } from "./subresource.ts";

const served = bodyKind("autoscaling", "v1", "Scale", [
  nameColumn,
  integerColumn<Scale>("Desired", (s) => s.spec?.replicas ?? 0),
  integerColumn<Scale>("Available", (s) => s.status?.replicas ?? 0),
  ageColumn,
]);

const scaleKind = { group: "autoscaling", version: "v1", kind: "Scale" };

/** The number of replicas of anything that has one, apart from the rest of it. */
export const scale: Subresource = {
  verbs: { get, update, patch },
  kind: scaleKind,
};

function describe(kind: Kind): ScaleDescription {
  if (!kind.scale) throw new Error(`${kind.kind} has no scale`);
  return kind.scale;
}

/** What a stored object is as a Scale. */
function scaleOf(kind: Kind, item: CachedObject): CachedObject {
  const object = scaleObject(kind, item.object);
  return { key: item.key, revision: item.revision, object, json: () => Buffer.from(JSON.stringify(object)) };
}

function scaleObject(kind: Kind, parent: KubeObject): KubeObject {
  const read = describe(kind);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = parent.metadata;
  // Each description takes objects of its own kind, which this is.
  const of = parent as never;
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    // Left out when it is zero, as upstream's type has it.
    spec: read.specReplicas(of) === 0 ? {} : { replicas: read.specReplicas(of) },
    status: { replicas: read.statusReplicas(of), selector: read.selector(of) },
  };
}

/** Who is asked about a change of scale is asked about the Scale. */
const viewOf = (kind: Kind): AdmissionView => ({
  kind: scaleKind,
  show: (object) => (hasReplicas(kind, object) ? scaleObject(kind, object) : undefined),
  take: (object, shown) => describe(kind).setReplicas(object as never, (shown as Scale).spec?.replicas ?? 0),
});

/** A custom resource may be without. */
function hasReplicas(kind: Kind, object: KubeObject): boolean {
  try {
    return typeof describe(kind).specReplicas(object as never) === "number";
  } catch {
    return false;
  }
}

async function get(registry: Registry, call: Call): Promise<ApiResponse> {
  const item = await readNamed(registry, call, call.request.query.get("resourceVersion") ?? "");
  return respondObject(call.request, served, scaleOf(call.served.kind, item));
}

async function update(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, info, warn } = call;
  const options = writeOptions(request, "UpdateOptions");
  const body = readBody(request, served, options.fieldValidation, { resources: registry.resources, warn });
  const { name } = body.metadata;
  if (name && name !== info.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${info.name})`);
  }
  const { resourceVersion } = body.metadata;
  const retry = !resourceVersion || resourceVersion === "0";
  return write(registry, call, { options, retry, change: replace(call, () => body) });
}

async function patch(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, warn } = call;
  const options = writeOptions(request, "PatchOptions");
  const type = patchTypeOf(request.headers["content-type"]);
  if (type === "apply") return apply(registry, call, options);
  const { change, problems } = readPatch({ ...call, served }, type, options.fieldValidation);
  const reader = { resources: registry.resources, warn };
  const wanted = (current: CachedObject): Scale => {
    const value = change(scaleOf(call.served.kind, current).object);
    return decodeBody({ value, duplicates: problems }, served, options.fieldValidation, reader);
  };
  return write(registry, call, { options, retry: true, change: replace(call, wanted) });
}

/** What is applied to a Scale is applied to its object, of which it names one field. */
async function apply(registry: Registry, call: Call, options: WriteOptions): Promise<ApiResponse> {
  const { kind, apiVersion } = call.served;
  const { metadata, spec } = checkConfiguration(
    served.node,
    readApplied(call, options),
    served.apiVersion,
  ) as Scale;
  const config: KubeObject = { apiVersion, kind: kind.kind, metadata: metadata ?? {}, spec: {} };
  describe(kind).setReplicas(config as never, notNegative(call, spec?.replicas ?? 0));
  return write(registry, call, {
    options,
    retry: true,
    tracked: true,
    change: ({ object }) =>
      merge(registry, call, { options, config, live: fromStorage(call.served, object) }),
  });
}

function notNegative({ info }: Call, replicas: number): number {
  if (replicas < 0) {
    const at = path("spec", "replicas");
    refuseInvalid(served.kind, info.name, [invalidValue(at, replicas, "must be greater than or equal to 0")]);
  }
  return replicas;
}

/** The object with the number of replicas that a Scale wants. */
const replace =
  (call: Call, wanted: (current: CachedObject) => Scale) =>
  (current: CachedObject): KubeObject => {
    const { metadata, spec } = wanted(current);
    const object = clone(current.object);
    object.metadata.resourceVersion = metadata?.resourceVersion;
    describe(call.served.kind).setReplicas(object as never, notNegative(call, spec?.replicas ?? 0));
    return object;
  };

interface Writing {
  readonly options: WriteOptions;
  readonly retry: boolean;
  readonly tracked?: boolean;
  readonly change: (current: CachedObject) => KubeObject;
}

async function write(registry: Registry, call: Call, { options, ...writing }: Writing): Promise<ApiResponse> {
  const { request, info, user, warn } = call;
  const { kind } = call.served;
  const { item } = await updateObject(registry, {
    served: call.served,
    namespace: info.namespace,
    name: info.name,
    subresource: "scale",
    user,
    warn,
    dryRun: options.dryRun,
    fieldManager: options.fieldManager,
    options: options.given,
    view: viewOf(kind),
    ...writing,
  });
  return respondObject(request, served, scaleOf(kind, item));
}
