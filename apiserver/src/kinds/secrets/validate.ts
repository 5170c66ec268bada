import type { Secret } from "@coracle/shared/api/generated/core-v1.ts";
import { immutable, invalidValue, path, required, tooLong, type FieldError } from "../../registry/field.ts";
import { base64Bytes, maxDataBytes, validateFrozen } from "../configmaps/kind.ts";
import { check, dataKey } from "../shared/names.ts";

const data = path("data");

export function validateSecret(secret: Secret): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    errors.push(...check(dataKey, key, data.key(key)));
    size += base64Bytes(value);
  }
  if (size > maxDataBytes) errors.push(tooLong(data, maxDataBytes));
  return [...errors, ...validateForType(secret)];
}

function validateForType(secret: Secret): FieldError[] {
  switch (secret.type) {
    case "kubernetes.io/service-account-token":
      return secret.metadata.annotations?.["kubernetes.io/service-account.name"]
        ? []
        : [required(path("metadata", "annotations").key("kubernetes.io/service-account.name"))];
    case "kubernetes.io/dockercfg":
      return jsonKey(secret, ".dockercfg");
    case "kubernetes.io/dockerconfigjson":
      return jsonKey(secret, ".dockerconfigjson");
    case "kubernetes.io/basic-auth":
      return hasKey(secret, "username") || hasKey(secret, "password")
        ? []
        : [required(data.key("username")), required(data.key("password"))];
    case "kubernetes.io/ssh-auth":
      return base64Bytes(secret.data?.["ssh-privatekey"] ?? "") === 0
        ? [required(data.key("ssh-privatekey"))]
        : [];
    case "kubernetes.io/tls":
      return ["tls.crt", "tls.key"].flatMap((key) => (hasKey(secret, key) ? [] : [required(data.key(key))]));
    default:
      return [];
  }
}

const hasKey = (secret: Secret, key: string): boolean => secret.data?.[key] !== undefined;

/** A registry's credentials must be JSON; the message must not repeat them. */
function jsonKey(secret: Secret, key: string): FieldError[] {
  const value = secret.data?.[key];
  if (value === undefined) return [required(data.key(key))];
  const problem = objectProblem(Buffer.from(value, "base64").toString());
  return problem ? [invalidValue(data.key(key), "<secret contents redacted>", problem)] : [];
}

/** Says no more of the text than that it is not a JSON object. */
function objectProblem(text: string): string | undefined {
  if (text.trim() === "") return "unexpected end of JSON input";
  try {
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === "object" && !Array.isArray(value);
    return isObject
      ? undefined
      : "json: cannot unmarshal value into Go value of type map[string]interface {}";
  } catch {
    return "invalid character in JSON input";
  }
}

export function validateSecretUpdate(secret: Secret, old: Secret): FieldError[] {
  const errors = secret.type === old.type ? [] : [immutable(path("type"), secret.type ?? "")];
  return [...errors, ...validateFrozen(secret, old), ...validateSecret(secret)];
}
