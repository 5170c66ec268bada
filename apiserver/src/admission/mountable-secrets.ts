import type { Container, Pod, ServiceAccount } from "@coracle/shared/api/generated/core-v1.ts";

/** @returns what is wrong with a pod whose account allows only the Secrets it lists; undefined when nothing is */
export function notMountable({ spec }: Pod, account: ServiceAccount): string | undefined {
  const listed = new Set((account.secrets ?? []).map((reference) => reference.name));
  const pullable = new Set((account.imagePullSecrets ?? []).map((reference) => reference.name));
  const unlisted = `because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of spec?.volumes ?? []) {
    if (secret && !listed.has(secret.secretName))
      return `volume with secret.secretName=${quote(secret.secretName)} is not allowed ${unlisted} secret`;
  }
  const groups: [string, readonly Container[]][] = [
    ["init container", spec?.initContainers ?? []],
    ["container", spec?.containers ?? []],
  ];
  for (const [what, containers] of groups) {
    for (const container of containers) {
      const found = secretOfEnvironment(container, listed);
      if (found) return `${what} ${container.name} with ${found} is not allowed ${unlisted} secret`;
    }
  }
  const index = (spec?.imagePullSecrets ?? []).findIndex(({ name }) => !pullable.has(name));
  if (index < 0) return undefined;
  const name = quote(spec?.imagePullSecrets?.[index]?.name);
  return `imagePullSecrets[${index}].name=${name} is not allowed ${unlisted} imagePullSecret`;
}

/** The first reference of a container's environment to a Secret that is not listed. */
function secretOfEnvironment(
  container: Container,
  listed: ReadonlySet<string | undefined>,
): string | undefined {
  for (const { secretRef } of container.envFrom ?? []) {
    if (secretRef && !listed.has(secretRef.name))
      return `envFrom referencing secret.secretName=${quote(secretRef.name)}`;
  }
  for (const { name, valueFrom } of container.env ?? []) {
    const reference = valueFrom?.secretKeyRef;
    if (reference && !listed.has(reference.name))
      return `envVar ${name} referencing secret.secretName=${quote(reference.name)}`;
  }
  return undefined;
}

const quote = (text = ""): string => JSON.stringify(text);
