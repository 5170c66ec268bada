import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DescriptionSources, packDescriptions } from "../generate/descriptions.ts";

const root = join(import.meta.dirname, "../../../..");

/** Where the build keeps the API's sources, once it could fetch them. */
export const packagesFolder = join(root, ".coracle/cache/api-packages");

/** Where the sentences are to be found; the models are there where the project is developed and bundled. */
export function descriptionSources(): DescriptionSources | undefined {
  const models = join(root, "node_modules/@kubernetes/client-node/dist/gen/models");
  if (!existsSync(models)) return undefined;
  return { models, packages: existsSync(packagesFolder) ? packagesFolder : undefined };
}

let packed: string | undefined;

/** The bundler puts the text itself in the place of this module. */
export function packedDescriptions(): string | undefined {
  const sources = descriptionSources();
  return sources === undefined ? undefined : (packed ??= packDescriptions(sources));
}
