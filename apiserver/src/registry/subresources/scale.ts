import type { Scale } from "@coracle/shared/api/generated/autoscaling-v1.ts";
import { badRequest } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { ageColumn, integerColumn, nameColumn } from "../../kinds/shared/columns.ts";
import { clone } from "../../patch/json.ts";
import type { ApiResponse } from "../../request.ts";
import type { CachedObject } from "../../watch/cache.ts";
import { invalidValue, path } from "../field.ts";
import { readNamed } from "../get.ts";
import type { Kind, ScaleDescription } from "../kind.ts";
import { writeOptions, type WriteOptions } from "../options.ts";
import { patchTypeOf, readPatch } from "../patch.ts";
import { decodeBody, readBody } from "../read-body.ts";
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
  return write(registry, call, { options, retry, wanted: () => body });
}

async function patch(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, warn } = call;
  const options = writeOptions(request, "PatchOptions");
  const type = patchTypeOf(request.headers["content-type"]);
  // Nobody owns the parts of a Scale: applying one is merging it.
  const plain = type === "apply" ? "merge" : type;
  const { change, problems } = readPatch({ ...call, served }, plain, options.fieldValidation);
  const reader = { resources: registry.resources, warn };
  const wanted = (current: CachedObject): Scale => {
    const value = change(scaleOf(call.served.kind, current).object);
    return decodeBody({ value, duplicates: problems }, served, options.fieldValidation, reader);
  };
  return write(registry, call, { options, retry: true, wanted });
}

interface Writing {
  readonly options: WriteOptions;
  readonly retry: boolean;
  readonly wanted: (current: CachedObject) => Scale;
}

async function write(
  registry: Registry,
  call: Call,
  { options, retry, wanted }: Writing,
): Promise<ApiResponse> {
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
    retry,
    change: (current) => {
      const { metadata, spec } = wanted(current);
      const replicas = spec?.replicas ?? 0;
      if (replicas < 0) {
        const at = path("spec", "replicas");
        refuseInvalid(served.kind, info.name, [
          invalidValue(at, replicas, "must be greater than or equal to 0"),
        ]);
      }
      const object = clone(current.object);
      object.metadata.resourceVersion = metadata?.resourceVersion;
      describe(kind).setReplicas(object as never, replicas);
      return object;
    },
  });
  return respondObject(request, served, scaleOf(kind, item));
}
