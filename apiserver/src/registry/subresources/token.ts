import type { ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";
import { badRequest, serviceUnavailable } from "@coracle/shared/errors.ts";
import type { ApiResponse } from "../../request.ts";
import { admitMutate, admitValidate } from "../admission.ts";
import { readNamed } from "../get.ts";
import type { Call, Registry } from "../registry.ts";
import { respondWith } from "../respond.ts";
import { bodyKind, readAction } from "./body-kind.ts";
import type { Subresource } from "./subresource.ts";

const served = bodyKind("authentication.k8s.io", "v1", "TokenRequest");

/** POST serviceaccounts/x/token: a token for the account, bound to what the request names. */
export const token: Subresource = {
  verbs: { create },
  kind: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" },
};

async function create(registry: Registry, call: Call): Promise<ApiResponse> {
  const { request, info, user, warn } = call;
  const { body, options } = readAction(registry, call, served);
  if (body.metadata.name && body.metadata.name !== info.name) {
    throw badRequest(`must match the service account name: ${body.metadata.name} is not ${info.name}`);
  }
  if (!registry.identity) throw serviceUnavailable("this server issues no tokens");
  const account = (await readNamed(registry, call)).object as ServiceAccount;
  const scope = {
    operation: "CREATE" as const,
    kind: call.served.kind,
    subresource: "token",
    namespace: info.namespace,
    name: info.name,
    user,
    dryRun: options.dryRun,
    options: options.given,
    body: token.kind,
    version: call.served.version,
    warn,
  };
  const admitted = await admitMutate(registry, scope, body);
  await admitValidate(registry, scope, admitted);
  return respondWith(request, await registry.identity.issueToken(account, admitted), 201);
}
