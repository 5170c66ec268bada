import { randomInt } from "node:crypto";

/** No vowels, no 0, 1 and 3: a generated name is never a word. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 5;
const maxBaseLength = 63 - suffixLength;

/** A name from `metadata.generateName`: the base, cut to leave room, and five random characters. */
export function generateName(base: string, random: (below: number) => number = randomInt): string {
  let suffix = "";
  for (let i = 0; i < suffixLength; i++) suffix += alphabet[random(alphabet.length)];
  return base.slice(0, maxBaseLength) + suffix;
}
