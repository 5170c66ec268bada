import { expect, test } from "vitest";
import { images } from "./images.ts";

test("every name and alias is used once", () => {
  const names = images.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])]);
  expect(new Set(names).size).toBe(names.length);
});

test("an image comes after the image that it is based on", () => {
  const seen = new Set<string>();
  for (const { name, recipe } of images) {
    if (recipe.how === "own" && recipe.base !== undefined) expect(seen).toContain(recipe.base);
    seen.add(name);
  }
});

test("an image of the cluster is based on images of the cluster", () => {
  for (const spec of images.filter((image) => image.for === "cluster")) {
    const base = spec.recipe.how === "own" ? spec.recipe.base : undefined;
    if (base !== undefined) expect(images.find(({ name }) => name === base)?.for).toBe("cluster");
  }
});
