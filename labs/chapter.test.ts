import { expect, test } from "vitest";
import { outputMatches, parseChapter, readChapters } from "./chapter.ts";

const chapter = `# 9. A chapter

\`\`\`console
$ echo one
one
$ cat <<E
> two
> E
two
\`\`\`

## Task 9.1: Do it

\`\`\`solution
touch x
\`\`\`

\`\`\`check
test -f x
\`\`\`
`;

test("commands, their continuation lines and their output are told apart", () => {
  expect(parseChapter(chapter).steps).toEqual([
    { command: "echo one", expected: ["one"], line: 4 },
    { command: "cat <<E\ntwo\nE", expected: ["two"], line: 6 },
  ]);
});

test("a task has a check and a solution", () => {
  expect(parseChapter(chapter).tasks).toEqual([
    { id: "9.1", title: "Do it", check: "test -f x", solution: "touch x" },
  ]);
  expect(() => parseChapter(chapter.replace("```check", "```sh"))).toThrow(
    "task 9.1 needs a check and a solution",
  );
});

test("an unclosed block is an error that names its line", () => {
  expect(() => parseChapter("# 1. x\n```console\n$ ls\n")).toThrow("line 3");
});

test("an ellipsis stands for text in a line, or for lines", () => {
  expect(outputMatches(["pod/… created"], "pod/web-1 created\n")).toBe(true);
  expect(outputMatches(["NAME  AGE", "…"], "NAME     AGE\na 1s\nb 2s\n")).toBe(true);
  expect(outputMatches(["NAME  AGE", "a …"], "NAME AGE\nb 1s\n")).toBe(false);
  expect(outputMatches(["done"], "done\nand more\n")).toBe(false);
});

test("every chapter of the workshop can be read, and its tasks carry its number", () => {
  const all = readChapters();
  expect(all.length).toBeGreaterThan(0);
  for (const { chapter: c } of all) {
    expect(c.steps.length).toBeGreaterThan(3);
    for (const task of c.tasks) expect(task.id.startsWith(`${c.number}.`)).toBe(true);
  }
});
