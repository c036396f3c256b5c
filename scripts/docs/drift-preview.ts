import { drawWindow } from "./svg";
import { type Line, plainText, renderLines, wrapLine } from "./terminal";

/** Path of the picture, from the project's root. */
export const driftPreviewPath = "docs/images/drift-preview.svg";

const columns = 88;
/** Takes the place of the times in the output, so that every run of the demo gives the same picture. */
const time = "2027-03-08T09:41:12Z";
const blank: Line = [];
const omission: Line = [{ text: "    …", color: 8 }];

/**
 * Draws an excerpt of the drift preview in the demo's output, which must have colors. The engine refreshes resources concurrently, and prints
 * their messages and changes in any order. The picture has the program's order, with each message above the changes that it is about. It omits
 * ids and the repeated changes of the plan, shortens URNs, and has a blank line above each message instead of below.
 */
export async function drawDriftPreview(demoOutput: string): Promise<string> {
  const lines = linesOfStep(await renderLines(demoOutput));
  const excerpt = [
    find(lines, /^\$ pulumi preview/),
    find(lines, /^Previewing update/),
    ...["quick-start-lead", "quick-start-team"].flatMap((name) => [
      blank,
      find(lines, new RegExp(`^Invitation "${name}": .* changed outside Pulumi, last by `)),
      ...resource(lines, "refresh", name),
    ]),
    blank,
    find(lines, /^Invitation "quick-start-guest": deleted by /),
    omission,
    ...resource(lines, "create", "quick-start-guest").slice(0, 2),
    omission,
    ...summary(lines),
    find(lines, /^error: no changes were expected/),
  ];
  return drawWindow(
    excerpt.map(normalize).flatMap((line) => wrapLine(line, columns)),
    {
      title: "pulumi preview --refresh --diff --expect-no-changes",
      description:
        "Terminal output of the drift preview: an invitation's role and singleUse were changed in authentik, the expiry of " +
        "another was moved, and a third was deleted. Messages name the user who made each change, and a diff shows each changed " +
        "line. Pulumi plans to create one invitation and update two, and fails because no changes were expected.",
      columns,
    },
  );
}

/** The lines from this command to the next one. */
function linesOfStep(lines: readonly Line[]): Line[] {
  const start = lines.findIndex((line) => /^\$ pulumi preview .*--diff/.test(plainText(line)));
  if (start === -1) throw new Error("The demo's output has no drift preview.");
  const length = lines.slice(start + 1).findIndex((line) => plainText(line).startsWith("$ pulumi "));
  return lines.slice(start, length === -1 ? undefined : start + 1 + length);
}

function find(lines: readonly Line[], pattern: RegExp): Line {
  const line = lines.find((candidate) => pattern.test(plainText(candidate)));
  if (line === undefined) throw new Error(`The drift preview has no line ${pattern}.`);
  return line;
}

/** The error is not part of it: Pulumi writes that to standard error, so it can arrive in between. */
function summary(lines: readonly Line[]): Line[] {
  const start = lines.indexOf(find(lines, /^Resources:/));
  const end = lines.indexOf(find(lines, /^ +\d+ changes\. \d+ unchanged/));
  return lines.slice(start, end + 1).filter((line) => !plainText(line).startsWith("error: "));
}

/**
 * The lines of a resource: a header that is indented by four, then lines that are indented by more, without ids. The header of a component's child
 * is indented by more as well, and may come next.
 */
function resource(lines: readonly Line[], operation: "refresh" | "create", name: string): Line[] {
  const texts = lines.map(plainText);
  const start = texts.findIndex(
    (text, index) =>
      text.endsWith(`: (${operation})`) && texts.slice(index, index + 3).some((next) => next.endsWith(`::${name}]`)),
  );
  if (start === -1) throw new Error(`The drift preview does not ${operation} ${name}.`);
  const isEnd = (text: string): boolean => !text.startsWith("      ") || /: \(\w+\)$/.test(text);
  const length = texts.slice(start + 1).findIndex(isEnd);
  return lines.slice(start, start + 1 + length).filter((line) => !/^ *(\[id=.*\]|--outputs:--)$/.test(plainText(line)));
}

function normalize(line: Line): Line {
  return line.map((span) => ({
    ...span,
    text: span.text
      .replace(/ on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/, ` on ${time}`)
      .replace(/\[urn=(urn:pulumi:\w+)::.*::/, "[urn=$1::…::"),
  }));
}
