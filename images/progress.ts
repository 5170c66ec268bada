/** Shows what several jobs are doing: rewritten in place on a terminal, a line per change elsewhere. */

export interface Job {
  /** What the job does now. */
  step(text: string): void;
  done(text: string): void;
  failed(text: string): void;
}

export interface Progress {
  job(name: string): Job;
  note(text: string): void;
}

const WIDTH = 28;

/** A progress display on a stream. */
export function createProgress(out: NodeJS.WriteStream): Progress {
  const lines: string[] = [];
  let drawn = 0;
  const terminal = out.isTTY;

  const draw = (): void => {
    if (!terminal) return;
    const columns = out.columns || 80;
    out.write(drawn > 0 ? `\u001B[${drawn}A\u001B[J` : "");
    out.write(lines.map((line) => `${line.slice(0, columns - 1)}\n`).join(""));
    drawn = lines.length;
  };

  const note = (text: string): void => {
    if (terminal && drawn > 0) out.write(`\u001B[${drawn}A\u001B[J`);
    drawn = 0;
    out.write(`${text}\n`);
    draw();
  };

  return {
    note,
    job(name) {
      const started = performance.now();
      const index = lines.push(`  · ${name}`) - 1;
      const show = (sign: string, text: string, always: boolean): void => {
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        lines[index] = `  ${sign} ${name.padEnd(WIDTH)} ${text}${always ? ` (${seconds} s)` : ""}`;
        if (terminal) draw();
        else if (always) out.write(`${lines[index]}\n`);
      };
      return {
        step: (text) => show("·", text, false),
        done: (text) => show("✓", text, true),
        failed: (text) => show("✗", text, true),
      };
    },
  };
}
