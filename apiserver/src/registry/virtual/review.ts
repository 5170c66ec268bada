import { notAcceptable } from "@coracle/shared/errors.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ApiRequest } from "../../request.ts";
import { admitMutate, admitValidate } from "../admission.ts";
import type { Handler } from "../handler.ts";
import { defineKind, type Kind } from "../kind.ts";
import { writeOptions } from "../options.ts";
import { readBody } from "../read-body.ts";
import type { Call, Registry } from "../registry.ts";
import { respondWith } from "../respond.ts";
import type { VirtualKind } from "./virtual-kind.ts";

/** Fills in what the server answers; the object is the request's, and nothing is stored. */
export type Answer = (registry: Registry, call: Call, review: KubeObject) => Promise<void> | void;

export interface ReviewDeclaration {
  readonly group: string;
  readonly kind: string;
  readonly namespaced?: boolean;
  readonly answer: Answer;
}

/** A kind that is a question: POST it, and it comes back with a status. */
export function defineReview({
  group,
  kind: name,
  namespaced = false,
  answer,
}: ReviewDeclaration): VirtualKind {
  const kind: Kind = defineKind<KubeObject>({ group, kind: name, namespaced, verbs: ["create"] });
  const create: Handler = async (registry, call) => {
    const { served, info, user, warn } = call;
    const request = withoutTables(call.request);
    const options = writeOptions(request, "CreateOptions");
    const body = readBody(request, served, options.fieldValidation, { resources: registry.resources, warn });
    const scope = {
      operation: "CREATE" as const,
      kind: served.kind,
      subresource: "",
      namespace: info.namespace,
      name: "",
      user,
      dryRun: options.dryRun,
      options: options.given,
      warn,
    };
    const review = await admitMutate(registry, scope, body);
    await admitValidate(registry, scope, review);
    await answer(registry, call, review);
    return respondWith(request, review, 201);
  };
  return { kind, create };
}

/**
 * The request with what it would take instead of a Table: an answer to a question has no columns.
 * @throws ApiError 406 when it takes nothing else
 */
function withoutTables(request: ApiRequest): ApiRequest {
  const { accept } = request.headers;
  if (!accept?.includes("as=Table")) return request;
  const others = accept.split(",").filter((clause) => !clause.includes("as=Table"));
  if (others.length === 0) throw notAcceptable(["application/json", "application/yaml"]);
  return { ...request, headers: { ...request.headers, accept: others.join(",") } };
}
