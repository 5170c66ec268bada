/** Conversion between versions by a webhook. */
import { randomUUID } from "node:crypto";
import type {
  ConversionReview,
  CustomResourceDefinition,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import { ApiError } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { equal, isObject } from "../patch/json.ts";
import type { CallWebhook } from "../admission/webhooks/call.ts";

/** Objects of a definition in another version, in the same order. @throws ApiError 500 */
export type Convert = (
  crd: CustomResourceDefinition,
  apiVersion: string,
  objects: readonly KubeObject[],
) => Promise<readonly KubeObject[]>;

const timeoutMs = 30_000;

export function createConvert(call: CallWebhook, signal: AbortSignal): Convert {
  return async (crd, apiVersion, objects) => {
    if (objects.length === 0) return [];
    const webhook = crd.spec.conversion?.webhook;
    // Upstream passes this on as it is: a 500 without a reason.
    const failed = (why: string): Error =>
      new ApiError(
        500,
        "",
        `conversion webhook for ${objects[0]?.apiVersion}, Kind=${crd.spec.names.kind} failed: ${why}`,
      );
    if (!webhook?.clientConfig) throw failed("there is no client configuration");
    const reviewVersion = webhook.conversionReviewVersions.find((v) => v === "v1" || v === "v1beta1") ?? "v1";
    const uid = randomUUID();
    const review = {
      kind: "ConversionReview",
      apiVersion: `apiextensions.k8s.io/${reviewVersion}`,
      request: { uid, desiredAPIVersion: apiVersion, objects },
    };
    let answer: unknown;
    try {
      answer = await call(webhook.clientConfig, review, { timeoutMs, signal });
    } catch (error) {
      throw failed((error as Error).message.replace(/^failed to call webhook: /, ""));
    }
    return readAnswer(answer, { uid, apiVersion, objects, failed });
  };
}

interface Asked {
  readonly uid: string;
  readonly apiVersion: string;
  readonly objects: readonly KubeObject[];
  readonly failed: (why: string) => Error;
}

function readAnswer(answer: unknown, { uid, apiVersion, objects, failed }: Asked): KubeObject[] {
  const { response } = (isObject(answer) ? answer : {}) as ConversionReview;
  if (!response) throw failed("the response is empty");
  if (response.uid !== uid)
    throw failed(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid)}`);
  if (response.result?.status !== "Success") throw failed(response.result?.message ?? "no reason was given");
  const converted = response.convertedObjects ?? [];
  if (converted.length !== objects.length) {
    throw failed(`webhook returned ${converted.length} objects, expected ${objects.length}`);
  }
  return converted.map((object, i) =>
    restoreMetadata(object, objects[i] as KubeObject, { apiVersion, i, failed }),
  );
}

/** A webhook may change labels and annotations, and nothing else of the metadata. */
function restoreMetadata(
  value: unknown,
  original: KubeObject,
  { apiVersion, i, failed }: { apiVersion: string; i: number; failed: (why: string) => Error },
): KubeObject {
  if (!isObject(value) || !isObject(value["metadata"]))
    throw failed(`invalid converted object at index ${i}: it must have metadata of type object`);
  const object = value as unknown as KubeObject;
  if (object.apiVersion !== apiVersion)
    throw failed(
      `returned object at index ${i} with invalid apiVersion: ${object.apiVersion}, expected ${apiVersion}`,
    );
  if (object.kind !== original.kind)
    throw failed(
      `returned object at index ${i} with invalid kind: ${object.kind}, expected ${original.kind}`,
    );
  for (const field of ["name", "namespace", "uid"] as const) {
    if (!equal(object.metadata[field], original.metadata[field]))
      throw failed(`invalid converted object at index ${i}: metadata.${field} changed`);
  }
  const { labels, annotations } = object.metadata;
  const { labels: _labels, annotations: _annotations, ...rest } = original.metadata;
  return {
    ...object,
    metadata: { ...rest, ...(labels ? { labels } : {}), ...(annotations ? { annotations } : {}) },
  };
}
