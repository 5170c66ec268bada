import { readdirSync, readFileSync } from "node:fs";

/** A command of a chapter, as the reader types it, and what the chapter says they will see. */
export interface Step {
  readonly command: string;
  /** Expected output, line by line; `…` stands for any text within a line, a line of only `…` for any lines. */
  readonly expected: readonly string[];
  readonly line: number;
}

/** A small exercise with a check that tells whether it was done. */
export interface Task {
  /** `1.3` */
  readonly id: string;
  readonly title: string;
  /** Shell script; exit code 0 when the task is done. Its last line of output is shown when it is not. */
  readonly check: string;
  /** One way to do it, so that the check itself is tested. */
  readonly solution: string;
}

export interface Chapter {
  readonly number: string;
  readonly title: string;
  readonly steps: readonly Step[];
  readonly tasks: readonly Task[];
  /** Steps and tasks in reading order. */
  readonly sequence: readonly (Step | Task)[];
}

interface Block {
  readonly language: string;
  readonly lines: readonly string[];
  readonly line: number;
  readonly heading: string;
}

function* blocks(markdown: string): Generator<Block> {
  let heading = "";
  let open: { language: string; lines: string[]; line: number } | undefined;
  for (const [index, text] of markdown.split("\n").entries()) {
    const fence = /^```(\w*)$/.exec(text);
    if (fence && !open) open = { language: fence[1] ?? "", lines: [], line: index + 2 };
    else if (fence && open) {
      yield { ...open, heading };
      open = undefined;
    } else if (open) open.lines.push(text);
    else if (text.startsWith("#")) heading = text.replace(/^#+\s*/, "");
  }
  if (open) throw new Error(`line ${open.line}: a code block is not closed`);
}

/** A `console` block: lines that begin with `$ ` are typed (with `> ` for their continuation), the others are seen. */
function stepsOf(block: Block): Step[] {
  const steps: { command: string; expected: string[]; line: number }[] = [];
  for (const [index, text] of block.lines.entries()) {
    const last = steps.at(-1);
    if (text.startsWith("$ ")) steps.push({ command: text.slice(2), expected: [], line: block.line + index });
    else if (!last) throw new Error(`line ${block.line + index}: output before the first command`);
    else if (text.startsWith("> ") && last.expected.length === 0) last.command += `\n${text.slice(2)}`;
    else last.expected.push(text);
  }
  return steps;
}

/** Reads a chapter: `console` blocks are steps; a heading `Task 1.3: …` owns the `check` and `solution` blocks below it. */
export function parseChapter(markdown: string): Chapter {
  const title = /^# (\S+?)[.:]? (.*)$/m.exec(markdown);
  if (!title) throw new Error("a chapter begins with `# <number>. <title>`");
  const sequence: (Step | Task)[] = [];
  const open = new Map<string, { title: string; check?: string; solution?: string }>();
  for (const block of blocks(markdown)) {
    const task = /^Task (\S+?): (.*)$/.exec(block.heading);
    if (block.language === "console") sequence.push(...stepsOf(block));
    else if (task && (block.language === "check" || block.language === "solution")) {
      const id = task[1] ?? "";
      const entry = open.get(id) ?? { title: task[2] ?? "" };
      open.set(id, entry);
      entry[block.language] = block.lines.join("\n");
      if (entry.check !== undefined && entry.solution !== undefined)
        sequence.push({ id, title: entry.title, check: entry.check, solution: entry.solution });
    }
  }
  for (const [id, entry] of open)
    if (entry.check === undefined || entry.solution === undefined)
      throw new Error(`task ${id} needs a check and a solution`);
  return {
    number: title[1] ?? "",
    title: title[2] ?? "",
    sequence,
    steps: sequence.filter((s) => "command" in s),
    tasks: sequence.filter((s) => "id" in s),
  };
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** Whether `actual` is what the chapter shows; runs of spaces are equal, since columns widen with their content. */
export function outputMatches(expected: readonly string[], actual: string): boolean {
  const tidy = (line: string): string => line.trim().replace(/\s+/g, " ");
  const lines = expected.map(tidy).filter((l) => l !== "");
  const pattern = lines
    .map((l) => (l === "…" ? "(?:.*\n)*?" : `${l.split("…").map(escape).join(".*")}\n`))
    .join("");
  const got = actual
    .split("\n")
    .map(tidy)
    .filter((l) => l !== "")
    .map((l) => `${l}\n`)
    .join("");
  return new RegExp(`^${pattern}$`).test(got);
}

/** All chapters of this folder, in order. */
export function readChapters(folder = new URL(".", import.meta.url)): { file: string; chapter: Chapter }[] {
  return readdirSync(folder)
    .filter((f) => /^\d.*\.md$/.test(f))
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .map((file) => ({ file, chapter: parseChapter(readFileSync(new URL(file, folder), "utf8")) }));
}
